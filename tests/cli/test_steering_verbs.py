"""One training steered from the command line alone: done only when the trainer did it, one friendly line when not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from loop_run import LoopRun
from terminal import gladius

Loop = Callable[..., LoopRun]


def test_a_training_is_steered_from_the_command_line_alone(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW_SAVE", "0.4")
    run = loop()
    assert gladius("pause", "loop").code == 0
    saved = gladius("checkpoint", "loop")
    path = run.record["summary"]["last_checkpoint"]["path"]
    assert saved.code == 0 and f"verified: {path} (" in saved.out
    assert "checkpoint: writing" in saved.err.splitlines(), "what the trainer says while it saves"
    assert gladius("resume", "loop").code == 0
    changed = gladius("set", "loop", "learning_rate=2e-1")
    assert changed.code == 0 and "learning_rate: 0.1 -> 0.2" in changed.out
    refused = gladius("set", "loop", "learning_rate=7")
    assert refused.code == 1 and refused.out.startswith("rejected at step") and "between 0 and 1" in refused.out
    assert gladius("set", "loop", "learning_rate", "--revert").code == 0
    assert "eval/loss" in gladius("validate", "loop").out
    assert gladius("validate", "loop", "--split", "test").complains("cannot validate test")
    assert gladius("pause", "loop", "--release").code == 0

    preview = gladius("resume", "loop", "--preview", "--set", "learning_rate=0.3")
    assert preview.code == 0 and "learning_rate: 0.1 -> 0.3" in preview.out and "not restored" in preview.out
    assert gladius("resume", "loop", "--checkpoint", "123456").complains("no checkpoint of step 123456")
    resumed = gladius("resume", "loop", "--set", "learning_rate=0.3")
    assert resumed.code == 0 and "attempt 2" in resumed.out
    run.wait_for("running")
    child = gladius("fork", "loop", "--set", "learning_rate=0.9", "--name", "child").out.strip()
    run.until(lambda: run.server.get(f"/runs/{child}")["summary"]["state"] == "running")
    assert gladius("stop", "child", "--force").code == 0
    assert gladius("stop", "loop", "--no-checkpoint").code == 0

    rows = list(csv.DictReader(io.StringIO(gladius("commands", "loop", "--csv").out)))
    assert {row["issued_by"] for row in rows} == {"cli"}
    told = [row["command"] for row in rows]
    assert told == ["pause", "checkpoint", "resume", "set", "set", "set", "validate", "pause", "resume", "fork", "stop"]
    assert [row["state"] for row in rows].count("rejected") == 1
    for row in rows:
        if row["command_id"].startswith(("attempt-", "fork-")):
            continue  # a new attempt, and a new run, answer for themselves and not in the mailbox
        acks = ["rejected"] if row["state"] == "rejected" else ["accepted", "applied"]
        assert run.acks(row["command_id"])[-len(acks) :] == acks
    assert gladius("commands", "loop", "--json").json[0]["command"] == "pause"


def test_a_configuration_is_reloaded_after_a_look_at_the_difference(profiled_loop: Loop) -> None:
    run = profiled_loop()
    name = run.run_id
    assert gladius("reload", name).out.splitlines()[-1] == "The file says what is in force already."
    file = run.run.root / "config.yaml"
    file.write_text(file.read_text().replace("learning_rate: 0.1", "learning_rate: 0.2").replace("size: 8", "size: 4"))
    assert gladius("reload", name).err.startswith("gladius: Nobody is there to confirm.")
    batch = gladius("reload", name, "--key", "batch_size")
    assert batch.code == 1 and "--set train.batch_size=4" in batch.out
    assert gladius("reload", name, "--key", "colour").complains("nothing new of 'colour'")
    applied = gladius("reload", name, "--yes")
    assert applied.code == 0 and "restart" in applied.out and "learning_rate: 0.1 -> 0.2" in applied.out
    file.write_text("train: [")
    assert gladius("reload", name, "--yes").complains("config.yaml, line")


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (("set", "x", "learning_rate"), "not KEY=VALUE"),
        (("set", "x", "learning_rate=1", "--revert"), "a name alone"),
        (("resume", "x", "--set", "a=1", "--set", "a=2"), "given twice"),
        (("fork", "x", "--set", "a"), "not KEY=VALUE"),
        (("validate", "x", "--split", "all"), "no split 'all'"),
    ],
)
def test_a_slip_of_the_hand_is_one_line_and_code_2(verb: tuple[str, ...], words: str) -> None:
    answer = gladius(*verb)
    assert answer.code == 2 and answer.complains(words)
