"""Every shortcut is pressed for real, in both sets; the palette, the list of shortcuts and the screenshot do what they say."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from steered_run import Guest, SteeredHome

from gladius.pulse.control import Mailbox
from gladius.pulse.events import EventReader

pytestmark = pytest.mark.browser

NAMES = {"←": "ArrowLeft", "↑": "ArrowUp", "↓": "ArrowDown", "Page Up": "PageUp", "Page Down": "PageDown"}
RECENT = "JSON.parse(localStorage.getItem('gladius_recent_actions') ?? '[]')[0]"


@pytest.fixture(scope="module")
def guest(browser: Any, steered_home: SteeredHome) -> Iterator[Guest]:
    """One tab for all of this: each test leaves it on the page of the run, with nothing over it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    guest = steered_home.visit(context)
    yield guest
    assert guest.foreign == [], "a request left the machine"
    context.close()


@pytest.fixture(autouse=True)
def on_the_console(guest: Guest, until: Callable[..., Any]) -> Iterator[None]:
    guest.console()
    status = guest.page.get_by_role("status").first
    until(lambda: trains_on(guest) and status.inner_text().strip() == "Training", timeout=40)
    yield
    guest.page.evaluate("localStorage.removeItem('gladius_keys'); localStorage.removeItem('gladius_language')")


def trains_on(guest: Guest) -> bool:
    """Whether it trains and nothing is asked of it; a pause is ended, for a test that failed half-way fails alone."""
    record = guest.server.get(f"/runs/{guest.run_id}")
    state, commands = record["summary"]["state"], record["commands"]
    asked = any(one["state"] in ("requested", "accepted") for one in commands)
    if state == "paused" and not asked:
        guest.server.http.post(f"/runs/{guest.run_id}/commands", json={"command": "resume"})
    return state == "running" and not asked


def said(page: Any) -> str:
    return str(page.locator("p.line").inner_text()).strip()


def clear(page: Any, until: Callable[..., Any]) -> None:
    """Nothing lies over the page, nothing has the focus, nothing was done last."""
    over = page.locator("dialog:modal, [role=menu]:popover-open")
    while over.count():
        page.keyboard.press("Escape")
        until(lambda: over.count() == 0)
    # What was closed gives the focus back, to the log's own field perhaps: there some keys are the field's.
    until(lambda: page.evaluate("document.activeElement?.blur(), document.activeElement === document.body"))
    page.evaluate("localStorage.removeItem('gladius_recent_actions')")


def shortcuts(page: Any, until: Callable[..., Any]) -> dict[str, list[list[str]]]:
    """Action -> its keys in the classic set and in the other, as the list of shortcuts shows them."""
    page.keyboard.press("?")
    until(lambda: page.get_by_role("dialog", name="Keyboard shortcuts").count() == 1)
    rows = page.locator("dialog tr[data-action]").evaluate_all(
        """rows => rows.map(row => [row.dataset.action, [...row.querySelectorAll('td')].map(
            cell => [...cell.querySelectorAll('kbd')].map(key => key.textContent))])"""
    )
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)
    return dict(rows)


def palette_offers(page: Any, until: Callable[..., Any]) -> set[str]:
    """What can be done on the page that is open now, or says why not."""
    page.keyboard.press("Control+K")
    until(lambda: page.locator("dialog [role=option]").count() > 10)
    offered = page.locator("dialog [role=option]").evaluate_all(
        "options => options.map(option => option.dataset.action)"
    )
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)
    return set(offered)


def press(page: Any, words: str) -> None:
    page.keyboard.press("+".join(NAMES.get(part, part).replace("Ctrl", "Control") for part in words.split("+")))


def heard(page: Any, until: Callable[..., Any], action: str, words: str, from_terminal: bool) -> bool:
    """Press it; whether its action became the most recent one, or the page said something new."""
    from playwright.sync_api import TimeoutError as NotInTime

    clear(page, until)
    if from_terminal:
        page.locator(".xterm textarea").focus()
    before = said(page)
    press(page, words)
    try:
        page.wait_for_function(
            "([id, before]) => " + RECENT + " === id || (document.querySelector('p.line').innerText !== before"
            " && document.querySelector('p.line').innerText !== '')",
            arg=[action, before],
            # A busy machine paints seldom: what is asked at each paint may be asked too late.
            polling=50,
            timeout=8000,
        )
    except NotInTime:
        return False
    return True


