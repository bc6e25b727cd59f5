"""The settings, over any page and as a page: what is chosen takes effect; who is signed in, and signing out."""

from __future__ import annotations

import getpass
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alert_story import gpu
from watched_page import House, Visitor

pytestmark = pytest.mark.browser

Until = Callable[..., Any]

SECTIONS = ["Appearance", "Keyboard shortcuts", "Notifications", "Alert thresholds", "This server", "This browser"]


@pytest.fixture(autouse=True)
def settled(house: House, until: Until) -> Iterator[None]:
    yield
    house.settle(until)
    house.server.http.put("/settings", json={"alerts": house.server.get("/settings")["defaults"]}).raise_for_status()


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_the_overlay_and_the_page_hold_the_same_settings(house: House, guest: Visitor, until: Until) -> None:
    mine = guest()
    page = mine.watch(house.run())
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="Settings")
    until(lambda: dialog.get_by_role("spinbutton").count() > 5)
    assert [one.inner_text() for one in dialog.get_by_role("heading", level=3).all()] == SECTIONS
    assert str(house.home.root) in dialog.inner_text()
    assert house.server.get("/settings")["version"] in dialog.inner_text()
    assert mine.violations() == []
    page.keyboard.press("Escape")
    until(lambda: dialog.count() == 0)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Settings", "the focus comes back"

    page.get_by_role("button", name="Back to overview").click()
    page.get_by_role("navigation").get_by_role("link", name="Settings").click()
    page.wait_for_url("**/settings")
    until(lambda: page.get_by_role("spinbutton").count() > 5)
    assert [one.inner_text() for one in page.get_by_role("heading", level=2).all()] == SECTIONS
    assert page.get_by_role("link", name="Settings").get_attribute("aria-current") == "page"
    assert mine.violations() == []
    assert mine.complaints == []


@pytest.mark.parametrize("width", [390, 1440])
def test_settings_are_complete_in_russian_and_fit_a_phone(guest: Visitor, until: Until, width: int) -> None:
    mine = guest(locale="ru-RU", viewport={"width": width, "height": 844}, color_scheme="light")
    page = mine.open("/settings")
    until(lambda: page.get_by_role("spinbutton").count() > 5)
    page.get_by_role("radio", name="Светлая").check(force=True)
    main = page.get_by_role("main").inner_text()
    rest = re.sub(
        r"https?://\S+|Ctrl\+\w|Alt\+?\w?|F\d|GPU|HTTPS|localhost|gladius up|English|MiB|\S*[/@.]\S*", "", main
    )
    assert not re.findall(r"[A-Za-z]{4,}", rest), re.findall(r"[A-Za-z]{4,}", rest)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert mine.violations() == []
    page.get_by_role("button", name="Меню пользователя").click()
    menu = page.get_by_role("menu", name="Меню пользователя")
    until(lambda: menu.count() == 1)
    assert mine.violations() == []
    menu.get_by_role("menuitem", name="Настройки").click()
    until(lambda: page.get_by_role("dialog", name="Настройки").count() == 1)
    assert mine.violations() == []


def test_appearance_is_chosen_at_once_and_stays(guest: Visitor, until: Until) -> None:
    mine = guest()
    page = mine.open("/settings")
    dark = background(page)
    page.get_by_role("radio", name="Light").check(force=True)
    assert background(page) != dark
    page.get_by_role("group", name="Contrast").get_by_role("radio", name="High").check(force=True)
    assert background(page) == "rgb(255, 255, 255)"
    assert mine.violations() == []
    page.get_by_role("group", name="Motion").get_by_role("radio", name="Reduced").check(force=True)
    page.get_by_role("radio", name="With Alt").check(force=True)
    page.reload()
    until(lambda: page.get_by_role("radio", name="With Alt").is_checked())
    kept = page.evaluate("({...document.documentElement.dataset})")
    assert kept == {"theme": "light", "contrast": "more", "motion": "reduce"}
    page.get_by_role("button", name="Show all shortcuts").click()
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    until(lambda: shortcuts.count() == 1)
    assert "Alt+P" in shortcuts.inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Русский").check(force=True)
    until(lambda: page.get_by_role("heading", name="Настройки", level=1).count() == 1)


