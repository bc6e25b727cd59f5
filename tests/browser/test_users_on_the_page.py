"""Users, tokens and the audit on the page; what another role finds closed; and a session that is ended under somebody's hands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from judge import violations
from watched_page import Guest, House, Visitor

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
PASSWORD = "four small plain words"


@pytest.fixture(autouse=True)
def nobody_left(house: House) -> Iterator[None]:
    yield
    house.server.forget_users()


def arrive(browser: Any, house: House, name: str, path: str = "/", **options: Any) -> Any:
    """A page of a browser that somebody signed in by name."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
    page = context.new_page()
    page.goto(house.server.http.post(f"/users/{name}/link").json()["url"])
    page.goto(house.server.url + path)
    return page


def add(house: House, name: str, role: str, password: str | None = PASSWORD) -> None:
    made = house.server.http.post("/users", json={"name": name, "role": role, "password": password})
    assert made.status_code == 201, made.text


def test_a_user_comes_by_a_link_and_what_the_server_refuses_is_not_shown_as_done(
    browser: Any, house: House, guest: Visitor, until: Until
) -> None:
    mine: Guest = guest()
    page = mine.open("/settings/users")
    page.get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("Anna Smith")
    dialog.get_by_role("button", name="Add user").click()
    until(lambda: dialog.get_by_text("'Anna Smith' cannot be a name.").count() == 1)
    dialog.get_by_role("textbox", name="Name").fill("anna")
    dialog.get_by_role("combobox", name="Role").select_option("admin")
    assert violations(page) == []
    dialog.get_by_role("button", name="Add user").click()
    link = dialog.get_by_role("textbox", name="Link")
    until(lambda: link.count() == 1)
    assert violations(page) == []
    other = browser.new_context(locale="en-US").new_page()
    other.goto(link.input_value())
    other.get_by_role("button", name="User menu").click()
    until(lambda: "anna" in other.get_by_role("menu", name="User menu").inner_text())
    assert "Admin" in other.get_by_role("menu", name="User menu").inner_text()
    other.context.close()
    dialog.get_by_role("button", name="Close").click()

    row = page.get_by_role("listitem").filter(has_text="anna")
    until(lambda: "no password yet" in row.inner_text())
    row.get_by_role("combobox", name="Role of anna").select_option("viewer")
    until(lambda: page.get_by_text("anna is the last admin who can sign in.").count() == 1)
    assert row.get_by_role("combobox").input_value() == "admin", "what holds is what the server says"
    row.get_by_role("button", name="Remove anna").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    until(lambda: page.get_by_role("dialog").count() == 0)
    until(lambda: page.get_by_text("Make another user an admin first.").count() == 1)
    assert row.count() == 1 and violations(page) == []


READS = (
    "page.", "view.", "run.", "log.", "chart.", "help", "back", "screenshot", "find", "clear_log", "copy_log", "select_log",
    "log_", "zoom_", "focus_", "export_",
)  # fmt: skip
"""Actions of the palette that ask the server for nothing but GET; `page.attach` and `run.command` are not among them."""


def palette(page: Any, until: Until, reason: str) -> set[str]:
    """What a viewer can choose in the palette; what changes something is closed to them, in the words of the buttons."""
    page.keyboard.press("Control+K")
    options = page.locator("dialog [role=option]")
    until(lambda: options.count() > 20)
    told = options.evaluate_all(
        "all => all.map(one => [one.dataset.action, one.ariaDisabled === 'true', one.innerText])"
    )
    barred = {action for action, closed, text in told if closed and reason in text}
    assert barred >= {
        "page.attach", "run.command", "toggle_pause", "stop", "checkpoint", "validate", "tensorboard", "reload_config",
        "adjust",
    }  # fmt: skip
    page.get_by_role("combobox", name="Find an action").fill("TRAIN AGENT")
    until(lambda: options.first.get_attribute("data-action") == "run.this_command")
    assert options.first.get_attribute("aria-disabled") == "true" and reason in options.first.inner_text()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog", name="Run command").count() == 0
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog:modal").count() == 0)
    return {action for action, closed, _ in told if not closed}


def test_a_viewer_finds_what_changes_things_closed_and_is_told_why(browser: Any, house: House, until: Until) -> None:
    add(house, "vera", "viewer")
    run = house.run()
    page = arrive(browser, house, "vera")
    reason = "This needs the role operator; yours is viewer."
    start = page.get_by_role("button", name=re.compile("^Start training"))
    # Before the page knows who it is, it is closed for another reason.
    until(lambda: start.get_attribute("title") == reason)
    assert start.get_attribute("aria-disabled") == "true" or start.is_disabled()
    page.goto(f"{house.server.url}/runs/{run.directory.run_id}")
    for name in ("Pause", "Stop", "Save checkpoint"):
        button = page.get_by_role("button", name=re.compile(f"^{name}")).last
        until(lambda button=button: button.get_attribute("aria-disabled") == "true")
        assert reason in (button.get_attribute("title") or ""), name
    assert not page.get_by_role("button", name="Export").first.is_disabled(), "reading is what a viewer may"
    open_to_all = {one for one in palette(page, until, reason) if not one.startswith(READS)}
    assert open_to_all == set(), "what is not known to read only needs a reason"
    page.goto(house.server.url + "/settings/users")
    until(lambda: page.get_by_text("This needs the role admin; yours is viewer.").count() == 1)
    page.goto(house.server.url + "/settings")
    page.get_by_role("heading", name="Appearance").wait_for()
    assert page.get_by_role("link", name="Audit").count() == 0
    page.context.close()
    house.settle(until)


