"""Runs beside each other on a real page: curves, results, settings, live growth, the link, the files."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watched_page import Guest, House, LiveStory, Visitor

Until = Callable[..., Any]


def tell(house: House, name: str, points: int, loss: float, config: str, ends: bool = True) -> LiveStory:
    """A run of the past hour, one step a second."""
    run = house.run()
    run.directory.annotations.write_text(json.dumps({"name": name}))
    run.directory.attempt_config(1).write_text(config)
    for step in range(points):
        run.behind = 3600.0 - step
        values: dict[str, Any] = {"train/loss": loss + math.exp(-step / 20)}
        if step % 10 == 9:
            values["eval/loss"] = loss + 1 / step
            values["eval/accuracy"] = step / points
        run.trainer.metrics(values, step, step / points, None)
    run.behind = 0.0 if not ends else run.behind
    if ends:
        run.state("done").exited("finished", code=0)
        assert run.lock is not None
        run.lock.release()
    return run


@pytest.fixture(scope="module")
def told(house: House) -> dict[str, LiveStory]:
    one = tell(house, "baseline", 60, 1.0, "train:\n  learning_rate: 0.1\n  seed: 7\n")
    other = tell(house, "warm", 40, 0.5, "train:\n  learning_rate: 0.2\n  seed: 7\n  warmup: 5\n")
    live = tell(house, "goes on", 20, 0.8, "train:\n  learning_rate: 0.1\n  seed: 7\n", ends=False)
    return {"one": one, "other": other, "live": live}


@pytest.fixture(scope="module")
def visitor(browser: Any, house: House) -> Iterator[Guest]:
    one = Guest(browser, house.server, accept_downloads=True)
    yield one
    one.close()


def address(told: dict[str, LiveStory], *more: str, rest: str = "") -> str:
    ids = [run.directory.run_id for run in told.values()]
    return f"/compare?runs={','.join([*ids, *more])}{rest}"


def query(page: Any) -> str:
    return str(page.evaluate("location.search"))


def test_curves_results_and_settings_of_three_runs_stand_together(
    visitor: Guest, told: dict[str, LiveStory], until: Until
) -> None:
    page = visitor.open(address(told, "nobody"))
    results = page.get_by_role("region", name="Results")
    results.locator("[data-result]").nth(2).wait_for()
    assert "No run 'nobody'" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Leave out").click()
    until(lambda: "nobody" not in query(page))

    figures = page.get_by_role("region", name="Curves").get_by_role("figure")
    assert [figures.nth(i).get_attribute("aria-label") for i in range(2)] == ["eval/loss", "train/loss"]
    row = results.locator(f"[data-result='{told['other'].directory.run_id}']").inner_text()
    assert "0.5256" in row and "step 39" in row and "lowest of all" in row
    settings = page.get_by_role("region", name="Settings")
    rows = settings.locator("[data-setting]")
    assert [rows.nth(i).get_attribute("data-setting") for i in range(2)] == ["train.learning_rate", "train.warmup"]
    assert [word.strip() for word in rows.nth(1).locator("td").all_inner_texts()] == ["—", "5", "—"]
    assert rows.nth(0).locator(".odd").inner_text() == "0.2"
    page.get_by_role("switch", name="Show all").check()
    until(lambda: rows.count() == 3 and "all=1" in query(page))
    assert visitor.violations() == []


def test_a_run_that_trains_goes_on_growing(visitor: Guest, told: dict[str, LiveStory], until: Until) -> None:
    live = told["live"]
    page = visitor.open(address(told, rest="&metric=train/loss&axis=step"))
    row = page.locator(f"[data-result='{live.directory.run_id}']")
    row.get_by_text("Training").wait_for()
    figure = page.get_by_role("figure", name="train/loss")
    figure.get_by_role("button", name="Menu of").click()
    page.get_by_role("menuitemcheckbox", name="Data table").click()
    course = visitor.server.get(f"/runs/{live.directory.run_id}/metrics", name="train/loss")["series"]["train/loss"]
    rows = max(60, course["step"][-1] + 1)
    figure.get_by_text(f"Rows: {rows}").wait_for()
    for step in range(rows, rows + 4):
        live.trainer.metrics({"train/loss": 8 / rows}, step, None, None)
    figure.get_by_text(f"Rows: {rows + 4}").wait_for()
    until(lambda: f"{8 / rows:.4f}" in row.inner_text(), timeout=15)
    figure.get_by_role("button", name="Back to the chart").click()


def test_a_link_shows_the_same_view_and_colours_stay_with_their_runs(
    visitor: Guest, told: dict[str, LiveStory], until: Until
) -> None:
    page = visitor.open(address(told, rest="&metric=train/loss&smooth=0.5&log=1&axis=time"))
    legend = page.get_by_role("list", name="Compared runs")
    strokes = legend.locator("line")
    until(lambda: strokes.count() == 3)
    colours = [strokes.nth(i).get_attribute("stroke") for i in range(3)]
    assert len(set(colours)) == 3
    legend.get_by_role("button", name="Take warm out").click()
    until(lambda: strokes.count() == 2)
    assert [strokes.nth(i).get_attribute("stroke") for i in range(2)] == [colours[0], colours[2]]
    assert "slots=0,2" in query(page)
    legend.get_by_role("button", name="Show baseline").click()
    until(lambda: "hide=" in query(page))
    page.get_by_label("By").select_option("time of day")
    page.get_by_role("slider", name="Smoothing").fill("0.75")
    until(lambda: "axis=clock" in query(page) and "smooth=0.75" in query(page))
    before = query(page)

    page = visitor.open("/compare" + before)
    legend.get_by_role("button", name="Show baseline", pressed=False).wait_for()
    assert [strokes.nth(i).get_attribute("stroke") for i in range(2)] == [colours[0], colours[2]]
    assert page.get_by_label("By").input_value() == "clock" and query(page) == before
    assert page.get_by_role("slider", name="Smoothing").input_value() == "0.75"
    assert page.get_by_role("checkbox", name="Log scale").is_checked()


def test_runs_and_charts_are_chosen_and_one_run_says_what_is_missing(
    visitor: Guest, told: dict[str, LiveStory], until: Until
) -> None:
    page = visitor.open("/compare")
    page.get_by_text("Choose 2 to 20 runs").wait_for()
    page.get_by_role("button", name="Choose runs").first.click()
    picker = page.get_by_role("dialog")
    picker.get_by_role("searchbox").fill("warm")
    until(lambda: picker.get_by_role("checkbox").count() == 1)
    picker.get_by_role("checkbox").check()
    picker.get_by_role("button", name="Compare").click()
    page.get_by_text("One run alone").wait_for()
    page.get_by_role("button", name="Choose runs").click()
    picker.get_by_role("checkbox", name="baseline").check()
    picker.get_by_text("Chosen: 2").wait_for()
    picker.get_by_role("button", name="Compare").click()
    page.locator("[data-result]").nth(1).wait_for()

    page.get_by_role("button", name="Choose charts").click()
    picker.get_by_role("checkbox", name="eval/accuracy").check()
    picker.get_by_role("button", name="Apply").click()
    page.get_by_role("figure", name="eval/accuracy").wait_for()
    heads = page.get_by_role("region", name="Results").locator("thead").inner_text()
    assert "highest" in heads, "nobody knows which end of an accuracy is the better one"


def test_results_curves_and_a_chart_are_saved(visitor: Guest, told: dict[str, LiveStory], tmp_path: Path) -> None:
    page = visitor.open(address(told, rest="&metric=train/loss&axis=step"))
    page.locator("[data-result]").nth(2).wait_for()

    def saved(press: Callable[[], Any]) -> str:
        with page.expect_download() as download:
            press()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        return path.read_text()

    def export(name: str) -> str:
        page.get_by_role("button", name="Export", exact=True).click()
        return saved(lambda: page.get_by_role("menuitem", name=name).click())

    rows = list(csv.DictReader(export("Results, CSV").splitlines()))
    assert [row["name"] for row in rows] == ["baseline", "warm", "goes on"]
    assert float(rows[1]["train/loss lowest"]) == pytest.approx(0.5 + math.exp(-39 / 20), abs=1e-12)
    curves = list(csv.DictReader(export("Curves").splitlines()))
    assert sum(row["name"] == "baseline" for row in curves) == 60
    assert [run["name"] for run in json.loads(export("JSON"))["runs"]] == ["baseline", "warm", "goes on"]

    figure = page.get_by_role("figure", name="train/loss")
    figure.locator(".u-over").wait_for()

    def picture(name: str) -> str:
        figure.get_by_role("button", name="Menu of").click()
        return saved(lambda: page.get_by_role("menuitem", name=name).click())

    svg = picture("SVG")
    assert all(f">{name}</text>" in svg for name in ("baseline", "warm", "goes on"))
    beside = list(csv.DictReader(picture("CSV").splitlines()))
    assert beside[0].keys() == {"step", "baseline", "warm", "goes on"} and beside[50]["warm"] == ""


def test_the_pointer_and_the_keys_read_values_and_one_run_stands_out(
    visitor: Guest, told: dict[str, LiveStory], until: Until
) -> None:
    page = visitor.open(address(told, rest="&metric=train/loss&axis=step"))
    figure = page.get_by_role("figure", name="train/loss")
    over = figure.locator(".u-over")
    over.wait_for()
    until(lambda: re.search(r"\d", page.locator("[data-result]").first.inner_text()))
    box = over.bounding_box()
    figure.focus()
    page.keyboard.press("ArrowLeft")
    until(lambda: re.search(r"step \d+", figure.locator("[aria-live]").inner_text()))
    page.keyboard.press("Escape")

    def on_a_curve() -> bool:
        """Down a column of the chart, until the pointer lies on one."""
        for share in range(5, 100, 5):
            page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * share / 100)
            if page.locator("[data-run].lit").count() == 1:
                return True
        return False

    until(on_a_curve)
    assert figure.locator(".told").inner_text().startswith("step ")


def test_a_console_offers_its_comparison_with_earlier_runs(
    guest: Visitor, told: dict[str, LiveStory], until: Until
) -> None:
    one = guest()
    page = one.open(f"/runs/{told['live'].directory.run_id}")
    page.get_by_role("heading", name="Loss").wait_for()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Find an action").fill("compare with earlier")
    page.keyboard.press("Enter")
    until(lambda: page.locator("[data-result]").count() == 3)
    assert page.get_by_role("link", name="Compare").get_attribute("aria-current") == "page"
    assert one.complaints == [] and one.foreign == []
