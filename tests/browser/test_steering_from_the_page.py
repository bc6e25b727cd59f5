"""A training is paused, saved, tuned, validated, resumed and forked through the page; what it shows is what the files say."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from steered_run import Steered

pytestmark = pytest.mark.browser

HUNGRY = """
import gladius
with gladius.start(total_epochs=2, steps_per_epoch=100) as run:
    run.on("checkpoint", lambda folder: (folder / "weights").write_bytes(b"x"), every_steps=10, contents=("model",))
    run.adjustable("batch_size", get=lambda: 16, set=print, min=1, applies="restart", key="train.batch_size")
    for step, _ in run.steps(range(200)):
        run.log({"train/loss": 3 / (step + 1)})
        if step == 40:
            raise MemoryError("cannot allocate 12.4 GiB")
"""


def test_a_held_run_is_saved_verified_and_resumed(steered: Steered, until: Callable[..., Any]) -> None:
    steered.button("Pause training").click()
    until(lambda: steered.state == "Paused")
    until(lambda: "paused at step" in steered.text("Controls"))
    held = steered.record["summary"]["step"]
    left = steered.page.get_by_role("region", name="Progress").locator("dl > div").filter(has_text="left")
    until(lambda: left.locator("dd").inner_text() == "—")
    assert steered.button("Ways to pause").count() == 0
    steered.button("While it is paused").click()
    assert steered.button("Release the memory").is_enabled()
    assert steered.button("Hold").count() == 0, "it is held already"
    steered.page.keyboard.press("Escape")

    steered.button("Save checkpoint").click()
    until(lambda: "verified, 45." in steered.text("Controls"))
    until(lambda: "on demand" in steered.text("Checkpoints"))
    saved = steered.record["checkpoints"][-1]
    assert (saved["kind"], saved["step"], saved["available"]) == ("manual", held, True)
    assert steered.text("Checkpoints").count("verified") == len(steered.record["checkpoints"])

    steered.button("Resume training").click()
    until(lambda: steered.state == "Training")
    until(lambda: steered.record["summary"]["step"] > held)
    commands = steered.text("Commands")
    assert commands.index("resume") < commands.index("checkpoint") < commands.index("pause"), "newest first"
    assert commands.count("browser") == 3
    link = steered.page.get_by_role("link", name="CSV")
    table = steered.server.bare.get(link.get_attribute("href"), headers=dict(steered.server.http.headers)).text
    assert [command in table for command in ("pause", "checkpoint", "resume")] == [True] * 3
    assert steered.guest.complaints == []


def test_a_released_run_goes_on_from_the_checkpoint_that_was_chosen(
    steered: Steered, until: Callable[..., Any]
) -> None:
    steered.button("Save checkpoint").click()
    until(lambda: "on demand" in steered.text("Checkpoints"))
    first = steered.record["checkpoints"][0]["step"]
    until(lambda: steered.record["summary"]["step"] > first + 20)
    steered.button("Ways to pause").click()
    choice = steered.button("Release")
    assert "memory is free" in choice.locator("xpath=..").inner_text()
    choice.click()
    until(lambda: steered.state == "Paused, memory released", timeout=40)
    until(lambda: steered.button("Resume training").is_enabled())

    steered.button("Resume training").click()
    dialog = steered.dialog("Resume training")
    preview = dialog.get_by_role("region", name="Preview")
    until(lambda: "as attempt 2" in preview.inner_text())
    assert preview.inner_text().count("Nothing is changed") == 1
    assert "Changed" not in dialog.inner_text().replace("Changed hyperparameters", ""), "a heading over nothing"
    assert dialog.get_by_role("button", name="Change a value").count() == 1
    newest = steered.record["checkpoints"][-1]["step"]
    until(lambda: label_of(dialog, f"The newest whole one (step {newest})") == "")
    chosen = until(lambda: label_of(dialog, f"step {first} "))
    dialog.get_by_role("combobox", name="Checkpoint").select_option(chosen)
    until(lambda: f"step {first}," in preview.inner_text())
    shown = preview.inner_text()
    assert shown.index("Restored") < shown.index("model weights") < shown.index("Not restored")
    assert "position in the data" in shown
    confirm = dialog.get_by_role("button", name="Resume training", exact=True)
    until(confirm.is_enabled)
    confirm.click()
    until(lambda: steered.state == "Training", timeout=40)
    until(lambda: steered.record["summary"]["attempt"] == 2)
    until(lambda: "attempt 2" in steered.page.locator("header").first.inner_text())
    until(lambda: "superseded" in steered.page.get_by_role("figure", name="Loss").inner_text())
    assert steered.guest.complaints == []


def test_a_hyperparameter_is_checked_set_and_reverted(steered: Steered, until: Callable[..., Any]) -> None:
    steered.button("Adjust hyperparameters").click()
    dialog = steered.dialog("Adjust hyperparameters")
    field = dialog.get_by_role("textbox", name="Peak learning rate")
    setter = dialog.get_by_role("button", name="Set Peak learning rate")
    assert (field.input_value(), field.get_attribute("placeholder")) == ("", "unchanged")
    field.fill("1.5")
    until(lambda: "Must be from 0 to 1" in dialog.inner_text())
    assert setter.is_disabled()
    field.fill("0.004")
    setter.click()
    until(lambda: "applied at step" in dialog.inner_text())
    until(lambda: steered.live("learning_rate") == 0.004)
    until(lambda: "0.002 → 0.004" in dialog.inner_text() and "browser" in dialog.inner_text())

    dialog.get_by_role("button", name="Revert Learning rate to 0.002").click()
    until(lambda: steered.live("learning_rate") == 0.002)
    until(lambda: "0.004 → 0.002" in dialog.inner_text())

    # The batch size cannot change while it trains: it is offered from a checkpoint, with the value filled in.
    dialog.get_by_role("textbox", name="Batch size").fill("8")
    dialog.get_by_role("button", name="Restart with this Batch size").click()
    departure = steered.dialog("Fork from a checkpoint")
    assert departure.get_by_role("combobox", name="key").input_value() == "train.batch_size"
    assert departure.get_by_role("textbox", name="value of train.batch_size").input_value() == "8"
    departure.get_by_role("radio", name="Resume this run").check()
    until(lambda: "release or stop it first" in steered.dialog("Resume training").inner_text())
    steered.dialog("Resume training").get_by_role("button", name="Pause and release").click()
    confirm = steered.dialog("Resume training").get_by_role("button", name="Resume training", exact=True)
    until(confirm.is_enabled, timeout=40)
    confirm.click()
    until(lambda: steered.record["summary"]["attempt"] == 2 and steered.state == "Training", timeout=40)
    until(lambda: steered.live("batch_size") == 8)
    assert steered.guest.complaints == []


def test_a_validation_shows_its_result_and_training_goes_on(steered: Steered, until: Callable[..., Any]) -> None:
    steered.button("What to validate on").click()
    steered.button("Test split").click()
    until(lambda: "test " in steered.text("Controls") and "%" in steered.text("Controls"))
    values = steered.server.get(f"/runs/{steered.run_id}/metrics", name=["test/loss"])["series"]["test/loss"]["value"]
    assert len(values) == 1
    until(lambda: f"{values[0]:.4f}" in steered.text("Progress"))
    steered.button("Run validation").click()
    until(lambda: "eval " in steered.text("Controls"))
    before = steered.record["summary"]["step"]
    until(lambda: steered.record["summary"]["step"] > before)
    until(lambda: steered.state == "Training")


def test_a_command_given_on_the_way_out_is_given(steered: Steered, until: Callable[..., Any]) -> None:
    """All of the browser's connections wait for the server, so the command does, too; then the page is left."""
    server, page = steered.server.process, steered.page
    dropped: set[str] = set()

    def is_last(request: Any) -> bool:
        dropped.add(request.url.partition("?")[2])
        return {str(number) for number in range(8)} <= dropped

    os.kill(server.pid, signal.SIGSTOP)
    try:
        page.evaluate("() => { for (let i = 0; i < 8; i++) fetch('/api/v1/home?' + i).catch(() => {}) }")
        page.keyboard.press("F2")
        with page.expect_event("requestfailed", is_last):
            page.goto("about:blank")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    until(lambda: steered.record["summary"]["state"] == "paused")


