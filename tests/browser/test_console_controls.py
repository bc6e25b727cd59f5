"""The console's own controls: what the header, the buttons and the panels say and do, and what a refresh keeps of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from steered_run import Steered

pytestmark = pytest.mark.browser

DIVERGING = """
import gladius
with gladius.start(total_epochs=2, steps_per_epoch=100) as run:
    run.on("checkpoint", lambda folder: (folder / "weights").write_bytes(b"x"), every_steps=10, contents=("model",))
    run.on_bad_loss("pause")
    run.cannot("validate", "this Trainer has no validation loader.")
    for step, _ in run.steps(range(200)):
        loss = float("nan") if step == 20 else 3 / (step + 1)
        run.log({"train/loss": loss})
"""


def test_a_refresh_loses_nothing_in_the_middle_of_a_save_a_validation_or_a_hold(
    steered: Steered, until: Callable[..., Any]
) -> None:
    run = steered
    run.gate.touch()
    run.button("Save checkpoint").click()
    until(lambda: "writing" in run.text("Controls"))
    until(lambda: run.state == "Saving a checkpoint")
    run.reload()
    until(lambda: "writing" in run.text("Controls"))
    assert run.button("Save checkpoint").is_disabled(), "it is under way"
    assert run.record["checkpoints"] == []
    run.gate.unlink()
    until(lambda: "verified, 45." in run.text("Controls"))
    saved = run.record["checkpoints"][-1]
    assert saved["kind"] == "manual" and Path(saved["path"], "weights.bin").stat().st_size == 45_200

    run.gate.touch()
    run.button("Run validation").click()
    until(lambda: run.state == "Validating")
    run.reload()
    until(lambda: run.state == "Validating")
    until(lambda: "accepted" in run.text("Controls"))
    run.gate.unlink()
    card = run.page.get_by_role("region", name="Validation result")
    until(lambda: card.count() == 1)
    (measured,) = run.server.get(f"/runs/{run.run_id}/metrics", name="eval/loss")["series"]["eval/loss"]["value"]
    until(lambda: f"{measured:.4f}" in card.inner_text() and "first of its kind" in card.inner_text())
    run.button("Run validation").click()
    until(lambda: "better than the best so far" in card.inner_text())
    assert f"{measured:.4f}" in card.inner_text()

    run.button("Pause training").click()
    until(lambda: run.state == "Paused")
    run.reload()
    until(lambda: run.state == "Paused" and run.button("Resume training").is_enabled())
    run.button("Resume training").click()
    until(lambda: run.state == "Training")
    assert run.guest.complaints == []


def test_a_pause_in_one_browser_shows_in_the_other(
    steered: Steered, visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    run = steered
    other = visit(run.server)
    other.open(f"/runs/{run.run_id}")
    until(lambda: other.state == "Training")
    for _ in range(3):
        until(run.button("Pause training").is_enabled)
        run.button("Pause training").click()
        until(lambda: other.state == "Paused")
        until(lambda: "Paused at step" in run.text("Live training stream"))
        until(other.page.get_by_role("button", name="Resume training").is_enabled)
        other.page.get_by_role("button", name="Resume training").click()
        until(lambda: run.state == "Training")
        until(lambda: "Resumed at step" in run.text("Live training stream"))
    until(lambda: run.text("Commands").count("applied") == 6, timeout=10)


def test_a_stop_ends_with_the_summary_of_the_training(steered: Steered, until: Callable[..., Any]) -> None:
    run = steered
    run.button("Stop training").click()
    ask = run.dialog("Stop training?")
    assert ask.get_by_role("checkbox", name="Save a final checkpoint first").is_checked()
    ask.get_by_role("button", name="Stop training").click()
    summary = run.dialog("Training summary")
    until(lambda: summary.count() == 1 and "Stopped" in summary.inner_text(), timeout=40)
    until(run.directory.report_json.exists)
    report = run.server.get(f"/runs/{run.run_id}/report")
    until(lambda: f"{report['train_loss']['last']:.4f}" in summary.inner_text())
    assert f"step {report['checkpoints'][-1]['step']}" in summary.inner_text()
    until(lambda: "Stopped at step" in run.text("Live training stream"))
    assert report["checkpoints"][-1]["kind"] == "final"
    with run.page.expect_download() as download:
        summary.get_by_role("link", name="Download the report").click()
    assert Path(download.value.path()).read_bytes() == run.directory.report_md.read_bytes()
    run.page.keyboard.press("Escape")
    until(lambda: summary.count() == 0)
    assert run.button("Stop training").is_disabled()
    assert run.page.get_by_role("contentinfo").get_by_role("button", name="F2 Resume").is_enabled()
    run.button("Training summary").click()
    until(lambda: summary.count() == 1)
    summary.get_by_role("button", name="Back to overview").click()
    until(lambda: run.page.get_by_role("heading", name="Now").count() == 1)


def test_samples_are_generated_on_demand_and_what_is_new_is_marked(steered: Steered, until: Callable[..., Any]) -> None:
    run = steered
    until(lambda: "come with each evaluation" in run.text("Samples"))
    run.button("Generate now").click()
    until(lambda: "Where is it?" in run.text("Samples"))
    panel = run.page.get_by_role("region", name="Samples")
    assert panel.locator("mark").count() == 0, "there is nothing to compare the first with"
    first = run.events("samples")[0]
    assert first["rows"][0]["output"] in run.text("Samples")
    until(lambda: run.record["summary"]["step"] > first["step"] + 10)
    run.button("Generate now").click()
    until(lambda: panel.locator("mark").count() > 0)
    newest = run.events("samples")[-1]
    columns = [cell.strip() for cell in panel.get_by_role("columnheader").all_inner_texts()]
    assert columns == ["Prompt", f"Step {newest['step']}, newest", f"Step {first['step']}"]
    assert str(newest["step"]) in " ".join(panel.locator("mark").all_inner_texts())
    prompts = lambda: [one.split("\n")[0].strip() for one in panel.get_by_role("rowheader").all_inner_texts()]  # noqa: E731
    assert prompts() == ["Where is it?", "How far is it?"]
    run.button("Pin: How far is it?").click()
    until(lambda: prompts() == ["How far is it?", "Where is it?"])
    run.reload()
    until(lambda: panel.get_by_role("rowheader").count() == 2)
    assert prompts() == ["How far is it?", "Where is it?"]


def test_a_typed_rate_is_drawn_to_the_end_before_it_is_set_and_reverts_are_true(
    steered: Steered, until: Callable[..., Any]
) -> None:
    run = steered
    run.button("Adjust hyperparameters").click()
    dialog = run.dialog("Adjust hyperparameters")
    figure = dialog.get_by_role("figure", name="Learning rate to the end")
    until(lambda: "Peak 0.002, at the end 0.002" in figure.inner_text())
    field = dialog.get_by_role("textbox", name="Peak learning rate")
    field.fill("0.004")
    until(lambda: "it becomes 0.004 instead of 0.002" in figure.inner_text())
    assert "with this value" in figure.inner_text()
    assert run.record["hyperparameters"] == [], "nothing is set unseen"
    field.fill("7")
    until(lambda: "instead of" not in figure.inner_text())
    for value in ("0.004", "0.008"):
        field.fill(value)
        dialog.get_by_role("button", name="Set Peak learning rate").click()
        until(lambda value=value: f"Peak {value}" in figure.inner_text())
    revert = lambda value: dialog.get_by_role("button", name=f"Revert Learning rate to {value}")  # noqa: E731
    revert("0.004").click()
    until(lambda: revert("0.002").count() == 1)
    assert revert("0.008").count() == 0, "a revert is not a change to be taken back"
    revert("0.002").click()
    until(lambda: "Peak 0.002" in figure.inner_text())
    until(lambda: dialog.get_by_role("button", name="Revert").count() == 0)
    assert [one["new"] for one in run.record["hyperparameters"]] == [0.004, 0.008, 0.004, 0.002]


def test_a_held_run_with_a_bad_loss_asks_what_to_do(
    tmp_path: Path, steer: Callable[..., Steered], until: Callable[..., Any]
) -> None:
    script = tmp_path / "diverging.py"
    script.write_text(DIVERGING)
    run = steer(script=script)
    dialog = run.dialog("The loss is not a number")
    until(lambda: dialog.count() == 1, timeout=40)
    assert "Training is held" in dialog.inner_text() and "NaN since step 20" in dialog.inner_text()
    # What this trainer cannot do is off, with its own reason; what it was given nothing for, with what would enable it.
    validate, reload = (
        run.page.locator(f"button:has-text('{name}')").first for name in ("Run validation", "Reload config")
    )
    assert validate.is_disabled() and "this Trainer has no validation loader" in (validate.get_attribute("title") or "")
    assert reload.is_disabled() and "run.on('reload_config', read)" in (reload.get_attribute("title") or "")
    dialog.get_by_role("button", name="Stop training").click()
    run.dialog("Stop training?").get_by_role("button", name="Stop training").click()
    until(lambda: run.record["summary"]["state"] == "cancelled", timeout=40)
    until(lambda: run.dialog("Training summary").count() == 1)


def test_the_header_names_its_keys_and_says_why_a_button_is_off(steered: Steered, until: Callable[..., Any]) -> None:
    run = steered
    pause, stop = run.button("Pause"), run.button("Stop…")
    assert (pause.get_attribute("aria-keyshortcuts"), stop.get_attribute("aria-keyshortcuts")) == ("F2", "F3")
    assert "(F2)" in (pause.get_attribute("title") or "") and "(F3)" in (stop.get_attribute("title") or "")
    left, right = pause.bounding_box(), stop.bounding_box()
    assert left and right and right["x"] - (left["x"] + left["width"]) >= 16, "one is not hit for the other"
    header = run.page.get_by_role("banner")
    assert header.bounding_box()["height"] == 48
    status = run.page.get_by_role("contentinfo")
    assert status.bounding_box()["height"] == 24
    quick = run.page.get_by_role("list", name="Shortcuts").inner_text().split()
    assert quick == ["F2", "Pause", "F3", "Stop", "F5", "Save", "F8", "Validate", "F9", "TensorBoard"]
    until(lambda: re.search(r"Epoch\s+\d+/40\s+Loss\s+\d+\.\d{4}\s+[CG]PU\s+\d", status.inner_text()))
    status.get_by_role("button", name="F2 Pause").click()
    until(lambda: run.state == "Paused")
    until(lambda: status.get_by_role("button", name="F2 Resume").count() == 1)
    run.gate.touch()
    run.button("Save checkpoint").click()
    until(lambda: run.button("Save checkpoint").is_disabled())
    run.page.mouse.move(0, 0)
    run.page.keyboard.press("Tab")
    run.button("Save checkpoint").focus()
    tip = run.page.locator(".tip:popover-open")
    until(lambda: "Waiting for the answer to the last command" in tip.inner_text())
    run.gate.unlink()
    run.button("Close console").click()
    until(lambda: run.page.get_by_role("heading", name="Now").count() == 1)
    assert run.server.get(f"/runs/{run.run_id}")["summary"]["state"] in ("paused", "checkpointing"), "it goes on"


def test_progress_tells_everything_that_is_known_and_a_dash_for_the_rest(
    steered: Steered, until: Callable[..., Any]
) -> None:
    run = steered
    progress = run.page.get_by_role("region", name="Progress")

    def value(name: str) -> str:
        row = progress.locator("dl > div").filter(has=run.page.get_by_text(name, exact=True))
        return str(row.locator("dd").inner_text())

    until(lambda: value("total") == "8,000" and value("learning rate") == "0.002")
    assert value("saved by itself") == "never" and value("next") == "—" and value("test accuracy") == "—"
    assert [value(name) for name in ("gradient norm", "weight decay")] == ["—", "0.01"]
    for name in ("Overall progress", "Epoch progress"):
        assert progress.get_by_role("progressbar", name=name).get_attribute("aria-valuenow")
    answer = run.server.http.post(
        f"/runs/{run.run_id}/commands", json={"command": "set", "args": {"name": "checkpoint_every_steps", "value": 50}}
    )
    assert answer.status_code == 202
    until(lambda: value("saved by itself") == "every 50 steps")
    until(lambda: "step" in value("next") and "in " in value("next"))
    until(lambda: value("saved") != "0")
    until(lambda: f"step {run.record['checkpoints'][-1]['step']}" in value("last"))
    run.button("Run validation").click()
    until(lambda: "%" in value("accuracy") and "epoch" in value("best accuracy"))
    assert "Training" in progress.inner_text()