def test_the_system_is_asked_for_contrast_motion_and_colours(house: House, guest: Visitor, until: Until) -> None:
    run = house.run()
    more = guest(contrast="more", reduced_motion="reduce")
    page = more.watch(run)
    assert page.evaluate("({...document.documentElement.dataset})") == {
        "theme": "dark", "contrast": "more", "motion": "reduce",
    }  # fmt: skip
    assert background(page) == "rgb(0, 0, 0)"
    assert more.violations() == []
    run.sample(gpu(temperature=86))
    until(lambda: more.toast("86 °C").count() == 1)
    assert (
        float(page.evaluate("parseFloat(getComputedStyle(document.querySelector('.toast')).animationDuration)")) < 0.01
    )
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="Settings")
    until(lambda: dialog.get_by_role("spinbutton").count() > 5)
    dialog.get_by_role("group", name="Contrast").get_by_role("radio", name="Standard").check(force=True)
    assert background(page) != "rgb(0, 0, 0)", "what was chosen wins over the system"
    forced = guest(forced_colors="active")
    forced.open("/settings")
    assert forced.page.evaluate("matchMedia('(forced-colors: active)').matches")
    chosen = forced.page.locator("label.chosen").first
    plain = forced.page.locator("label:has(input[type=radio]):not(.chosen)").first
    border = "element => getComputedStyle(element).borderTopWidth"
    assert chosen.evaluate(border) != plain.evaluate(border), "a choice is seen without its background"


def test_thresholds_are_checked_saved_and_take_effect(house: House, guest: Visitor, until: Until) -> None:
    mine = guest()
    page = mine.open("/settings")
    field = page.get_by_role("spinbutton", name="GPU temperature above")
    until(lambda: field.count() == 1)
    save = page.get_by_role("button", name="Save thresholds")
    assert save.is_disabled()
    field.fill("900")
    page.get_by_role("spinbutton", name="Throughput below its average by").fill("100")
    page.get_by_role("spinbutton", name="A notice every").fill("")
    save.click()
    until(lambda: page.get_by_text("A number is needed here.").count() == 1)
    page.get_by_role("spinbutton", name="A notice every").fill("10")
    save.click()
    until(lambda: page.get_by_text("Allowed: 30 °C to 120 °C.").count() == 1)
    assert page.get_by_text("Allowed: more than 0 %, less than 100 %.").count() == 1
    assert field.get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == field.get_attribute("id"), (
        "the first wrong field has the focus"
    )
    assert mine.violations() == []
    assert house.server.get("/settings")["alerts"]["gpu_temperature"] == 80

    page.get_by_role("button", name="Reset Throughput below its average by to its default").click()
    field.fill("60.5")
    save.click()
    until(lambda: page.get_by_text("Saved.").count() == 1)
    assert house.server.get("/settings")["alerts"]["gpu_temperature"] == 60.5
    stored = json.loads((house.home.state / "settings.json").read_text())
    assert stored["alerts"]["gpu_temperature"] == 60.5
    run = house.run()
    run.sample(gpu(temperature=61))
    until(lambda: mine.toast("GPU 0 is at 61 °C, above the limit of 60.5 °C").count() == 1)

    page.get_by_role("button", name="All defaults").click()
    assert field.input_value() == "80"
    save.click()
    until(lambda: house.server.get("/settings")["alerts"] == house.server.get("/settings")["defaults"])


SPY = """
window.told = []; window.audio = 0;
const Real = window.Notification;
window.Notification = class extends Real { constructor(title, more) { super(title, more); window.told.push([title, more]); } };
const Audio = window.AudioContext;
window.AudioContext = class extends Audio { constructor(...all) { super(...all); window.audio++; } };
"""


def test_notifications_come_after_they_were_asked_for_and_while_nobody_looks(
    house: House, guest: Visitor, until: Until
) -> None:
    mine = guest(SPY, permissions=["notifications"])
    page = mine.open("/settings")
    switch = page.get_by_role("switch", name="Browser notifications")
    run = house.run()
    run.sample(gpu(temperature=86))
    until(lambda: mine.toast("86 °C").count() == 1)
    assert page.evaluate("window.told") == [], "nobody asked"
    switch.check()
    assert switch.is_checked()
    # Somebody else has the keyboard now: what the browser says of a window behind another.
    page.evaluate("document.hasFocus = () => false")
    run.metrics(812, train__loss=float("nan"))
    until(lambda: page.evaluate("window.told.length") == 1)
    ((title, more),) = page.evaluate("window.told")
    assert title == "Critical: written" and more["body"] == "The loss is NaN since step 812"
    assert more["requireInteraction"] is True
    switch.uncheck()
    run.sample(gpu(temperature=86), ram=0.95)
    until(lambda: mine.toast("95 % of the memory").count() == 1)
    assert page.evaluate("window.told.length") == 1