def test_only_the_ticked_keys_of_the_file_are_applied(steered: Steered, until: Callable[..., Any]) -> None:
    steered.button("Reload config").click()
    dialog = steered.dialog("Reload config")
    until(lambda: "there is nothing to apply" in dialog.inner_text())
    assert dialog.get_by_role("row").count() == 0
    dialog.get_by_role("checkbox", name="Show unchanged keys too").check()
    until(lambda: dialog.get_by_role("row").filter(has_text="train.learning_rate").count() == 1)
    dialog.get_by_role("checkbox", name="Show unchanged keys too").uncheck()
    dialog.get_by_role("button", name="Edit file").click()
    editor = steered.dialog("Edit config").get_by_role("textbox", name="Config file")
    until(lambda: editor.count() == 1)
    text = (steered.server.home.run(steered.run_id).root / "config.yaml").read_text()
    for old, new in (
        ("learning_rate: 0.002", "learning_rate: 0.001"),
        ("weight_decay: 0.01", "weight_decay: 0.05"),
        ("batch_size: 16", "batch_size: 32"),
    ):
        text = text.replace(old, new)
    editor.fill(text)
    steered.dialog("Edit config").get_by_role("button", name="Save file").click()
    steered.button("Reload config…").click()

    rate = dialog.get_by_role("checkbox", name="Apply train.learning_rate")
    until(lambda: rate.count() == 1)
    assert dialog.get_by_role("button", name="Apply").is_disabled(), "nothing is ticked by itself"
    assert dialog.get_by_role("checkbox", name="Apply train.batch_size").is_disabled()
    row = dialog.get_by_role("row").filter(has_text="train.learning_rate")
    assert [cell.strip() for cell in row.get_by_role("cell").all_inner_texts()][2:] == [
        "0.001",
        "0.002",
        "0.002",
        "live",
    ]
    rate.check()
    dialog.get_by_role("button", name="Apply 1").click()
    until(lambda: "applied" in row.inner_text())
    until(lambda: "learning_rate: 0.002" in dialog.inner_text(), timeout=5)
    assert (steered.live("learning_rate"), steered.live("weight_decay")) == (0.001, 0.01)
    assert steered.live("batch_size") == 16
    assert [one for one in steered.guest.complaints if "422" not in one] == []


