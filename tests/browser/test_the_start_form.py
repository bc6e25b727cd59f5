"""Starting a training from the overview."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from steered_run import PROFILE, SCRIPT
from watched_page import House

pytestmark = pytest.mark.browser


@pytest.fixture
def overview(house: House, visit: Callable[..., Any], until: Callable[..., Any]) -> Any:
    guest = visit(house.server)
    until(lambda: "To start" in guest.page.get_by_role("region", name="Start training").inner_text())
    return guest


def test_the_button_waits_for_a_valid_choice_and_says_what_is_missing(overview: Any) -> None:
    page = overview.page
    start = page.get_by_role("button", name="Start training")
    form = page.get_by_role("region", name="Start training")
    assert start.is_disabled()
    assert "choose a profile" in form.inner_text()
    page.get_by_role("combobox", name="Profile").select_option("tiny-moe")
    assert "choose a profile" not in form.inner_text()
    assert page.get_by_role("spinbutton", name="Epochs").input_value() == "3"
    page.get_by_role("spinbutton", name="Epochs").fill("0")
    assert start.is_disabled()
    assert "give epochs" in form.inner_text()
    assert overview.complaints == []


def test_another_profile_never_overwrites_epochs_that_were_typed(overview: Any, until: Callable[..., Any]) -> None:
    page = overview.page
    page.get_by_role("spinbutton", name="Epochs").fill("7")
    page.get_by_role("combobox", name="Profile").select_option("tiny-moe")
    assert page.get_by_role("spinbutton", name="Epochs").input_value() == "7"
    page.reload()
    until(lambda: page.get_by_role("combobox", name="Profile").input_value() == "tiny-moe")
    assert page.get_by_role("spinbutton", name="Epochs").input_value() == "7"
    assert '"epochs":7' in page.evaluate("localStorage.getItem('active_training_context')")


def test_the_page_speaks_russian_to_a_russian_browser(
    house: House, visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    guest = visit(house.server, locale="ru-RU")
    page = guest.page
    until(lambda: page.get_by_role("combobox", name="Профиль").count() == 1)
    assert page.get_by_role("button", name="Начать обучение").is_disabled()
    assert page.evaluate("document.documentElement.lang") == "ru"
    page.get_by_role("button", name="Настройки").click()
    page.get_by_role("radio", name="English").check(force=True)
    until(lambda: page.get_by_role("button", name="Start training").count() == 1)


def test_the_theme_is_chosen_once_and_stays(overview: Any) -> None:
    page = overview.page
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("radio", name="Light").check(force=True)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_a_run_starts_with_the_preset_that_was_chosen(
    house: House, visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    (house.home.root / "profiles").mkdir(exist_ok=True)
    profile = PROFILE.format(python=sys.executable, script=SCRIPT, pause=0.05, size=100)
    (house.home.root / "profiles" / "steered.yaml").write_text(profile)
    for name, engine, batch in (("Small batches", "script", 4), ("Of another trainer", "transformers", 5)):
        preset = {"name": name, "engine": engine, "values": {"train.batch_size": batch}}
        assert house.server.http.post("/presets", json=preset).status_code == 201
    page = visit(house.server).page
    page.get_by_role("combobox", name="Profile").select_option("steered")
    presets = page.get_by_role("combobox", name="Preset")
    until(lambda: presets.count() == 1)
    assert presets.get_by_role("option").all_inner_texts()[1:] == ["Small batches"], "those that fit the profile"
    presets.select_option(label="Small batches")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/runs/*")
    run = house.home.run(page.url.rpartition("/")[2])
    assert "batch_size: 4" in (run.root / "config.yaml").read_text()
    until(lambda: page.get_by_role("status").first.inner_text().strip() == "Training", timeout=40)
    panel = page.get_by_role("region", name="Configuration", exact=True)
    until(lambda: "Small batches" in panel.inner_text() or "4" in panel.inner_text())
    house.server.http.post(f"/runs/{run.run_id}/commands", json={"command": "terminate", "args": {"grace_s": 0}})
    until(lambda: house.server.get(f"/runs/{run.run_id}")["summary"]["finished_at"], timeout=40)
