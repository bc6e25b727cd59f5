"""The configuration panel: looked at, edited, compared, saved, filled from presets; the files in the run directory tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from judge import violations

pytestmark = pytest.mark.browser


def file_of(steered: Any) -> Path:
    return Path(steered.server.home.run(steered.run_id).root) / "config.yaml"


def write(editor: Any, old: str, new: str, text: str) -> str:
    assert old in text
    changed = text.replace(old, new)
    editor.fill(changed)
    return changed


def test_the_panel_tells_the_settings_and_marks_what_changed(steered: Any, until: Callable[..., Any]) -> None:
    until(lambda: "config.yaml" in steered.text("Configuration"))
    panel = steered.page.get_by_role("region", name="Configuration", exact=True)
    until(lambda: "0.002" in panel.inner_text())
    assert "edited since start" not in panel.inner_text()
    file = file_of(steered)
    file.write_text(file.read_text().replace("batch_size: 16", "batch_size: 32"))
    until(lambda: "edited since start" in panel.inner_text())
    steered.server.http.post(
        f"/runs/{steered.run_id}/commands",
        json={"command": "set", "args": {"name": "learning_rate", "value": 0.001}},
    )
    until(lambda: "changed live: 1" in panel.inner_text())
    rate = panel.get_by_role("region", name="Learning rate").inner_text()
    assert "0.002" in rate and "0.001" in rate

    steered.button("View full config").click()
    dialog = steered.dialog("Full configuration")
    until(lambda: "learning_rate: 0.002" in dialog.inner_text())
    assert "batch_size: 16" in dialog.inner_text()
    assert violations(steered.page) == []
    dialog.get_by_text("File now").click()
    until(lambda: "batch_size: 32" in dialog.inner_text())
    with steered.page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_text() == file.read_text()
    assert steered.guest.complaints == []


def test_a_file_is_edited_checked_compared_saved_and_offered_for_reload(
    steered: Any, until: Callable[..., Any]
) -> None:
    file = file_of(steered)
    steered.button("Edit config").click()
    dialog = steered.dialog("Edit config")
    editor = dialog.get_by_role("textbox", name="Config file")
    until(lambda: editor.count() == 1 and "learning_rate" in editor.inner_text())
    text = file.read_text()
    wrong = write(editor, "learning_rate: 0.002", "learning_rate: fast", text)
    until(lambda: "train.learning_rate must be a number" in dialog.inner_text())
    assert violations(steered.page) == []
    dialog.get_by_role("button", name="Save file").click()
    until(lambda: "Not saved" in dialog.inner_text() and "line 3" in dialog.inner_text())
    assert file.read_text() == text

    mine = write(editor, "learning_rate: fast", "learning_rate: 0.001  # gentler", wrong)
    until(lambda: "No problems" in dialog.inner_text())
    dialog.get_by_role("checkbox", name="Compare with launched").check()
    before = dialog.get_by_role("textbox", name="As it was launched")
    until(lambda: before.count() == 1 and "learning_rate: 0.002" in before.inner_text())
    left, right = before.bounding_box(), editor.bounding_box()
    assert left["x"] + left["width"] <= right["x"], "side by side where there is room"
    editor.click()
    for key, there in (("Control+z", False), ("Control+y", True)):
        steered.page.keyboard.press(key)
        until(lambda there=there: ("# gentler" in editor.inner_text()) is there)
    steered.page.set_viewport_size({"width": 900, "height": 900})
    until(lambda: before.count() == 0 and "learning_rate: 0.002" in dialog.inner_text())
    steered.page.set_viewport_size({"width": 1440, "height": 900})
    until(lambda: before.count() == 1)
    assert violations(steered.page) == []
    dialog.get_by_role("checkbox", name="Compare with launched").uncheck()
    until(lambda: before.count() == 0 and "# gentler" in editor.inner_text())

    steered.page.keyboard.press("Escape")
    until(lambda: "There are unsaved changes." in dialog.inner_text())
    dialog.get_by_role("button", name="Keep editing").click()
    steered.page.once("dialog", lambda leaving: leaving.accept())
    steered.page.reload()
    until(lambda: steered.button("Edit config").count() == 1 and steered.button("Edit config").is_enabled())
    steered.button("Edit config").click()
    until(lambda: "Your unsaved changes are back." in dialog.inner_text())
    until(lambda: "# gentler" in dialog.inner_text())
    editor.click()
    steered.page.keyboard.press("Control+s")
    until(lambda: file.read_text() == mine)
    dialog.get_by_role("button", name="Reload config…").click()
    reload = steered.dialog("Reload config")
    reload.get_by_role("checkbox", name="Apply train.learning_rate").check()
    reload.get_by_role("button", name="Apply 1").click()
    until(lambda: steered.live("learning_rate") == 0.001)
    assert [one for one in steered.guest.complaints if "422" not in one] == []


def test_a_file_that_changes_meanwhile_offers_both(steered: Any, until: Callable[..., Any]) -> None:
    file = file_of(steered)
    steered.button("Edit config").click()
    dialog = steered.dialog("Edit config")
    editor = dialog.get_by_role("textbox", name="Config file")
    until(lambda: editor.count() == 1)
    text = file.read_text()
    theirs = text.replace("weight_decay: 0.01", "weight_decay: 0.03")
    file.write_text(theirs)
    until(lambda: "weight_decay: 0.03" in dialog.inner_text())
    mine = write(editor, "batch_size: 16", "batch_size: 64", theirs)
    file.write_text(text)
    until(lambda: "The file was changed on disk meanwhile." in dialog.inner_text())
    dialog.get_by_role("button", name="Keep mine").click()
    dialog.get_by_role("button", name="Save file").click()
    until(lambda: file.read_text() == mine)
    write(editor, "batch_size: 64", "batch_size: 8", mine)
    file.write_text(theirs)
    until(lambda: "The file was changed on disk meanwhile." in dialog.inner_text())
    dialog.get_by_role("button", name="Take the file on disk").click()
    until(lambda: "batch_size: 16" in dialog.inner_text())
    assert file.read_text() == theirs


def test_a_template_is_saved_replaced_loaded_and_deleted(steered: Any, until: Callable[..., Any]) -> None:
    folder = steered.server.home.presets
    file = file_of(steered)
    steered.button("Save as template").click()
    dialog = steered.dialog("Save as template")
    dialog.get_by_role("textbox", name="Name").fill("My small one")
    until(lambda: dialog.get_by_role("checkbox", name="All settings").count() == 1)
    assert violations(steered.page) == []
    dialog.get_by_role("checkbox", name="All settings").uncheck()
    dialog.get_by_role("checkbox", name="train.batch_size").check()
    dialog.get_by_role("button", name="Save template").click()
    until(lambda: "Saved as my-small-one" in dialog.inner_text())
    kept = (folder / "my-small-one.yaml").read_text()
    assert "batch_size: 16" in kept and "learning_rate" not in kept and "profile: steered" in kept

    dialog.get_by_role("textbox", name="Name").fill("My Small One")
    dialog.get_by_role("checkbox", name="train.weight_decay").check()
    dialog.get_by_role("button", name="Save template").click()
    until(lambda: "There is a template of this name." in dialog.inner_text())
    assert (folder / "my-small-one.yaml").read_text() == kept
    dialog.get_by_role("button", name="Replace it").click()
    until(lambda: "weight_decay" in (folder / "my-small-one.yaml").read_text())
    dialog.get_by_role("button", name="Close").click()

    file.write_text(file.read_text().replace("batch_size: 16", "batch_size: 32"))
    (folder / "broken.yaml").write_text("name: Broken\nconfig: [")
    steered.button("Load preset").click()
    dialog = steered.dialog("Load preset")
    until(lambda: "broken.yaml, line 2" in dialog.inner_text())
    dialog.get_by_role("radio", name="My Small One").check()
    until(lambda: "It changes 1 of its 2 settings here." in dialog.inner_text())
    assert violations(steered.page) == []
    dialog.get_by_role("button", name="Fill into the file").click()
    editor = steered.dialog("Edit config")
    until(lambda: "My Small One" in editor.inner_text() and "batch_size: 16" in editor.inner_text())
    assert "batch_size: 32" in file.read_text(), "nothing is saved unseen"
    editor.get_by_role("button", name="Save file").click()
    until(lambda: "batch_size: 16" in file.read_text())
    editor.get_by_role("button", name="Close").click()

    steered.button("Load preset").click()
    until(lambda: dialog.get_by_role("radio", name="My Small One").count() == 1)
    dialog.get_by_role("radio", name="My Small One").check()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete preset My Small One").click()
    until(lambda: not (folder / "my-small-one.yaml").exists())
    assert [one for one in steered.guest.complaints if "409" not in one] == []