def test_a_fork_opens_with_its_parent_and_the_parent_lists_it(steered: Steered, until: Callable[..., Any]) -> None:
    steered.button("Save checkpoint").click()
    until(lambda: "on demand" in steered.text("Checkpoints"))
    step = steered.record["checkpoints"][-1]["step"]
    steered.button(f"Fork from step {step}").click()
    dialog = steered.dialog("Fork from a checkpoint")
    dialog.get_by_role("textbox", name="Name of the new run").fill("gentler")
    dialog.get_by_role("button", name="Change a value").click()
    dialog.get_by_role("combobox", name="key").fill("train.learning_rate")
    dialog.get_by_role("textbox", name="value of train.learning_rate").fill("5e-4")
    until(lambda: "5e-4" in dialog.get_by_role("region", name="Preview").inner_text())
    confirm = dialog.get_by_role("button", name="Fork", exact=True)
    until(confirm.is_enabled)
    confirm.click()
    steered.page.wait_for_url("**/runs/*gentler*")
    parent = steered.page.get_by_role("link", name=steered.run_id)
    until(lambda: parent.count() == 1)
    until(lambda: steered.state == "Training", timeout=40)
    address = f"/runs/{steered.page.url.rpartition('/')[2]}"
    until(lambda: (steered.server.get(address)["summary"]["step"] or 0) > step)
    fork = steered.server.get(address)
    assert fork["parent"]["run_id"] == steered.run_id
    parent.click()
    until(lambda: steered.page.get_by_role("link", name=fork["summary"]["run_id"]).count() == 1)
    until(lambda: "train.learning_rate = 5e-4" in steered.text("Commands").replace("0.0005", "5e-4"))
    forked = steered.server.get(f"/runs/{steered.run_id}/commands")[-1]
    assert (forked["command"], forked["issued_by"], forked["detail"]) == ("fork", "browser", fork["summary"]["run_id"])
    assert steered.server.get(f"/runs/{steered.run_id}/commands/{forked['command_id']}") == forked
    assert steered.guest.complaints == []


