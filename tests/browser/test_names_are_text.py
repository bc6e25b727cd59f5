"""Whatever anybody named a run, a metric or a line of output: a real Chromium shows it as text, and runs none of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from watched_page import House, Visitor

from gladius.store.trash import Trash
from gladius.users.book import Book

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


@pytest.fixture(scope="module")
def run(house: House) -> str:
    """The id of a run whose name is markup, as are those of all else in the home."""
    told = house.run()
    told.metrics(1, **{f"train__{IMAGE}": 1.0, "train__loss": 2.0}).alert("strange", IMAGE)
    told.directory.console_log.write_bytes(f"{IMAGE} \x1b]8;;javascript:window.ran=4\x07click\x1b]8;;\x07\n".encode())
    for folder, name, text in (
        ("profiles", "strange.yaml", PROFILE),
        ("flows", "strange.json", json.dumps(FLOW)),
        ("datasets", f"{IMAGE}.jsonl", f'{{"text": "{IMAGE}"}}\n'),
    ):
        house.home.root.joinpath(folder).mkdir(exist_ok=True)
        house.home.root.joinpath(folder, name).write_text(text, encoding="utf-8")
    patch = {"name": f"{IMAGE}{CLOSED}", "tags": [CLOSED], "notes": f"{IMAGE} [x](javascript:window.ran=5)"}
    answer = house.server.http.patch(f"/runs/{told.directory.run_id}", json=patch)
    assert answer.status_code == 200, answer.text
    return told.directory.run_id


def harmless(page: Any, where: str) -> None:
    """Nothing of it became part of the page."""
    assert page.evaluate("window.ran") == 0, where
    assert page.locator("img[src=x], script:not([src])").count() == 0, where
    assert page.locator("a[href^='javascript:']").count() == 0, where


def test_names_with_markup_are_shown_as_text_and_run_nothing(
    house: House, guest: Visitor, run: str, until: Callable[..., Any]
) -> None:
    mine = guest(LISTEN)
    page = mine.page
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    named = ("/", "/runs", f"/runs/{run}", "/flows", "/catalog/profiles", "/catalog/datasets")
    for where in (*named, f"/compare?runs={run}", "/catalog/presets", "/catalog/documents", "/settings/audit"):
        mine.open(where)
        if where in named:
            until(lambda: IMAGE in page.locator("body").inner_text())
        harmless(page, where)


def test_dialogs_and_names_of_people_are_text_too(
    browser: Any, house: House, guest: Visitor, run: str, until: Callable[..., Any]
) -> None:
    gone = house.home.new_run(IMAGE, {"source": "script"})
    Trash(house.home).put(gone)
    preset = house.server.http.post(
        "/presets", json={"name": IMAGE, "engine": "transformers", "values": {"train.epochs": 1}}
    )
    assert preset.is_success, preset.text
    # No name that the server takes is markup; a file that was written by hand may hold one.
    book = Book(house.home.users)
    book.add_user("stranger", "admin", None)
    book.create_token("nightly", "viewer", None)
    people = house.home.users.read_text(encoding="utf-8")
    house.home.users.write_text(people.replace("stranger", IMAGE).replace("nightly", TURNED + IMAGE), encoding="utf-8")

    page = guest(LISTEN).page
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    shown = page.get_by_role("dialog")

    def asks(where: str, button: str, *, first: str = "") -> None:
        """The dialog behind a button has the name on it, as text."""
        if where:
            page.goto(house.server.url + where)
        if first:
            page.get_by_role("button", name=first).first.click()
        page.get_by_role("button", name=button).first.click()
        until(lambda: IMAGE in shown.inner_text())
        harmless(page, button)

    def close() -> None:
        page.keyboard.press("Escape")
        until(lambda: shown.count() == 0)

    for where, button, first in (
        ("/catalog/profiles", "Delete", IMAGE),
        ("/catalog/presets", f"Delete preset {IMAGE}", IMAGE),
        ("/catalog/datasets", "Delete", IMAGE),
        ("/flows", f"Run {IMAGE}", ""),
        ("/runs", "Trash", ""),
        ("/compare", "Choose runs", ""),
        ("/settings/tokens", "Revoke", ""),
        ("/settings/users", f"Remove {IMAGE}", ""),
        ("", f"Link for {IMAGE}", ""),
    ):
        asks(where, button, first=first)
        if not button.startswith("Link"):
            close()
    link = shown.get_by_role("textbox", name="Link").input_value()
    close()
    page.get_by_role("button", name="Add user").click()
    shown.get_by_role("textbox", name="Name").fill(IMAGE)
    shown.get_by_role("button", name="Add user").click()
    until(lambda: f"'{IMAGE}' cannot be a name." in shown.inner_text())
    harmless(page, "a name that is refused")
    close()
    page.goto(house.server.url + "/runs")
    page.get_by_role("checkbox", name=f"Select {IMAGE}").check()
    asks("", "Delete")
    close()
    page.keyboard.press("Control+K")
    until(lambda: IMAGE in page.locator("dialog:modal").inner_text())
    harmless(page, "the palette")

    other = browser.new_context(locale="en-US")
    other.add_init_script(LISTEN)
    stranger = other.new_page()
    stranger.goto(link)
    stranger.get_by_role("button", name="User menu").click()
    until(lambda: IMAGE in stranger.get_by_role("menu", name="User menu").inner_text())
    harmless(stranger, "the menu of who is called so")
    other.close()