@pytest.mark.parametrize("number", [0, 1], ids=["classic", "alt"])
def test_every_key_of_a_set_reaches_its_action(guest: Guest, until: Callable[..., Any], number: int) -> None:
    page = guest.page
    table = shortcuts(page, until)
    assert len(table) > 25
    if number:
        page.evaluate("localStorage.setItem('gladius_keys', 'alt')")
        guest.console()
        until(lambda: page.locator(".xterm").count() == 1)
    until(lambda: page.locator(".xterm").count() == 1)
    offered = palette_offers(page, until)
    assert set(table) - offered <= {"palette", "help", "back"}, "an action of the table that the page does not offer"
    unheard = []
    for action, sets in table.items():
        if action in ("palette", "help", "back") or action not in offered:
            continue
        in_terminal = sets[0] == sets[1]
        # Twice: on a machine that is far behind, what closes before it may take the first press with it.
        unheard += [
            f"{action} ({words})"
            for words in sets[number]
            if not (heard(page, until, action, words, in_terminal) or heard(page, until, action, words, in_terminal))
        ]
    clear(page, until)
    if page.get_by_role("status").first.inner_text().strip() == "Paused":
        # And the page is left at once: what was asked for is asked for.
        press(page, table["toggle_pause"][number][0])
    assert unheard == []


@pytest.mark.parametrize("number", [0, 1], ids=["classic", "alt"])
def test_what_a_key_of_the_training_does_is_in_the_run_directory(
    guest: Guest, until: Callable[..., Any], number: int
) -> None:
    page = guest.page
    keys = {action: sets[number] for action, sets in shortcuts(page, until).items()}
    if number:
        page.evaluate("localStorage.setItem('gladius_keys', 'alt')")
        guest.console()
    state = page.get_by_role("status").first
    until(lambda: state.inner_text().strip() == "Training")
    clear(page, until)
    run = guest.server.home.run(guest.run_id)

    def happened(type_: str) -> list[Any]:
        return [one for one in EventReader(run.events).read_all() if one["type"] == type_]

    def acks(command: str) -> int:
        mine = {one.id for one in Mailbox(run.control).all() if one.command == command}
        return sum(one["state"] == "applied" and one["command_id"] in mine for one in happened("ack"))

    for words in keys["checkpoint"]:
        before = len(happened("checkpoint"))
        until(page.get_by_role("button", name="Save checkpoint", exact=True).is_enabled)
        press(page, words)
        until(lambda before=before: len(happened("checkpoint")) == before + 1)
        saved = happened("checkpoint")[-1]
        assert saved["kind"] == "manual" and Path(saved["path"], "weights.bin").is_file()
    before = sum("eval/loss" in one["values"] for one in happened("metrics"))
    press(page, keys["validate"][0])
    until(lambda: sum("eval/loss" in one["values"] for one in happened("metrics")) > before)
    until(lambda: state.inner_text().strip() == "Training")
    for wanted, now in (("pause", "Paused"), ("resume", "Training")):
        done = acks(wanted)
        until(page.get_by_role("button", name=f"{wanted.capitalize()} training", exact=True).is_enabled)
        press(page, keys["toggle_pause"][0])
        until(lambda wanted=wanted, done=done: acks(wanted) == done + 1)
        until(lambda now=now: state.inner_text().strip() == now)
    for action, name in (
        ("stop", "Stop training?"), ("reload_config", "Reload config"), ("adjust", "Adjust hyperparameters"),
    ):  # fmt: skip
        press(page, keys[action][0])
        until(lambda name=name: page.get_by_role("dialog", name=name).count() == 1)
        clear(page, until)
    assert acks("stop") == 0, "nothing is stopped unasked"

    press(page, keys["export_metrics"][0])
    dialog = page.get_by_role("dialog", name="Export metrics")
    dialog.get_by_role("checkbox", name="PNG").uncheck()
    with page.expect_download(timeout=60_000) as coming:
        dialog.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes())) as archive:
        assert run.events.read_bytes().startswith(archive.read("events.jsonl"))
        assert b"train/loss" in archive.read("metrics.csv").splitlines()[0]
    clear(page, until)
    with page.expect_popup() as window:
        press(page, keys["tensorboard"][0])
    window.value.close()


