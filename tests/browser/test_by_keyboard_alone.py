"""A training is started and steered with Tab, Enter, Space and arrows alone; the focus is always seen and never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from steered_run import Guest, SteeredHome

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
MOST_TABS = 160
# Whether whoever looks at the page can tell where the focus is, and what has it.
FOCUS = """() => {
    let at = document.activeElement;
    if (!at || at === document.body) return null;
    const label = at.labels?.[0]?.cloneNode(true);
    label?.querySelectorAll('select, input').forEach(one => one.remove());
    const styles = [at, at.closest('.frame'), at.parentElement].filter(Boolean).flatMap(one =>
        ['', '::after'].map(part => getComputedStyle(one, part)));
    const box = at.getBoundingClientRect();
    return {
        name: at.getAttribute('aria-label') || label?.textContent.trim() || at.textContent?.trim() || '',
        role: at.getAttribute('role') || at.tagName.toLowerCase(),
        seen: styles.some(style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1)
            || styles.some(style => style.boxShadow !== 'none') || at.matches('dialog input[role=combobox]'),
        inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""


@pytest.fixture(scope="module")
def guest(browser: Any, steered_home: SteeredHome) -> Iterator[Guest]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    guest = steered_home.visit(context)
    yield guest
    context.close()


class Keyboard:
    """Somebody without a pointer: goes on by Tab until what is wanted has the focus, and sees it all the way."""

    def __init__(self, page: Any, until: Until) -> None:
        self.page, self.until = page, until

    @property
    def at(self) -> dict[str, Any]:
        return dict(self.page.evaluate(FOCUS) or {"name": "", "role": "", "seen": True, "inside": True})

    def tab_to(self, name: str, key: str = "Tab") -> None:
        for _ in range(MOST_TABS):
            self.page.keyboard.press(key)
            at = self.at
            assert at["seen"], f"nobody sees the focus on {at['role']} {at['name']!r}"
            assert at["inside"], f"the focus is out of sight on {at['role']} {at['name']!r}"
            if at["name"] == name:
                return
        pytest.fail(f"Tab never comes to {name!r}")

    def press(self, key: str = "Enter") -> None:
        self.page.keyboard.press(key)

    def opens(self, dialog: str) -> None:
        self.until(lambda: self.page.get_by_role("dialog", name=dialog).count() == 1)
        self.until(
            lambda: self.page.evaluate("document.querySelector('dialog:modal').contains(document.activeElement)")
        )

    def closed(self) -> None:
        self.until(lambda: self.page.locator("dialog:modal").count() == 0)

    def state(self, word: str) -> None:
        self.until(lambda: str(self.page.get_by_role("status").first.inner_text()).strip() == word, timeout=40)


def start_a_training(hand: Keyboard) -> str:
    """The start form, filled in and sent; the id of the run whose console opens."""
    page, until = hand.page, hand.until
    until(lambda: page.locator("select option", has_text="Steered").count() == 1)
    hand.tab_to("Profile")
    page.keyboard.type("Steered")
    hand.tab_to("Epochs")
    page.keyboard.press("Control+A")
    page.keyboard.type("40")
    hand.tab_to("Start training")
    hand.press()
    page.wait_for_url("**/runs/*")
    hand.state("Training")
    until(lambda: page.get_by_role("button", name="Save checkpoint", exact=True).is_enabled())
    return str(page.url.rpartition("/")[2])


def test_a_training_is_started_and_steered_with_the_keyboard_alone(guest: Guest, until: Until) -> None:
    page = guest.open("/")
    hand = Keyboard(page, until)
    run_id = start_a_training(hand)

    # Past the header at once.
    page.reload()
    until(lambda: page.get_by_role("button", name="Save checkpoint", exact=True).is_enabled())
    page.keyboard.press("Tab")
    assert hand.at["name"] == "Skip to content"
    hand.press()
    assert page.evaluate("document.activeElement.id") == "main"

    hand.tab_to("Save checkpoint")
    hand.press()
    until(lambda: "on demand" in page.get_by_role("region", name="Checkpoints").inner_text())
    assert hand.at["name"] == "Save checkpoint", "the focus stays on what was pressed"

    hand.tab_to("Adjust hyperparameters")
    hand.press()
    hand.opens("Adjust hyperparameters")
    hand.tab_to("Peak learning rate")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.003")
    hand.tab_to("Set Peak learning rate")
    hand.press()
    changes = lambda: guest.server.get(f"/runs/{run_id}")["hyperparameters"]  # noqa: E731
    until(lambda: changes() and changes()[-1]["new"] == 0.003)
    page.keyboard.press("Escape")
    hand.closed()
    assert hand.at["name"] == "Adjust hyperparameters", "the focus goes back"

    hand.tab_to("Pause training", "Shift+Tab")
    hand.press()
    hand.state("Paused")
    assert hand.at["name"] == "Resume training", "the same button goes on"
    until(page.get_by_role("button", name="Resume training", exact=True).is_enabled)
    hand.press("Space")
    hand.state("Training")

    hand.tab_to("Stop training")
    hand.press()
    hand.opens("Stop training?")
    page.keyboard.press("Escape")
    hand.closed()
    assert hand.at["name"] == "Stop training", "the focus goes back"
    hand.press()
    hand.opens("Stop training?")
    hand.tab_to("Stop training")
    hand.press()
    hand.opens("Training summary")
    until(lambda: guest.server.get(f"/runs/{run_id}")["summary"]["state"] == "cancelled", timeout=40)
    page.keyboard.press("Escape")
    hand.closed()


def test_menus_are_walked_with_the_arrows(guest: Guest, until: Until) -> None:
    page = guest.console()
    hand = Keyboard(page, until)
    until(lambda: page.get_by_role("button", name="Ways to pause").is_enabled(), timeout=40)
    hand.tab_to("Ways to pause")
    hand.press()
    menu = page.locator("[popover][aria-label='Ways to pause']:popover-open")
    until(lambda: menu.count() == 1 and hand.at["name"] != "Ways to pause")
    first = hand.at["name"]
    page.keyboard.press("ArrowDown")
    assert hand.at["name"] != first
    page.keyboard.press("ArrowUp")
    assert hand.at["name"] == first
    page.keyboard.press("Escape")
    until(lambda: menu.count() == 0)
    assert hand.at["name"] == "Ways to pause"


def test_tab_goes_through_the_whole_console_and_the_focus_is_always_seen(guest: Guest, until: Until) -> None:
    page = guest.console()
    hand = Keyboard(page, until)
    until(lambda: page.get_by_role("button", name="Save checkpoint", exact=True).is_enabled(), timeout=40)
    page.evaluate("document.activeElement?.blur()")
    names: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        at = hand.at
        if not at["name"] and names:
            break
        assert at["seen"], f"nobody sees the focus on {at['role']} {at['name']!r}"
        names.append(at["name"])
    assert names[0] == "Skip to content"
    for wanted in ("Pause training", "Stop training", "Loss", "Expert coverage", "Throughput", "Memory", "Edit config"):
        assert wanted in names, wanted
