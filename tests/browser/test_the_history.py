"""The history page: found, sorted, tagged, described, compared, deleted and restored by clicks and keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from console_server import ConsoleServer
from ended_run import ended_run
from judge import violations
from signed_in import Visit

from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import safe_read_json

Visitor = Callable[..., Visit]
Serve = Callable[..., ConsoleServer]


def rows(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("tbody a.name").all_inner_texts()]


def say_something_of(page: Any, cat: RunDir, until: Callable[..., object]) -> None:
    """A tag, a name and notes, by their controls; what looks like markup stays text."""
    row = page.get_by_role("row").filter(has_text="cat")
    row.get_by_role("button", name="Add a tag").click()
    page.keyboard.type("<b>keep</b>")
    page.keyboard.press("Enter")
    row.get_by_text("<b>keep</b>", exact=True).wait_for()
    until(lambda: (safe_read_json(cat.annotations) or {}).get("tags") == ["<b>keep</b>"])
    row.get_by_role("button", name="Take the tag").click()
    until(lambda: (safe_read_json(cat.annotations) or {}).get("tags") == [])
    row.get_by_role("button", name=re.compile("Name, tags and notes")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Notes").fill("<img src=x onerror=alert(1)>")
    dialog.get_by_label("Name").fill("lion")
    assert violations(page) == []
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="lion").wait_for()
    assert (safe_read_json(cat.annotations) or {})["notes"] == "<img src=x onerror=alert(1)>"


def test_a_person_finds_describes_compares_deletes_and_restores_runs(
    home: Home, serve: Serve, visit: Visitor, until: Callable[..., object]
) -> None:
    ended_run(home, "ant", [3.0, 0.5], dataset="poems", tags=["small"])
    bee = ended_run(home, "bee", [3.0, 2.5], "error", "failed")
    cat = ended_run(home, "cat", [3.0, 1.5], "cancelled")
    server = serve()
    visitor = visit(server)
    page = visitor.open("/runs")
    page.get_by_role("link", name="ant").wait_for()
    header = page.get_by_role("columnheader", name="Final loss")
    header.get_by_role("button").click()
    until(lambda: rows(page) == ["ant", "cat", "bee"])
    assert header.get_attribute("aria-sort") == "ascending" and page.url.endswith("/runs?sort=loss")
    header.get_by_role("button").click()
    until(lambda: rows(page) == ["bee", "cat", "ant"])
    page.get_by_role("combobox", name="Any state").select_option("error")
    until(lambda: rows(page) == ["bee"])
    page.reload()
    page.get_by_role("link", name="bee").wait_for()
    assert rows(page) == ["bee"], "the address says all of it"
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("searchbox").fill("poems")
    until(lambda: rows(page) == ["ant"])
    assert "q=poems" in page.url
    page.get_by_role("searchbox").fill("")
    until(lambda: len(rows(page)) == 3)

    say_something_of(page, cat, until)
    page.get_by_role("link", name="bee").focus()
    page.keyboard.press(" ")
    assert page.get_by_role("button", name="Compare").is_disabled()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.get_by_text("2 selected").wait_for()
    until(lambda: not violations(page))
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare?runs=*")
    assert page.url.split("runs=")[1].split(",") == [bee.run_id, cat.run_id]

    page = visitor.open("/runs?sort=loss")
    page.get_by_role("checkbox", name="Select bee").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    until(lambda: rows(page) == ["ant", "lion"])
    assert not bee.root.exists()
    page.get_by_role("button", name="Trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    page.get_by_text("The trash is empty.").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    until(lambda: rows(page) == ["ant", "lion", "bee"])
    assert bee.run_json.exists() and visitor.complaints == [] and visitor.foreign == []


def test_a_live_run_changes_in_its_place_and_a_new_one_is_announced(
    home: Home, serve: Serve, visit: Visitor, train: Callable[..., Any], until: Callable[..., object]
) -> None:
    first = train(name="first")
    page = visit(serve(), viewport={"width": 390, "height": 844}).open("/runs")
    page.get_by_role("link", name="first").wait_for()
    first.order(steps=3)
    until(lambda: "1.6667" in page.locator("tbody tr").inner_text() or "1.667" in page.locator("tbody tr").inner_text())
    ended_run(home, "old")
    second = train(name="second")
    second.order(steps=1)
    page.get_by_role("button", name=re.compile("new runs: show")).wait_for()
    assert rows(page) == ["first"], "rows keep their places"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name=re.compile("new runs: show")).click()
    until(lambda: {"first", "second"} <= set(rows(page)))
