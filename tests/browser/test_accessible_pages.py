"""No page and no dialog has anything against WCAG 2.2 AA that axe can find; nothing scrolls sideways; the keyboard alone steers a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from judge import violations
from steered_run import Guest, SteeredHome

pytestmark = pytest.mark.browser

LOOKS = [("dark", "en", 1440), ("light", "ru", 390)]
LOW = """least => [...document.querySelectorAll('select')].filter(one => one.checkVisibility())
    .map(one => one.getBoundingClientRect().height).filter(height => height < least)"""
"""How tall the choices are that a finger (or, on a wide page, a pointer) can miss."""
PATHS = ["/", "/runs", "/settings", "/nothing/here"]


@pytest.fixture(scope="module", params=LOOKS, ids=lambda look: "-".join(map(str, look)))
def guest(request: pytest.FixtureRequest, browser: Any, steered_home: SteeredHome) -> Iterator[Guest]:
    theme, language, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 844}, locale="en-US", reduced_motion="reduce",
        contrast="more" if theme == "light" else "no-preference",
    )  # fmt: skip
    context.add_init_script(f"localStorage.gladius_theme = '{theme}'; localStorage.gladius_language = '{language}'")
    guest = steered_home.visit(context)
    yield guest
    assert guest.foreign == [], "a request left the machine"
    context.close()


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_nothing_serious_against_it(guest: Guest, until: Callable[..., Any], path: str) -> None:
    page = guest.open(path)
    # A choice that is being loaded is off, and turns on while it is judged.
    until(lambda: page.locator("main h1, main h2").count() >= 1 and page.locator("select:disabled").count() == 0)
    assert violations(page) == []
    assert overflow(page) <= 0
    assert page.evaluate(LOW, 44 if page.viewport_size["width"] < 800 else 24) == []


def test_the_console_and_what_lies_over_it_has_nothing_serious_against_it(
    guest: Guest, until: Callable[..., Any]
) -> None:
    page = guest.console()
    until(lambda: page.locator(".xterm").count() == 1 and page.locator("canvas").count() >= 1)
    assert violations(page) == []
    assert overflow(page) <= 0
    for key in ("Control+K", "?"):
        page.keyboard.press(key)
        until(lambda: page.locator("dialog:modal").count() == 1)
        assert violations(page) == [], key
        box = page.locator("dialog:modal").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]
        page.keyboard.press("Escape")
        until(lambda: page.locator("dialog:modal").count() == 0)


def test_the_focus_goes_along_to_another_page(guest: Guest, until: Callable[..., Any]) -> None:
    page = guest.open("/")
    assert page.evaluate("document.activeElement === document.body"), "a first page leaves it where the browser puts it"
    link = page.locator("nav a").nth(1)
    for _ in range(2):
        link.focus()
        page.keyboard.press("Enter")
        until(lambda: page.evaluate("document.activeElement.id") == "main")
        until(lambda: page.locator("main a").count() >= 1)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null"), "Tab goes on within the page"
        page.go_back()
