"""Every dialog over a training run: nothing against WCAG 2.2 AA that axe can find, within the screen, and the focus goes back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from judge import violations
from steered_run import Guest, SteeredHome

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
LOOKS = {
    "dark": ("dark", {"viewport": {"width": 1440, "height": 900}}),
    "light-phone": ("light", {"viewport": {"width": 390, "height": 844}}),
    "forced-colors": ("dark", {"viewport": {"width": 1024, "height": 768}, "forced_colors": "active"}),
}
# The button that opens it, and the name of what opens.
DIALOGS = {
    "Stop training": "Stop training?",
    "Adjust hyperparameters": "Adjust hyperparameters",
    "Reload config": "Reload config",
    "Export metrics": "Export metrics",
    "Edit config": "Edit config",
    "View full config": "Full configuration",
    "Load preset": "Load preset",
    "Save as template": "Save as template",
    "Fork from step": "Fork from a checkpoint",
}
MODAL = "dialog:modal"
"""What lies under it cannot be reached, and is judged without it elsewhere."""
OPEN_MENU = "[popover]:popover-open:not(.tip)"
MENUS = ("Ways to pause", "What to validate on", "User menu", "More for the log", "Menu of Loss")


@pytest.fixture(scope="module", params=LOOKS)
def guest(request: pytest.FixtureRequest, browser: Any, steered_home: SteeredHome) -> Iterator[Guest]:
    theme, options = LOOKS[request.param]
    context = browser.new_context(locale="en-US", reduced_motion="reduce", **options)
    context.add_init_script(f"localStorage.gladius_theme = '{theme}'; localStorage.gladius_language = 'en'")
    guest = steered_home.visit(context)
    yield guest
    context.close()


@pytest.fixture
def page(guest: Guest, until: Until) -> Any:
    """The console of a run in training, with a checkpoint and a configuration that says something else than was launched."""
    directory = guest.server.home.run(guest.run_id)
    text = directory.root.joinpath("config.yaml").read_text(encoding="utf-8")
    directory.root.joinpath("config.yaml").write_text(text.replace("0.002", "0.004"), encoding="utf-8")
    page = guest.console()
    until(lambda: page.get_by_role("button", name="Save checkpoint", exact=True).is_enabled(), timeout=40)
    if not page.get_by_role("button", name="Fork from step").count():
        page.get_by_role("button", name="Save checkpoint", exact=True).click()
    until(lambda: page.get_by_role("button", name="Fork from step").count() >= 1)
    return page


def judged(page: Any, what: str, within: str = ":root") -> None:
    assert violations(page, within) == [], what


def fits(page: Any, what: str) -> None:
    box = page.locator(MODAL).bounding_box()
    size = page.viewport_size
    assert box is not None
    assert box["x"] >= 0 and box["y"] >= 0, what
    assert box["x"] + box["width"] <= size["width"] and box["y"] + box["height"] <= size["height"], what


def test_a_dialog_is_accessible_fits_and_gives_the_focus_back(page: Any, until: Until) -> None:
    for opener, name in DIALOGS.items():
        button = page.get_by_role("button", name=opener, exact=opener != "Fork from step").last
        button.click()
        until(lambda name=name: page.get_by_role("dialog", name=name).count() == 1)
        if name in ("Edit config", "Full configuration"):
            until(lambda: page.locator("dialog .cm-content").count() >= 1)
        judged(page, name, within=MODAL)
        fits(page, name)
        page.keyboard.press("Escape")
        until(lambda: page.locator(MODAL).count() == 0)
        assert button.evaluate("button => button === document.activeElement"), f"the focus goes back from {name}"


def test_what_lies_over_every_page_is_accessible_and_fits(page: Any, until: Until) -> None:
    for key, name in (("?", "Keyboard shortcuts"), ("Control+K", "Command palette")):
        page.keyboard.press(key)
        until(lambda name=name: page.get_by_role("dialog", name=name).count() == 1)
        judged(page, name, within=MODAL)
        fits(page, name)
        page.keyboard.press("Escape")
        until(lambda: page.locator(MODAL).count() == 0)
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("menuitem", name="Settings").click()
    until(lambda: page.get_by_role("spinbutton").count() > 5)
    judged(page, "Settings")
    fits(page, "Settings")


def test_a_menu_is_accessible_and_gives_the_focus_back(page: Any, until: Until) -> None:
    for name in MENUS:
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        until(lambda: page.locator(OPEN_MENU).count() == 1)
        judged(page, name, within=OPEN_MENU)
        box = page.locator(OPEN_MENU).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"], name
        page.keyboard.press("Escape")
        until(lambda: page.locator(OPEN_MENU).count() == 0)
        assert button.evaluate("button => button === document.activeElement"), f"the focus goes back from {name}"


def test_a_validation_and_its_result_are_accessible(page: Any, until: Until) -> None:
    page.get_by_role("button", name="Run validation", exact=True).click()
    until(lambda: page.get_by_role("region", name=re.compile("^Validation")).count() >= 1)
    judged(page, "validation")
