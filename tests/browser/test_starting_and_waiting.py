"""From the overview: a setting that a profile leaves open, what was checked, the queue, and a trainer that dies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer

pytestmark = pytest.mark.browser

_HOLD = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.02)"

_COUNTS = """import gladius, time
run = gladius.start(total_steps=40)
for step, _ in run.steps(range(40)):
    time.sleep(0.02)
"""


def _probes_end_in_three_ways(
    page: Any, server: ConsoleServer, hold: Path, dies: Path, until: Callable[..., Any]
) -> None:
    """Measured, cancelled, failed; none of them is a run."""
    runs = set(server.home.runs.iterdir())
    counts = server.home.root / "counts.py"
    counts.write_text(_COUNTS)
    page.get_by_role("textbox", name="script.file").fill(str(counts))
    probe = page.get_by_role("button", name="Probe: 3 steps")
    until(probe.is_enabled)
    probe.click()
    measured = page.get_by_role("region", name="Probe")
    until(lambda: "It fits." in measured.inner_text())
    rows = dict(zip(measured.locator("dt").all_inner_texts(), measured.locator("dd").all_inner_texts(), strict=True))
    assert rows["Steps of the run"] == "40" and "MB of" in rows["Memory at most"] and rows["A step"].endswith("s")
    page.get_by_role("textbox", name="script.file").fill(str(hold))
    until(lambda: measured.count() == 0 and probe.is_enabled())
    probe.click()
    page.get_by_role("button", name="Cancel probe").click()
    until(lambda: "The probe was cancelled." in measured.inner_text())
    page.get_by_role("textbox", name="script.file").fill(str(dies))
    until(lambda: measured.count() == 0 and probe.is_enabled())
    probe.click()
    until(lambda: "The probe failed." in measured.inner_text())
    assert "No module named 'nothing_like_this'" in measured.inner_text()
    assert set(server.home.runs.iterdir()) == runs and not list(server.home.probes.iterdir())


def test_a_choice_is_checked_started_waits_is_moved_cancelled_and_its_failure_told(
    serve: Callable[..., ConsoleServer], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server = serve(slots=1)
    home = server.home
    hold, dies = home.root / "hold.py", home.root / "dies.py"
    hold.write_text(_HOLD)
    dies.write_text("import nothing_like_this")
    body = f'engine: script\nneeds_dataset: false\npython: {sys.executable}\nargv: ["{{python}}", "{{script.file}}"]\n'
    (home.profiles / "mine.yaml").write_text(f"{body}config:\n  script: {{file: null}}\n  train: {{rate: 0.1}}\n")

    guest = visit(server)
    page = guest.page
    form, start = page.get_by_role("region", name="Start training"), page.get_by_role("button", name="Start training")
    until(lambda: page.get_by_role("combobox", name="Profile").is_enabled())
    page.get_by_role("combobox", name="Profile").select_option("mine")
    assert start.is_disabled() and "give script.file" in form.inner_text()
    file = page.get_by_role("textbox", name="script.file")
    file.fill("/no/such.py")
    until(lambda: "There is no script /no/such.py" in form.inner_text())
    until(lambda: start.is_disabled())
    file.fill(str(hold))
    until(lambda: "It starts at once." in form.inner_text())
    form.get_by_text("Settings of this run").click()
    page.get_by_role("textbox", name="train.rate").fill("0.5")
    until(start.is_enabled)
    start.click()
    page.wait_for_url("**/runs/*")
    first = page.url.rpartition("/")[2]
    assert "rate: 0.5" in (home.run(first).root / "config.yaml").read_text()

    for name in ("a", "b"):
        override = {"script.file": str(dies if name == "b" else hold)}
        answer = server.http.post("/runs", json={"profile_id": "mine", "name": name, "overrides": override})
        assert answer.json()["state"] == "queued"
    page.get_by_role("button", name="Back to overview").click()
    queue = page.get_by_role("region", name="Queue")
    until(lambda: queue.get_by_role("listitem").count() == 2)
    queue.get_by_role("button", name="Move b up").click()
    until(lambda: [one["name"] for one in server.get("/queue")["waiting"]] == ["b", "a"])
    until(lambda: queue.get_by_role("link").all_inner_texts() == ["b", "a"])
    queue.get_by_role("button", name="Cancel a").click()
    until(lambda: queue.get_by_role("listitem").count() == 1)
    until(lambda: {one["name"]: one["state"] for one in server.get("/runs")["runs"]}["a"] == "cancelled")

    page.get_by_role("combobox", name="Profile").select_option("mine")
    page.get_by_role("textbox", name="script.file").fill(str(dies))
    until(lambda: "it will wait, 2 in the queue" in form.inner_text())
    assert start.inner_text() == "Wait as no. 2"
    start.click()
    until(lambda: queue.get_by_role("listitem").count() == 2)
    until(lambda: "Queued" in form.inner_text())
    (home.run(first).root / "go").touch()
    until(lambda: "No module named 'nothing_like_this'" in form.inner_text(), timeout=40)
    until(lambda: queue.count() == 0 and not server.get("/queue")["running"])

    _probes_end_in_three_ways(page, server, hold, dies, until)
    assert guest.complaints == []
