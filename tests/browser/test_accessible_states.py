"""The console in every state a run can be in: nothing against WCAG 2.2 AA that axe can find, in any look; nothing scrolls sideways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from told_states import STATES, told
from watched_page import Guest, House

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
OPEN = "[popover]:popover-open:not(.tip)"
LOOKS = {
    "dark": ("dark", "en", {"viewport": {"width": 1440, "height": 900}}),
    "light-phone-russian": ("light", "ru", {"viewport": {"width": 390, "height": 844}, "reduced_motion": "reduce"}),
    "forced-colors": ("dark", "en", {"viewport": {"width": 1024, "height": 768}, "forced_colors": "active"}),
}


@pytest.fixture(scope="module")
def runs(house: House) -> dict[str, str]:
    """State -> id of the run that is in it."""
    return {state: told(house, state) for state in STATES}


@pytest.fixture(scope="module", params=LOOKS)
def watcher(request: pytest.FixtureRequest, browser: Any, house: House, runs: dict[str, str]) -> Iterator[Guest]:
    theme, language, options = LOOKS[request.param]
    chosen = f"localStorage.gladius_theme = '{theme}'; localStorage.gladius_language = '{language}'"
    guest = Guest(browser, house.server, chosen, **options)
    yield guest
    guest.close()


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def close_dialogs(page: Any, until: Until) -> None:
    while page.locator("dialog:modal").count():
        page.keyboard.press("Escape")
        until(lambda: page.locator("dialog:modal").count() == 0)


def judged(guest: Guest, what: str) -> None:
    assert guest.violations() == [], what
    assert overflow(guest.page) <= 0, what


@pytest.mark.parametrize("state", STATES)
def test_a_console_in_any_state_has_nothing_against_it(
    watcher: Guest, runs: dict[str, str], until: Until, state: str
) -> None:
    page = watcher.open(f"/runs/{runs[state]}")
    until(lambda: page.locator(".xterm").count() == 1)
    if state == "failed":
        # What failed says so by itself, with what may help.
        until(lambda: page.locator("dialog:modal").count() == 1)
        judged(watcher, "the failure's dialog")
        close_dialogs(page, until)
    judged(watcher, state)


def test_what_opens_from_figures_and_bars_has_nothing_against_it(
    watcher: Guest, runs: dict[str, str], until: Until
) -> None:
    page = watcher.open(f"/runs/{runs['running']}")
    until(lambda: page.locator(".bars .bar").count() >= 8)
    for opener in (".bars .bar", "button.row"):
        page.locator(opener).nth(1).click()
        until(lambda: page.locator("dialog:modal").count() == 1)
        judged(watcher, opener)
        close_dialogs(page, until)
    watcher.bell.click()
    until(lambda: page.locator(OPEN).count() == 1)
    assert watcher.violations(within=OPEN) == [], "the list of alerts"


def test_the_summary_of_a_training_has_nothing_against_it(watcher: Guest, runs: dict[str, str], until: Until) -> None:
    page = watcher.open(f"/runs/{runs['done']}")
    shows = page.locator("main").get_by_role("button", name=re.compile("^(Training summary|Итог обучения)$"))
    until(lambda: shows.count() >= 1)
    shows.first.click()
    until(lambda: page.locator("dialog:modal").count() == 1)
    judged(watcher, "the training's summary")
    close_dialogs(page, until)
