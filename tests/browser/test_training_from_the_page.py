"""The main job: the built-in profile is started from the page, on a third of its records, and watched until it is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from console_server import ConsoleServer

pytestmark = [pytest.mark.browser, pytest.mark.training, pytest.mark.slow]


def test_the_built_in_training_is_started_and_watched_to_its_end(
    serve: Callable[..., ConsoleServer], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    for module in ("torch", "transformers", "datasets"):
        pytest.importorskip(module)
    server = serve()
    fewer = {"name": "Fewer records", "engine": "transformers", "values": {"data.max_samples": 1600}}
    assert server.http.post("/presets", json=fewer).status_code == 201
    guest = visit(server)
    page = guest.page
    page.get_by_role("combobox", name="Profile").select_option("tiny-moe")
    until(lambda: page.get_by_role("combobox", name="Dataset").input_value() != "")
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    page.get_by_role("combobox", name="Preset").select_option(label="Fewer records")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/runs/*")
    until(lambda: page.get_by_role("status").count() == 1)
    until(lambda: guest.state == "Training", timeout=180, every=0.5)

    overall = page.get_by_role("progressbar", name="Overall progress")

    def progress() -> float:
        return float(overall.get_attribute("aria-valuenow") or 0)

    until(lambda: progress() > 25, timeout=300, every=0.5)
    before = progress()
    page.reload()
    until(lambda: page.get_by_role("status").count() == 1 and progress() >= before)
    coverage = page.get_by_role("figure", name="Expert coverage")
    until(lambda: "8 experts, 2 active" in coverage.inner_text())
    until(lambda: re.search(r"E\d \d+%", coverage.inner_text()))
    until(lambda: re.search(r"\d\.\d{4}", page.get_by_role("figure", name="Loss").inner_text()))

    until(lambda: guest.state == "Done", timeout=420, every=0.5)
    until(lambda: overall.get_attribute("aria-valuenow") == "100")
    assert page.get_by_role("progressbar", name="Epoch progress").get_attribute("aria-valuenow") == "100"
    run_id = page.url.rpartition("/")[2]
    summary = guest.server.get(f"/runs/{run_id}")["summary"]
    assert summary["state"] == "done"
    until(lambda: f"{summary['loss']:.4f}" in page.get_by_role("figure", name="Loss").inner_text())
    page.get_by_role("button", name="Back to overview").click()
    until(lambda: "Done" in page.get_by_role("region", name="Recent").inner_text())
    assert guest.complaints == []
    assert guest.foreign == [], "a request left the machine"
