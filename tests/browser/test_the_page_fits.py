"""Every width from a phone to a wall: nothing scrolls sideways, no panel lies over another, a phone shows what matters at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from told_states import told
from watched_page import Guest, House

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
# The console's breakpoints from both sides; 720 is a laptop at 200 %, 320 one at 400 %.
WIDTHS = (1920, 1600, 1440, 1200, 1199, 1024, 800, 799, 720, 390, 320)
PAGES = ("/", "/runs", "/settings")
PHONE = {"width": 390, "height": 844}
# What sticks out of its box although nothing says that there is more: no ellipsis, nothing to scroll.
CUT = """() => [...document.querySelectorAll('main *, header *')].filter(one => {
    if (!one.checkVisibility({visibilityProperty: true}) || one.closest('.xterm, .hidden, [popover], canvas, svg')) return false;
    if (!one.childNodes.length || ![...one.childNodes].some(part => part.nodeType === 3 && part.data.trim())) return false;
    const style = getComputedStyle(one);
    if (one.clientWidth === 0 || style.display === 'inline') return false;
    return one.scrollWidth > one.clientWidth + 1 && style.overflowX === 'hidden' && style.textOverflow !== 'ellipsis';
}).map(one => one.outerHTML.slice(0, 120))"""
SHORT_BUTTONS = """() => [...document.querySelectorAll('main button .text, header button .text')].filter(one =>
    one.checkVisibility({visibilityProperty: true}) && one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"""


@pytest.fixture(scope="module")
def run_id(house: House) -> str:
    return told(house, "running")


@pytest.fixture(scope="module", params=["en", "ru"])
def watcher(request: pytest.FixtureRequest, browser: Any, house: House, run_id: str) -> Iterator[Guest]:
    guest = Guest(browser, house.server, f"localStorage.gladius_language = '{request.param}'")
    yield guest
    guest.close()


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def overlaps(page: Any) -> list[tuple[str, str]]:
    """Pairs of panels and figures that share a place; what lies within another does not count."""
    found = page.evaluate("""() => [...document.querySelectorAll('main .panel, main figure, main .strip')].map(one => {
        const box = one.getBoundingClientRect();
        const name = one.getAttribute('aria-label') || one.querySelector('h2')?.textContent || one.className;
        return [name, box.left, box.top, box.right, box.bottom];
    }).filter(box => box[3] > box[1] && box[4] > box[2])""")
    return [
        (one[0], other[0])
        for one, other in itertools.combinations(found, 2)
        if min(one[3], other[3]) - max(one[1], other[1]) > 1
        and min(one[4], other[4]) - max(one[2], other[2]) > 1
        and not contains(one, other)
        and not contains(other, one)
    ]


def contains(outer: list[Any], inner: list[Any]) -> bool:
    return bool(
        outer[1] <= inner[1] + 1 and outer[2] <= inner[2] + 1 and outer[3] >= inner[3] - 1 and outer[4] >= inner[4] - 1
    )


def judge(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert overflow(page) <= 0, f"scrolls sideways at {width}"
    assert overlaps(page) == [], f"at {width}"
    assert page.evaluate(CUT) == [], f"cut off at {width}"
    assert page.evaluate(SHORT_BUTTONS) == [], f"words of buttons are cut at {width}"


def test_the_console_fits_every_width(watcher: Guest, run_id: str, until: Until) -> None:
    page = watcher.open(f"/runs/{run_id}")
    until(lambda: page.locator(".xterm").count() == 1 and page.locator("figure").count() >= 4)
    for width in WIDTHS:
        judge(page, width)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_every_width(watcher: Guest, until: Until, path: str) -> None:
    page = watcher.open(path)
    until(lambda: page.locator("main h1, main h2").count() >= 1)
    for width in WIDTHS:
        judge(page, width)


def test_a_phone_shows_what_matters_without_scrolling(watcher: Guest, run_id: str, until: Until) -> None:
    page = watcher.page
    page.set_viewport_size(PHONE)
    watcher.open(f"/runs/{run_id}")
    until(lambda: page.locator(".strip .spark svg, .strip .spark canvas").count() == 1)
    page.evaluate("scrollTo(0, 0)")
    buttons = [page.locator("header .actions button").nth(n).bounding_box() for n in range(2)]
    below_all = min(box["y"] for box in buttons)
    for what in ("strong", ".eta", ".checkpoint", ".spark"):
        box = page.locator(f".strip {what}").first.bounding_box()
        assert box is not None, what
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], what
        assert box["y"] >= 48 and box["y"] + box["height"] <= below_all, f"{what} lies outside of the first screen"
    assert page.locator(".strip strong").inner_text().strip()
    for box in buttons:
        assert box["y"] + box["height"] <= PHONE["height"]
        assert box["height"] >= 44
    pause, stop = sorted(buttons, key=lambda box: box["x"])
    assert stop["x"] - (pause["x"] + pause["width"]) >= 16, "a thumb for one must not meet the other"


def test_main_controls_are_large_enough_for_a_thumb(watcher: Guest, run_id: str, until: Until) -> None:
    page = watcher.page
    page.set_viewport_size(PHONE)
    watcher.open(f"/runs/{run_id}")
    until(lambda: page.locator("figure").count() >= 4)
    small = page.evaluate("""() => [...document.querySelectorAll('header:not(main *) button, .list .row button')].filter(one =>
        one.checkVisibility() && one.getBoundingClientRect().height < 44).map(one => one.getAttribute('aria-label'))""")
    assert small == []
    tiny = page.evaluate("""() => [...document.querySelectorAll('button, select, summary')].filter(one => {
        const box = one.getBoundingClientRect();
        return one.checkVisibility({visibilityProperty: true}) && !one.closest('.xterm') && !one.closest('.bars')
            && (box.width < 24 || box.height < 24);
    }).map(one => one.outerHTML.slice(0, 120))""")
    assert tiny == []
