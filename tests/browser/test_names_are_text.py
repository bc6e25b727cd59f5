"""Whatever anybody named a run, a metric or a line of output: a real Chromium shows it as text, and runs none of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from watched_page import House, Visitor

pytestmark = pytest.mark.browser

IMAGE, CLOSED, TURNED = "<img src=x onerror=window.ran=1>", '"><script>window.ran=2</script>', "photo\u202egnp.exe"
LISTEN = "window.ran = 0; document.addEventListener('securitypolicyviolation', () => window.ran = 3);"


FLOW = {"id": "strange", "name": IMAGE, "description": IMAGE, "steps": [{"id": "status", "cmd": "STATUS", "args": {}}]}
PROFILE = f"""
name: '{IMAGE}'
description: '{IMAGE}'
engine: script
needs_dataset: false
argv: ["true"]
"""


def test_names_with_markup_are_shown_as_text_and_run_nothing(
    house: House, guest: Visitor, until: Callable[..., Any]
) -> None:
    run = house.run()
    run.metrics(1, **{f"train__{IMAGE}": 1.0, "train__loss": 2.0}).alert("strange", IMAGE)
    run.directory.console_log.write_bytes(f"{IMAGE} \x1b]8;;javascript:window.ran=4\x07click\x1b]8;;\x07\n".encode())
    for folder, name, text in (
        ("profiles", "strange.yaml", PROFILE),
        ("flows", "strange.json", json.dumps(FLOW)),
        ("datasets", f"{IMAGE}.jsonl", f'{{"text": "{IMAGE}"}}\n'),
    ):
        house.home.root.joinpath(folder).mkdir(exist_ok=True)
        house.home.root.joinpath(folder, name).write_text(text, encoding="utf-8")
    path = f"/runs/{run.directory.run_id}"
    patch = {"name": f"{IMAGE}{CLOSED}", "tags": [CLOSED], "notes": f"{IMAGE} [x](javascript:window.ran=5)"}
    answer = house.server.http.patch(path, json=patch)
    assert answer.status_code == 200, answer.text
    mine = guest(LISTEN)
    page = mine.page
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    compared = f"/compare?runs={run.directory.run_id}"
    named = ("/", "/runs", path, "/flows", "/catalog/profiles", "/catalog/datasets")
    for where in (*named, compared, "/catalog/presets", "/catalog/documents", "/settings/audit"):
        mine.open(where)
        if where in named:
            until(lambda: IMAGE in page.locator("body").inner_text())
        assert page.evaluate("window.ran") == 0, where
        assert page.locator("img[src=x], script:not([src])").count() == 0, where
        assert page.locator("a[href^='javascript:']").count() == 0, where
    house.settle(until)
