"""The live training stream: everything that is done with a log, done for real and looked at where it has its effect."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from scripted_run import ScriptedRun
from signed_in import Visit

from gladius.pulse.rundir import Home

pytestmark = pytest.mark.browser

LINES = 29_999
BAR = "".join(f"\r{n:3d}%|{'#' * (n * 2)}| {n}/100 [loss=0.12, {'x' * 80}]" for n in range(101))
HOSTILE = (
    "before\x1b]0;stolen title\x07\x1b]52;c;c3RvbGVu\x07\x1b[6n\x1b[?1049h\x1b[2J\x1b[20A\x1b]8;;javascript:alert(1)\x07link"
    "\x1b]8;;\x07\0 \x1bP+q544e\x1b\\ report\u202egnp.exe\n"
)


def line(number: int) -> str:
    level = "[WARN] " if number % 1000 == 0 else ""
    return f"{level}Epoch 1 | Batch {number} | Loss: {4 / number:.4f}"


class Log:
    """A run with a long log, and a page before it."""

    def __init__(self, server: ConsoleServer, run: ScriptedRun, visit: Visit) -> None:
        self.server, self.run, self.visit, self.page = server, run, visit, visit.page
        self.region = self.page.get_by_role("region", name="Live training stream")
        self.screen = self.region.locator(".xterm-screen")
        self.follows = self.region.get_by_role("switch", name="Auto-scroll")

    @property
    def rows(self) -> str:
        return str(self.region.locator(".xterm-rows").inner_text()).replace("\xa0", " ")

    @property
    def is_following(self) -> bool:
        return bool(self.follows.get_attribute("aria-checked") == "true")

    def button(self, name: str | re.Pattern[str]) -> Any:
        return self.region.get_by_role("button", name=name)

    def focus(self) -> None:
        self.region.locator(".xterm-helper-textarea").focus()

    def shows(self, number: int) -> bool:
        return re.search(rf"Batch {number} ", self.rows) is not None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ConsoleServer, ScriptedRun]]:
    house = Home(tmp_path_factory.mktemp("log") / "home")
    house.create()
    started: list[subprocess.Popen[str]] = []

    def spawn(*argv: object, **options: Any) -> subprocess.Popen[str]:
        given = {"stdout": subprocess.PIPE, **options}
        started.append(forge.start(*argv, **given))
        return started[-1]

    server = ConsoleServer(spawn, house)
    run = ScriptedRun(spawn, house, name="long log")
    run.order(print="".join(line(number) + "\n" for number in range(1, LINES + 1)))
    offset = run.directory.console_log.read_bytes().index(b"Epoch 1 | Batch 500 |")
    numbers = {"values": {"train/loss": 1.0}, "step": 500, "epoch": 0.1, "log_offset": offset}
    run.order(events=[["metrics", numbers]])
    yield server, run
    run.process.kill()
    server.terminate()
    for process in started:
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    one = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="en-US", permissions=["clipboard-read", "clipboard-write"]
    )
    yield one
    one.close()


@pytest.fixture
def log(trained: tuple[ConsoleServer, ScriptedRun], context: Any, until: Callable[..., Any]) -> Iterator[Log]:
    """The page anew, with nothing of what an earlier test chose, and the last line last, whatever one has written."""
    server, run = trained
    run.order(print="\n" + line(LINES) + "\n")
    visit = Visit(context, server)
    visit.page.evaluate("for (const key of Object.keys(localStorage)) localStorage.removeItem(key)")
    visit.open(f"/runs/{run.run_id}")
    opened = Log(server, run, visit)
    until(lambda: opened.shows(LINES))
    yield opened
    assert visit.complaints == []
    assert visit.foreign == []
    visit.page.close()


def test_a_bar_is_one_line_and_nothing_hostile_has_an_effect(log: Log, until: Callable[..., Any]) -> None:
    log.page.evaluate("navigator.clipboard.writeText('mine')")
    title = log.page.title()
    mark = token_hex(4)
    log.run.order(print=mark + HOSTILE + "[ERROR] red\n" + BAR)
    until(lambda: "100/100" in log.rows.partition(mark)[2])
    rows = log.rows.partition(mark)[2]
    assert rows.count("| 100/100") == 1 and "| 99/100" not in rows, "one picture, although it is wider than the screen"
    assert "before" in rows and "link" in rows
    assert "report�gnp.exe" in rows, "what turns a name around is shown"
    assert log.page.title() == title
    assert log.page.evaluate("navigator.clipboard.readText()") == "mine"
    colour = log.region.locator(".xterm-rows span", has_text=re.compile(r"^\[ERROR\]$"))
    assert "xterm-fg-1" in (colour.first.get_attribute("class") or "")


def test_scrolling_up_holds_the_view_and_a_button_counts_what_came(log: Log, until: Callable[..., Any]) -> None:
    assert log.is_following
    log.screen.hover()
    log.page.mouse.wheel(0, -600)
    until(lambda: not log.is_following)
    held = log.rows
    log.run.order(print="".join(f"new {n}\n" for n in range(37)))
    until(lambda: log.button("37 new lines below").count() == 1)
    assert log.rows == held
    log.button("37 new lines below").click()
    until(lambda: "new 36" in log.rows and log.is_following)
    assert log.button(re.compile("below|To the end")).count() == 0
    log.follows.click()
    until(lambda: not log.is_following)
    log.run.order(print=line(LINES) + "\n")
    until(lambda: log.button("1 new lines below").count() == 1)
    log.follows.click()
    until(lambda: log.is_following and log.shows(LINES))


def test_the_keys_of_a_terminal_scroll_it_and_tab_leaves_it(log: Log, until: Callable[..., Any]) -> None:
    def top() -> int:
        return int((re.findall(r"Batch (\d+)", log.rows) or ["0"])[0])

    log.focus()
    end = before = log.rows
    # Beyond what other tests wrote at the end.
    for _ in range(8):
        log.page.keyboard.press("PageUp")
        until(lambda before=before: log.rows != before)
        before = log.rows
    at = top()
    log.page.keyboard.press("Control+ArrowUp")
    until(lambda: top() == at - 5)
    log.page.keyboard.press("Control+ArrowDown")
    until(lambda: top() == at)
    log.page.keyboard.press("PageUp")
    until(lambda: top() < at - 5)
    log.page.keyboard.press("PageDown")
    until(lambda: top() == at)
    log.page.keyboard.press("Home")
    until(lambda: "bytes skipped" in log.rows)
    # Once more: to the beginning of the file, which is not in the terminal.
    log.page.keyboard.press("Home")
    until(lambda: log.shows(1))
    log.page.keyboard.press("End")
    until(lambda: log.rows == end and log.is_following)
    log.page.keyboard.press("Tab")
    assert not log.page.evaluate("document.activeElement.closest('.xterm') !== null")


def test_find_counts_and_goes_through_the_matches_of_the_view(log: Log, until: Callable[..., Any]) -> None:
    log.page.keyboard.press("Control+F")
    bar = log.region.get_by_role("search")
    field = bar.get_by_role("textbox", name="Find in the log")
    until(lambda: field.evaluate("element => element === document.activeElement"))
    log.page.keyboard.type("[warn] epoch")
    count = until(lambda: re.search(r"(\d+) of (\d+)", bar.inner_text()))
    assert count.group(1) == count.group(2), "the newest is found first"
    until(lambda: not log.is_following and log.shows(29_000))
    log.page.keyboard.press("Shift+Enter")
    until(lambda: f"{int(count.group(2)) - 1} of {count.group(2)}" in bar.inner_text())
    until(lambda: log.shows(28_000))
    log.page.keyboard.press("Enter")
    until(lambda: f"{count.group(2)} of {count.group(2)}" in bar.inner_text())
    bar.get_by_role("button", name="Match case").click()
    until(lambda: "No match here" in bar.inner_text())
    bar.get_by_role("button", name="Match case").click()
    bar.get_by_role("button", name="Regular expression").click()
    field.fill(r"Batch 299\d5 ")
    until(lambda: re.search(r"of 10\b", bar.inner_text()))
    field.fill("Batch (")
    until(lambda: "not complete" in bar.inner_text())
    field.fill("(a+)+b")
    until(lambda: "search the whole log" in bar.inner_text())
    field.fill("Batch 2999")
    bar.get_by_role("button", name="Whole word").click()
    bar.get_by_role("button", name="Regular expression").click()
    until(lambda: "No match here" in bar.inner_text())
    log.page.keyboard.press("Escape")
    until(lambda: bar.count() == 0)
    assert log.page.evaluate("document.activeElement.closest('.xterm') !== null")


def test_the_whole_log_is_searched_and_a_hit_far_back_is_shown(log: Log, until: Callable[..., Any]) -> None:
    log.page.keyboard.press("Control+F")
    log.page.keyboard.type("[WARN]")
    log.page.keyboard.press("Control+Enter")
    hits = log.region.get_by_role("region", name="Whole log")
    until(lambda: "29 lines" in hits.inner_text())
    assert hits.get_by_role("listitem").first.inner_text().split()[0] == "29,000", "the newest first"
    field = log.region.get_by_role("textbox", name="Find in the log")
    field.fill("Batch")
    until(lambda: "100+ lines" in hits.inner_text())
    hits.get_by_role("button", name="Load more").click()
    until(lambda: "200+ lines" in hits.inner_text())
    field.fill("Batch 4321 ")
    until(lambda: hits.get_by_role("listitem").count() == 1)
    hits.get_by_role("button", name=re.compile("Line 4,321")).click()
    until(lambda: log.shows(4321))
    assert not log.is_following and log.region.locator(".log-target").count() == 1
    # More of the file where the part ends, by the wheel too.
    log.focus()
    log.page.keyboard.press("Home")
    log.screen.hover()
    first = re.findall(r"Batch (\d+)", log.rows)[0]
    log.page.mouse.wheel(0, -400)
    until(lambda: log.region.inner_text().count("Bytes 0 to") == 1 and log.shows(int(first)))
    log.button("Back to live").click()
    until(lambda: log.is_following and log.shows(LINES))
    mark = token_hex(4)
    log.run.order(print=f"after the part {mark}\n")
    until(lambda: log.rows.count(mark) == 1)


def test_the_selection_and_everything_can_be_copied(log: Log, until: Callable[..., Any]) -> None:
    read = "navigator.clipboard.readText()"
    log.page.evaluate("navigator.clipboard.writeText('mine')")
    log.focus()
    log.page.keyboard.press("Control+C")
    assert log.page.evaluate(read) == "mine", "nothing is selected: nothing is copied"
    log.page.keyboard.press("Control+A")
    until(lambda: log.region.locator(".xterm-selection div").count() > 0)
    log.page.keyboard.press("Control+C")
    text = until(lambda: log.page.evaluate(read) if log.page.evaluate(read) != "mine" else "")
    assert line(29_990) in text.splitlines() and text.rstrip().endswith(line(LINES))


def test_clearing_leaves_the_file_and_everything_can_be_shown_again(log: Log, until: Callable[..., Any]) -> None:
    before = log.run.directory.console_log.read_bytes()
    log.page.keyboard.press("Control+L")
    until(lambda: not log.rows.strip())
    assert log.run.directory.console_log.read_bytes() == before
    log.run.order(print="fresh\n")
    until(lambda: "fresh" in log.rows)
    assert log.rows.split()[0] == "fresh"
    log.button("Show everything again").click()
    until(lambda: log.rows.split()[0] != "fresh" and "fresh" in log.rows)
    assert log.button("Show everything again").count() == 0


def test_the_log_is_exported_whole_and_the_selection_too(log: Log, tmp_path: Path, until: Callable[..., Any]) -> None:
    with log.page.expect_download() as waiting:
        log.page.keyboard.press("Control+Shift+L")
    download = waiting.value
    assert download.suggested_filename == f"long log {log.run.run_id}.log"
    download.save_as(tmp_path / "log")
    assert (tmp_path / "log").read_bytes() == log.run.directory.console_log.read_bytes()
    log.focus()
    log.page.keyboard.press("Control+A")
    log.page.keyboard.press("Shift+F10")
    with log.page.expect_download() as waiting:
        log.page.get_by_role("menuitem", name="Export the selection").click()
    waiting.value.save_as(tmp_path / "selection")
    assert line(29_500) in (tmp_path / "selection").read_text()


def test_bookmarks_survive_a_reload_and_are_gone_to(log: Log, until: Callable[..., Any]) -> None:
    log.focus()
    log.page.keyboard.press("Home")
    log.page.keyboard.press("Home")
    until(lambda: log.shows(1))
    log.screen.dblclick(position={"x": 100, "y": 8})
    until(lambda: log.region.locator(".log-bookmark").count() == 1)
    log.page.reload()
    until(lambda: log.shows(LINES))
    log.button(re.compile("^Bookmarks")).click()
    marks = log.region.get_by_role("region", name="Bookmarks")
    until(lambda: "Batch 1 " in marks.inner_text())
    marks.get_by_role("button", name=re.compile("Batch 1 ")).click()
    until(lambda: log.shows(1) and log.region.locator(".log-bookmark").count() == 1)
    log.button("Back to live").click()
    until(lambda: log.shows(LINES) and log.is_following)
    marks.get_by_role("button", name="Next bookmark").click()
    until(lambda: log.shows(1))
    marks.get_by_role("button", name="Remove the bookmark").click()
    until(lambda: log.region.locator(".log-bookmark").count() == 0)
    assert "Double-click" in marks.inner_text()
    assert log.page.evaluate("Object.keys(localStorage).filter(key => key.includes('bookmark'))") == []


def test_the_menu_is_reached_by_mouse_and_keys(log: Log, until: Callable[..., Any]) -> None:
    menu = log.page.get_by_role("menu", name="More for the log")
    log.screen.click(button="right", position={"x": 100, "y": 60})
    menu.get_by_role("menuitem", name="Bookmark this line").click()
    until(lambda: log.region.locator(".log-bookmark").count() == 1 and menu.count() == 0)
    log.screen.click(button="right", position={"x": 100, "y": 60})
    menu.get_by_role("menuitem", name="Remove this bookmark").click()
    until(lambda: log.region.locator(".log-bookmark").count() == 0)
    log.focus()
    log.page.keyboard.press("ContextMenu")
    until(lambda: menu.count() == 1)
    assert menu.get_by_role("menuitem", name="Copy").get_attribute("aria-disabled") == "true"
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        log.page.keyboard.press(key)
    until(lambda: log.region.get_by_role("search").count() == 1 and menu.count() == 0)
    log.page.keyboard.press("Escape")
    log.focus()
    log.page.keyboard.press("Shift+F10")
    until(lambda: menu.count() == 1)
    log.page.keyboard.press("Escape")
    until(lambda: menu.count() == 0)
    assert log.page.evaluate("document.activeElement.closest('.xterm') !== null")


def test_a_step_is_jumped_to_wherever_its_lines_are(log: Log, until: Callable[..., Any]) -> None:
    log.button("Jump to a step").click()
    log.region.get_by_role("spinbutton", name="Step").fill("500")
    log.page.keyboard.press("Enter")
    until(lambda: log.shows(500) and log.region.locator(".log-target").count() == 1)
    log.button("Back to live").click()
    until(lambda: log.shows(LINES))


def test_its_size_is_chosen_and_kept(log: Log, until: Callable[..., Any]) -> None:
    def height() -> int:
        return int(log.region.locator(".frame").evaluate("element => element.offsetHeight"))

    assert height() == 280
    handle = log.region.get_by_role("separator", name="Height of the log")
    box = handle.bounding_box()
    log.page.mouse.move(box["x"] + 100, box["y"] + 4)
    log.page.mouse.down()
    log.page.mouse.move(box["x"] + 100, box["y"] + 104, steps=4)
    log.page.mouse.up()
    until(lambda: height() == 380)
    handle.press("ArrowUp")
    until(lambda: height() == 364)
    log.page.reload()
    until(lambda: log.shows(LINES) and height() == 364)
    log.button("Maximise the log").click()
    until(lambda: height() > 800 and log.shows(LINES))
    log.focus()
    log.page.keyboard.press("Escape")
    until(lambda: height() == 364)
    log.button("Fold the log").click()
    until(lambda: not log.screen.is_visible())
    log.button("Unfold the log").click()
    until(lambda: log.screen.is_visible() and log.shows(LINES))
    log.page.set_viewport_size({"width": 1700, "height": 900})
    log.page.evaluate("localStorage.removeItem('gladius_log')")
    log.page.reload()
    until(lambda: log.shows(LINES) and height() == 320)
    log.page.set_viewport_size({"width": 1440, "height": 900})


def test_a_screen_reader_gets_the_lines_as_text(log: Log, until: Callable[..., Any]) -> None:
    tree = log.region.locator(".xterm-accessibility-tree")
    assert tree.count() == 0
    log.button("More for the log").click()
    log.page.get_by_role("menuitemcheckbox", name="Screen reader mode").click()
    until(lambda: tree.count() == 1 and f"Batch {LINES}" in tree.inner_text())
    log.page.reload()
    until(lambda: tree.count() == 1 and f"Batch {LINES}" in tree.inner_text())