def test_a_stop_that_nobody_takes_can_be_forced(steered: Steered, until: Callable[..., Any]) -> None:
    started = [one for one in steered.record["attempts"] if one["pid"]]
    os.kill(started[-1]["pid"], signal.SIGSTOP)
    steered.button("Stop training").click()
    steered.dialog("Stop training?").get_by_role("button", name="Stop training").click()
    assert steered.button("Force stop").count() == 0
    until(lambda: steered.button("Force stop").count() == 1, timeout=30)
    steered.button("Force stop").click()
    until(lambda: steered.record["summary"]["finished_at"] is not None, timeout=60)
    until(lambda: steered.button("Stop training").is_disabled())
    until(lambda: steered.button("Force stop").count() == 0)


def test_an_error_offers_a_restart_with_what_may_help(
    tmp_path: Path, steer: Callable[..., Steered], until: Callable[..., Any]
) -> None:
    script = tmp_path / "hungry.py"
    script.write_text(HUNGRY)
    run = steer(script=script)
    dialog = run.dialog("Out of memory")
    until(lambda: dialog.count() == 1, timeout=40)
    until(lambda: "Batches of 8 instead of 16" in dialog.inner_text())
    told = dialog.inner_text()
    assert "cannot allocate 12.4 GiB" in told and "Last step: 40" in told
    assert "Everything up to the checkpoint of step 39 is kept" in told
    assert "raise MemoryError" not in told, "the traceback comes on demand"
    dialog.get_by_role("button", name="View details").click()
    until(lambda: "raise MemoryError" in dialog.inner_text())
    with run.page.expect_download() as download:
        dialog.get_by_role("link", name="Export error log").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "cannot allocate 12.4 GiB" in text and "raise MemoryError" in text and "batch_size: 16" in text
    dialog.get_by_role("button", name="Adjust settings").click()
    departure = run.dialog("Resume training")
    assert departure.get_by_role("combobox", name="key").input_value() == "train.batch_size"
    until(lambda: "16 → 8" in departure.get_by_role("region", name="Preview").inner_text())
    run.page.keyboard.press("Escape")

    run.page.reload()
    strip = run.page.get_by_role("region", name="The run ended with an error")
    until(lambda: strip.count() == 1)
    until(lambda: "cannot allocate 12.4 GiB" in strip.inner_text())
    assert run.page.get_by_role("dialog").count() == 0, "by itself it is shown once"
    strip.get_by_role("button", name="What happened, what may help").click()
    dialog.get_by_role("button", name="Recover from the last checkpoint").click()
    assert departure.get_by_role("combobox", name="key").count() == 0, "as it was"
    confirm = departure.get_by_role("button", name="Resume training", exact=True)
    until(confirm.is_enabled)
    confirm.click()
    until(lambda: run.record["summary"]["attempt"] == 2, timeout=40)


def label_of(dialog: Any, start: str) -> str | None:
    """The value of the option whose text starts so, if it is there."""
    for option in dialog.get_by_role("option").all():
        if option.inner_text().strip().startswith(start):
            return str(option.get_attribute("value"))
    return None
