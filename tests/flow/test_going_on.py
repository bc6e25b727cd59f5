"""Attempts that follow one another: a broken loss rolls back, a scheduler's signal releases, a person's ends the run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from gladius.pulse.checkpoints import read_facts, verify
from gladius.pulse.lock import is_held

_TRAINER = """
import json, os, sys, time
from pathlib import Path
import gladius

# One weight learns to be 3 by gradient descent; a rate above 1 makes it run away.
weight, rate, steps = 0.0, float(sys.argv[1]), int(sys.argv[2])

def save(folder):
    (folder / "state.json").write_text(json.dumps({"weight": weight}))

def set_rate(value):
    global rate
    rate = value

with gladius.start(total_epochs=1, steps_per_epoch=steps) as run:
    run.adjustable("learning_rate", get=lambda: rate, set=set_rate, min=0)
    run.on("checkpoint", save, every_steps=5)
    run.on_bad_loss(sys.argv[3], rate_factor=0.1)
    if run.resume_from:
        weight = json.loads((Path(run.resume_from) / "state.json").read_text())["weight"]
        run.resumed(run.resume_from, json.loads((Path(run.resume_from) / "gladius.json").read_text())["step"])
    first = 0 if run.last_step is None else run.last_step + 1
    for step, _ in run.steps(range(first, steps)):
        loss = (weight - 3.0) ** 2
        weight -= rate * 2 * (weight - 3.0)
        run.log({"train/loss": loss if loss < 1e6 else float("nan")})
        if len(sys.argv) > 4:
            time.sleep(float(sys.argv[4]))
"""


def test_a_loss_that_breaks_rolls_back_by_itself_to_a_lower_rate(street: Any) -> None:
    run = street.start(*street.script(_TRAINER), "1.1", "60", "rollback")
    report = street.wait_recorded(run)
    street.until(lambda: run.attempt_numbers() == [1, 2] and not is_held(run.supervisor_lock), 30)
    states = [(event["attempt"], event["state"]) for event in street.events(run, "state")]
    assert states.index((1, "error")) < states.index((2, "running")) < states.index((2, "done"))
    facts = json.loads(run.attempt_json(2).read_text())
    rolled_to = read_facts(Path(facts["checkpoint"]))["step"]
    assert abs(facts["overrides"]["learning_rate"] - 0.11) < 1e-9 and facts["rollbacks"] == 1
    (restart,) = street.events(run, "restart", supervisor=True)
    assert restart["attempt"] == 2
    hello = street.events(run, "hello")[-1]
    assert hello["resumed_from"] == {"checkpoint": facts["checkpoint"], "step": rolled_to}
    steps = [event["step"] for event in street.events(run, "metrics") if event["attempt"] == 2]
    assert steps == list(range(rolled_to + 1, 60))
    assert street.status(run)["status"] == "done" and street.status(run)["loss"] < 1.0
    report = json.loads(run.report_json.read_text())
    assert (report["attempt"], report["state"]) == (2, "done")
    assert [(line["attempt"], line["status"]) for line in street.history()] == [(1, "error"), (2, "done")]


def test_a_training_that_breaks_again_and_again_is_left_to_a_person(street: Any) -> None:
    run = street.start(
        *street.script(_TRAINER.replace("rate = value", "rate = max(value, 1.1)")), "1.1", "60", "rollback"
    )
    street.until(lambda: len(street.history()) == 4 and not is_held(run.supervisor_lock), 60)
    assert run.attempt_numbers() == [1, 2, 3, 4]
    assert street.status(run)["status"] == "error" and "NaN" in street.status(run)["message"]


def test_a_preempted_job_that_is_started_again_in_its_directory_goes_on(street: Any, spawn: Any) -> None:
    argv = street.script(_TRAINER)
    run = street.start(*argv, "0.05", "3000", "warn", "0.005")
    street.until(lambda: len(street.events(run, "metrics")) > 8)
    os.kill(street.trainer(run).pid, signal.SIGTERM)
    report = street.wait_recorded(run)
    assert report["state"] == "released" and street.exited(run)["code"] == 0
    assert street.events(run, "state")[-1]["reason"] == "Preempted by SIGTERM"
    assert (street.status(run)["status"], street.history()) == ("idle", [])
    saved = street.events(run, "checkpoint")[-1]
    assert saved["kind"] == "pause" and verify(Path(saved["path"])) == []
    # As a scheduler does it: the same command again, with the same directory, and nobody else about.
    again = spawn(*argv, "0.05", str(saved["step"] + 4), "warn", env={**os.environ, "GLADIUS_RUN_DIR": str(run.root)})
    assert again.wait(timeout=30) == 0
    assert run.attempt_numbers() == [1, 2]
    steps = [event["step"] for event in street.events(run, "metrics") if event["attempt"] == 2]
    assert steps == [saved["step"] + n for n in (1, 2, 3)]
    assert street.status(run)["status"] == "done"


def test_a_person_who_terminates_a_trainer_gets_a_final_checkpoint_and_a_cancelled_run(street: Any) -> None:
    run = street.start(*street.script(_TRAINER), "0.05", "100000", "warn", "0.005")
    street.until(lambda: len(street.events(run, "metrics")) > 3)
    terminate = street.steer(run, "terminate", grace_s=10)
    report = street.wait_recorded(run)
    assert street.acks(run, terminate) == ["accepted", "applied"]
    assert (report["state"], street.status(run)["message"]) == ("cancelled", "Stopped by ada")
    assert street.events(run, "checkpoint")[-1]["kind"] == "final"
    assert [line["status"] for line in street.history()] == ["cancelled"]
