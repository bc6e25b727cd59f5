"""Signing in with the token in a real browser, which adds an Origin to the form by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from console_server import ConsoleServer
from judge import violations

pytestmark = pytest.mark.browser


def test_the_token_signs_in_and_a_wrong_one_is_told(browser: Any, serve: Callable[..., ConsoleServer]) -> None:
    server = serve()
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url + "/")
    page.locator("input:not([type=hidden])").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("not the token").wait_for()
    assert page.url.endswith("/login")
    page.locator("input:not([type=hidden])").fill(server.token)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start training").wait_for()
    assert "token" not in page.url
    context.close()


def test_the_page_to_sign_in_has_the_browsers_theme_and_language_and_nothing_against_it(
    browser: Any, serve: Callable[..., ConsoleServer]
) -> None:
    server = serve()
    for scheme, locale, button, refused in (
        ("dark", "en-US", "Sign in", "This is not the token"),
        ("light", "ru-RU", "Войти", "Это не токен"),
    ):
        context = browser.new_context(color_scheme=scheme, locale=locale, viewport={"width": 390, "height": 844})
        page = context.new_page()
        page.goto(server.url + "/")
        page.locator("input:not([type=hidden])").fill("wrong")
        page.get_by_role("button", name=button).click()
        page.get_by_text(refused).wait_for()
        assert violations(page) == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()