def test_what_to_do_is_said_where_the_browser_refuses(guest: Visitor, until: Until) -> None:
    mine = guest()
    page = mine.open("/settings")
    switch = page.get_by_role("switch", name="Browser notifications")
    switch.click()
    until(lambda: page.get_by_text("This browser blocks notifications from this address.").count() == 1)
    assert not switch.is_checked()
    assert page.evaluate("localStorage.gladius_notifications") == "off"


def test_there_is_no_sound_before_somebody_wants_it(house: House, guest: Visitor, until: Until) -> None:
    mine = guest(SPY)
    page = mine.open("/settings")
    run = house.run()
    run.sample(gpu(temperature=86))
    until(lambda: mine.toast("86 °C").count() == 1)
    page.mouse.click(5, 400)
    assert page.evaluate("window.audio") == 0
    page.get_by_role("switch", name="Sound").check()
    assert page.evaluate("window.audio") == 1
    page.evaluate(
        "() => { window.tones = 0; OscillatorNode.prototype.start = new Proxy(OscillatorNode.prototype.start, "
        "{apply: (start, node, all) => { window.tones++; return Reflect.apply(start, node, all); }}) }"
    )
    page.get_by_role("button", name="Try the sound").click()
    assert page.evaluate("window.tones") == 2
    run.metrics(812, train__loss=float("nan"))
    until(lambda: page.evaluate("window.tones") == 6)
    assert page.evaluate("window.audio") == 1


def test_the_user_menu_tells_who_and_signs_out(house: House, guest: Visitor, until: Until) -> None:
    mine, other = guest(), guest()
    page = mine.watch(house.run())
    page.get_by_role("button", name="User menu").click()
    menu = page.get_by_role("menu", name="User menu")
    until(lambda: f"{getpass.getuser()}@{socket.gethostname()}" in menu.inner_text())
    assert f"127.0.0.1:{house.server.port}" in menu.inner_text()
    assert mine.violations() == []
    menu.get_by_role("menuitemradio", name="Light").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.innerText").strip() == "Sign out"
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")
    assert mine.context.cookies() == []
    page.goto(house.server.url + "/runs")
    assert page.url.endswith("/login")
    assert page.request.get(house.server.url + "/api/v1/runs").status == 401
    other.open("/runs")
    assert other.page.url.endswith("/runs"), "others stay signed in"


def test_the_console_is_closed_to_the_overview_and_the_page_signs_out_too(
    house: House, guest: Visitor, until: Until
) -> None:
    mine = guest()
    page = mine.watch(house.run())
    page.get_by_role("button", name="Close console").click()
    until(lambda: page.get_by_role("button", name="Start training").count() == 1)
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    until(lambda: page.get_by_role("dialog", name="Keyboard shortcuts").count() == 1)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert mine.context.cookies() == []


def test_a_button_opens_the_palette_and_a_switch_makes_the_log_speak(
    house: House, guest: Visitor, until: Until
) -> None:
    mine = guest()
    page = mine.watch(house.run())
    opener = page.get_by_role("button", name="Open palette")
    assert opener.get_attribute("title") == "Open palette (Ctrl+K)"
    opener.click()
    until(lambda: page.get_by_role("dialog", name="Command palette").count() == 1)
    page.keyboard.press("Escape")
    until(lambda: page.get_by_role("dialog").count() == 0)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Open palette"

    assert page.locator(".xterm-accessibility-tree").count() == 0
    page.get_by_role("button", name="Settings").click()
    switch = page.get_by_role("switch", name="Log for screen readers")
    switch.check()
    until(lambda: page.locator(".xterm-accessibility-tree").count() == 1)
    switch.uncheck()
    until(lambda: page.locator(".xterm-accessibility-tree").count() == 0)
    page.keyboard.press("Escape")

    page.set_viewport_size({"width": 390, "height": 844})
    assert not opener.is_visible(), "a phone has it in the user menu"
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("menuitem", name="Open palette").click()
    until(lambda: page.get_by_role("dialog", name="Command palette").count() == 1)
    assert mine.complaints == []