def test_the_other_keys_go_where_they_say(guest: Guest, until: Callable[..., Any]) -> None:
    page = guest.page
    page.keyboard.press("Control+K")
    until(lambda: page.get_by_role("combobox", name="Find an action").count() == 1)
    page.keyboard.press("Control+K")
    until(lambda: page.locator("dialog:modal").count() == 0)
    page.keyboard.press("?")
    until(lambda: page.get_by_role("dialog", name="Keyboard shortcuts").count() == 1)
    page.get_by_role("radio", name="Alt", exact=True).check()
    assert page.evaluate("localStorage.getItem('gladius_keys')") == "alt"
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)
    page.keyboard.press("Alt+K")
    until(lambda: page.get_by_role("combobox", name="Find an action").count() == 1)
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)
    page.keyboard.press("Alt+ArrowLeft")
    until(lambda: page.url.rstrip("/") == guest.server.url)
    # On another page nothing of the console is taken: Chromium's own F5 reloads.
    page.evaluate("window.still = true")
    page.keyboard.press("F5")
    page.wait_for_load_state()
    page.get_by_role("button", name="Start training").wait_for()


def test_keys_work_on_a_russian_layout_and_rest_where_somebody_types(guest: Guest, until: Callable[..., Any]) -> None:
    page = guest.page
    session = page.context.new_cdp_session(page)
    for kind in ("rawKeyDown", "keyUp"):
        session.send(
            "Input.dispatchKeyEvent",
            {"type": kind, "modifiers": 2, "key": "л", "code": "KeyK", "windowsVirtualKeyCode": 75},
        )
    field = page.get_by_role("combobox", name="Find an action")
    until(lambda: field.count() == 1)
    page.evaluate("window.still = true")
    page.keyboard.type("1?")
    assert field.input_value() == "1?"
    page.keyboard.press("F5")
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)
    assert page.evaluate("window.still"), "a function key under the palette reloads nothing"


def test_the_palette_finds_in_either_language_and_remembers(guest: Guest, until: Callable[..., Any]) -> None:
    page = guest.page
    page.keyboard.press("Control+K")
    field = page.get_by_role("combobox", name="Find an action")
    until(lambda: field.count() == 1)
    field.fill("russk")
    field.fill("Русский")
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("document.documentElement.lang") == "ru")
    page.keyboard.press("Control+K")
    field = page.get_by_role("combobox", name="Найти действие")
    until(lambda: field.count() == 1)
    first = page.locator("dialog [role=option]").first
    assert first.get_attribute("data-action") == "view.language_ru", "used last comes first"
    assert first.get_attribute("aria-disabled") == "true"
    field.fill("english")
    until(lambda: first.get_attribute("data-action") == "view.language_en")
    field.fill("light theme")
    until(lambda: page.locator("dialog [role=option]").first.get_attribute("data-action") == "view.theme_light")
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("document.documentElement.dataset.theme") == "light")
    page.keyboard.press("Control+K")
    until(lambda: field.count() == 1)
    field.fill("steered")
    until(lambda: page.locator("dialog [role=option]").first.get_attribute("data-action") == f"run.{guest.run_id}")
    field.fill("ъъъъъъ")
    until(lambda: page.locator("dialog [role=option]").count() == 0)
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)


def test_the_screenshot_is_the_whole_page(guest: Guest, until: Callable[..., Any]) -> None:
    page = guest.page
    until(lambda: page.locator("canvas").count() >= 2)
    with page.expect_download(timeout=60_000) as waiting:
        page.keyboard.press("Control+Shift+S")
    assert waiting.value.suggested_filename.startswith("steered-")
    assert waiting.value.suggested_filename.endswith(".png")
    picture = waiting.value.path().read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert width == page.evaluate("document.documentElement.clientWidth")
    assert height >= 1000
    assert abs(height - page.evaluate("document.documentElement.scrollHeight")) <= 200, "values come meanwhile"
    until(lambda: said(page).startswith("Screenshot saved"))
    assert len(picture) > 40_000, "there is something on it"
