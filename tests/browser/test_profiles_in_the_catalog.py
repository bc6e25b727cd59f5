"""Profiles on the page: made, edited with their mistakes marked, saved by their version, deleted, put back, started with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from judge import violations
from watched_page import Guest, House

pytestmark = pytest.mark.browser
Until = Callable[..., Any]
MINE = "name: My own\nextends: lora-sft\ndefault_epochs: 2\n"


@pytest.fixture(scope="module")
def shown(browser: Any, house: House) -> Iterator[Guest]:
    """One signed-in browser for the module, in a home with a profile that is broken."""
    house.home.profiles.mkdir(exist_ok=True)
    broken = "name: Broken\nengine: transformer\nepochs: {min: 3, max: 1}\n"
    (house.home.profiles / "broken.yaml").write_text(broken)
    (house.home.profiles / "mine.yaml").write_text(MINE)
    guest = Guest(browser, house.server)
    # Whoever leaves what is not saved is asked by the browser too.
    guest.page.on("dialog", lambda asked: asked.accept())
    yield guest
    assert guest.foreign == [], "a request left the machine"
    guest.context.close()


def choose(guest: Guest, profile: str) -> Any:
    page = guest.page
    page.goto(f"{guest.server.url}/catalog/profiles?id={profile}")
    page.get_by_role("button", name="Start with this profile").wait_for()
    return page


def write(page: Any, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def edit(page: Any) -> Any:
    page.get_by_role("button", name="Edit", exact=True).click()
    page.locator(".cm-content").wait_for()
    return page.get_by_role("dialog")


def test_a_broken_file_is_listed_with_its_line_and_mend_beside_the_others(shown: Guest) -> None:
    page = choose(shown, "broken")
    assert "cannot be used" in page.get_by_role("button", name="Broken").inner_text()
    said = page.get_by_text("broken.yaml, line 2").inner_text()
    assert "engine must be one of" in said and "Did you mean 'transformers'?" in said
    assert page.get_by_role("button", name="Start with this profile").get_attribute("aria-disabled") == "true"
    names = page.get_by_role("list", name="Profiles").get_by_role("button")
    assert names.count() == len(shown.server.get("/profiles")) >= 8
    assert page.get_by_role("navigation", name="Catalog").locator("[aria-current=page]").inner_text() == "Profiles"
    assert violations(page) == []


def test_one_shows_whom_it_inherits_from_and_what_it_says_itself(shown: Guest) -> None:
    page = choose(shown, "mine")
    settings = page.get_by_role("region", name="Settings").locator("tr", has_text="train.learning_rate")
    assert settings.locator("td").all_inner_texts() == ["train.learning_rate", "2e-4", "lora-sft"]
    page.get_by_role("button", name="lora-sft", exact=True).last.click()
    page.get_by_role("region", name="LoRA fine-tuning").wait_for()
    assert "id=lora-sft" in page.url


def test_a_new_one_is_checked_while_it_is_typed_and_kept_when_it_is_right(shown: Guest, until: Until) -> None:
    file = shown.server.home.profiles / "night-shift.yaml"
    file.unlink(missing_ok=True)
    page = choose(shown, "mine")
    page.get_by_role("button", name="New profile").click()
    page.get_by_label("Of which profile").select_option(label="Tiny mixture of experts")
    page.get_by_label("Name", exact=True).fill("Night shift")
    page.get_by_role("button", name="Create").click()
    page.locator(".cm-content").wait_for()
    assert 'name: "Night shift"\nextends: tiny-moe\n' in file.read_text()

    wrong = "name: Night shift\nextends: tiny-moe\ndefault_epochs: many\nconfig:\n  train: {learning_rat: 1}\n"
    write(page, wrong)
    dialog = page.get_by_role("dialog")
    told = dialog.get_by_role("button", name="line 3")
    told.wait_for()
    assert (
        "'default_epochs' must be a number" in told.inner_text() and page.locator(".cm-lint-marker-error").count() == 1
    )
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("alert").filter(has_text="Not saved").wait_for()
    assert "many" not in file.read_text()

    write(page, wrong.replace("many", "2").replace("rat:", "rate:"))
    dialog.get_by_text("No problems").wait_for()
    page.keyboard.press("Control+S")
    dialog.get_by_text("Saved.").wait_for()
    assert file.read_text() == wrong.replace("many", "2").replace("rat:", "rate:")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("region", name="Night shift").wait_for()
    assert shown.server.get("/profiles/night-shift")["default_epochs"] == 2


def test_two_who_edit_one_file_lose_nothing(shown: Guest) -> None:
    file = shown.server.home.profiles / "mine.yaml"
    file.write_text(MINE)
    page = choose(shown, "mine")
    dialog = edit(page)
    write(page, "name: Of this page\nextends: lora-sft\n")
    theirs = "name: Of somebody else\nextends: lora-sft\n"
    version = shown.server.get("/profiles/mine")["version"]
    shown.server.http.put("/profiles/mine", json={"text": theirs, "version": version}).raise_for_status()
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_text("Somebody else changed this file").wait_for()
    assert file.read_text() == theirs
    assert "Of somebody else" in dialog.locator(".cm-mergeView").inner_text()
    dialog.get_by_role("button", name="Keep mine").click()
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_text("Saved.").wait_for()
    assert file.read_text() == "name: Of this page\nextends: lora-sft\n"
    page.keyboard.press("Escape")


def test_what_is_not_saved_is_asked_for_and_comes_back(shown: Guest, until: Until) -> None:
    page = choose(shown, "mine")
    before = (shown.server.home.profiles / "mine.yaml").read_text()
    dialog = edit(page)
    write(page, "name: Half done\n")
    dialog.get_by_role("button", name="Close").click()
    dialog.get_by_role("alert").filter(has_text="unsaved").wait_for()
    dialog.get_by_role("button", name="Keep editing").click()
    page.reload()
    assert "unsaved changes" in page.get_by_role("button", name="unsaved changes").inner_text()
    dialog = edit(page)
    dialog.get_by_text("Your unsaved changes are back.").wait_for()
    assert "Half done" in page.locator(".cm-content").inner_text()
    dialog.get_by_role("button", name="Close").click()
    dialog.get_by_role("button", name="Discard changes").click()
    until(lambda: page.get_by_role("button", name="unsaved changes").count() == 0)
    assert (shown.server.home.profiles / "mine.yaml").read_text() == before


def test_one_is_duplicated_deleted_put_back_and_started_with(shown: Guest, until: Until) -> None:
    folder = shown.server.home.profiles
    (folder / "ours.yaml").unlink(missing_ok=True)
    shutil.rmtree(shown.server.home.trash / "profiles", ignore_errors=True)
    page = choose(shown, "smollm2-lora")
    page.get_by_role("button", name="Duplicate").click()
    page.get_by_label("Id", exact=True).fill("ours")
    page.get_by_role("button", name="Create").click()
    until(lambda: (folder / "ours.yaml").exists())
    page.get_by_role("region", name="Copy of SmolLM2").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    until(lambda: not (folder / "ours.yaml").exists())
    page.get_by_text("In the trash: 1").click()
    page.get_by_role("button", name="Put ours back").click()
    until(lambda: (folder / "ours.yaml").exists())
    page.get_by_role("region", name="Copy of SmolLM2").wait_for()
    assert list((shown.server.home.trash / "profiles").iterdir()) == []

    choose(shown, "night-shift").get_by_role("button", name="Start with this profile").click()
    until(lambda: page.get_by_role("combobox", name="Profile").input_value() == "night-shift")
    kept = json.loads(page.evaluate("localStorage.active_training_context"))
    assert kept["profile_id"] == "night-shift"


def test_presets_tell_what_they_hold_and_fit_and_ones_own_is_deleted(shown: Guest, until: Until) -> None:
    body = {"name": "Ours", "engine": "transformers", "values": {"train.batch_size": 2}}
    shown.server.http.post("/presets", json=body).raise_for_status()
    page = shown.page
    page.goto(f"{shown.server.url}/catalog/presets?id=ours")
    page.get_by_role("region", name="Settings").get_by_text("train.batch_size").wait_for()
    assert page.get_by_role("region", name="Profiles that it fits").get_by_text("tiny-moe").count() == 1
    page.get_by_role("button", name="Delete preset Ours").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    until(lambda: not (shown.server.home.presets / "ours.yaml").exists())
    until(lambda: page.get_by_role("button", name="Ours").count() == 0)
    assert page.get_by_role("button", name="Delete").count() == 0  # what came with Gladius stays