def test_another_role_and_another_password_take_effect_at_once(browser: Any, house: House, until: Until) -> None:
    add(house, "vera", "viewer", None)
    page = arrive(browser, house, "vera", "/settings")
    page.get_by_role("button", name="Change password").click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("dialog").get_by_role("button", name="Change password").click()
    until(lambda: page.get_by_role("dialog").count() == 0)
    assert house.server.get("/users")[0]["has_password"] is True
    page.get_by_text("Signed in: vera, viewer").wait_for()
    house.server.http.patch("/users/vera", json={"role": "operator"})
    page.get_by_text("Signed in: vera, operator").wait_for()
    assert page.get_by_role("dialog").count() == 0, "who is still signed in is asked nothing"
    page.context.close()


def test_who_is_shut_out_is_told_tries_nothing_more_and_keeps_what_was_typed(
    browser: Any, house: House, guest: Visitor, until: Until
) -> None:
    """How soon the socket is cut is measured where the page's own work does not blur it: server/test_users_and_roles.py."""
    add(house, "olga", "operator")
    page = arrive(browser, house, "olga", "/settings")
    sockets: list[Any] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    field = page.get_by_role("spinbutton", name="GPU temperature above")
    field.fill("61.5")
    page.get_by_text("Live", exact=True).wait_for()
    admin = guest().open("/settings/users")
    disable = admin.get_by_role("button", name="Disable olga")
    disable.click()
    dialog = page.get_by_role("dialog", name="You are signed out")
    until(lambda: dialog.count() == 1)
    # A lost connection would be tried anew after half a second; that nothing comes can only be waited for.
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_timeout(1500)
    with page.expect_response("**/api/v1/session") as asked:
        page.evaluate("window.dispatchEvent(new Event('focus'))")
    assert asked.value.status == 401 and sockets == [], "a socket was tried by somebody who is not let in"
    admin.get_by_role("button", name="Enable olga").wait_for()
    assert violations(page) == []
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    dialog.get_by_text("Name or password is wrong.").wait_for()
    admin.get_by_role("button", name="Enable olga").click()
    admin.get_by_role("button", name="Disable olga").wait_for()
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    until(lambda: dialog.count() == 0)
    assert field.input_value() == "61.5"
    page.get_by_text("Live", exact=True).wait_for()
    assert len(sockets) == 1
    page.context.close()


def test_a_token_is_shown_once_and_the_audit_tells_of_it(house: House, guest: Visitor, until: Until) -> None:
    mine = guest()
    page = mine.open("/settings/tokens")
    page.get_by_role("button", name="Make token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("nightly")
    assert violations(page) == []
    dialog.get_by_role("button", name="Make token").click()
    text = dialog.get_by_role("textbox", name="Token")
    until(lambda: text.count() == 1)
    secret = text.input_value()
    assert secret.startswith("gladius_")
    dialog.get_by_role("button", name="Copy").click()
    until(lambda: dialog.get_by_text(re.compile("^(Copied|Selected)")).count() == 1)
    dialog.get_by_role("button", name="Close").click()
    bearer = {"authorization": f"Bearer {secret}"}
    assert house.server.bare.delete("/api/v1/runs/nothing", headers=bearer).status_code == 403
    assert secret not in page.content()
    page.reload()
    row = page.get_by_role("listitem").filter(has_text="nightly")
    until(lambda: "used" in row.inner_text() and "never" not in row.inner_text())
    page.get_by_role("link", name="Audit").click()
    page.get_by_role("switch", name="Only what was refused").check()
    refused = page.get_by_role("row").filter(has_text="nightly")
    until(lambda: refused.count() >= 1 and page.get_by_role("row").filter(has_text="201").count() == 0)
    assert "DELETE runs/{run_id}" in refused.first.inner_text() and "403" in refused.first.inner_text()
    assert violations(page) == []
    page.get_by_role("link", name="Tokens").click()
    row.get_by_role("button", name="Revoke nightly").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    until(lambda: row.count() == 0)
    assert house.server.bare.get("/api/v1/runs", headers=bearer).status_code == 401
    assert mine.complaints == []


@pytest.mark.parametrize("part", ["users", "tokens", "audit"])
def test_the_parts_fit_a_phone_in_russian(house: House, guest: Visitor, until: Until, part: str) -> None:
    add(house, "a-name-of-thirty-two-characters-", "admin")
    mine = guest(locale="ru-RU", viewport={"width": 390, "height": 844}, color_scheme="light")
    page = mine.open(f"/settings/{part}")
    until(lambda: page.locator("section.panel li, section.panel p, section.panel tbody tr").count() >= 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
