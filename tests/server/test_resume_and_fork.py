"""A run goes on from its checkpoint as a new attempt, or as another run; said beforehand what that means."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer
from loop_run import LoopRun

from gladius.pulse.checkpoints import verify
from gladius.pulse.lock import is_held

Loop = Callable[..., LoopRun]
Serve = Callable[..., ConsoleServer]
Until = Callable[..., object]


def test_a_released_run_survives_the_end_of_everything_and_goes_on(loop: Loop, serve: Serve, until: Until) -> None:
    run = loop()
    step = run.tell("pause", mode="release")["step"]
    until(lambda: not is_held(run.run.supervisor_lock) and not run.trainer().alive())
    run.server.kill()
    run.server = serve()
    record = run.wait_for("released")
    assert record["resumable"]["possible"] and record["summary"]["finished_at"] is not None
    refused = run.server.http.post(f"{run.path}/commands", json={"command": "resume"})
    assert refused.json()["code"] == "run_not_live" and f"{run.path}/resume" in refused.json()["hint"]

    answer = run.resume()
    assert answer.status_code == 201, answer.text
    # Where processes start quickly it may train before the answer is written.
    begun = answer.json()
    assert begun.pop("state") in ("preparing", "running") and begun == {"run_id": run.run_id, "attempt": 2}
    run.wait_for_step(step + 3)
    losses = run.server.get(f"{run.path}/metrics", name="train/loss", max_points=10_000)["series"]["train/loss"]
    assert losses["step"] == list(range(losses["step"][-1] + 1)), "no step twice, none left out"
    assert losses["value"][step + 1] == pytest.approx(losses["value"][step] * (1 - 0.1 / 1000), rel=1e-12)


def test_curves_rewind_and_what_was_superseded_is_kept(loop: Loop) -> None:
    run = loop()
    saved = run.tell("checkpoint")["step"]
    run.wait_for_step(saved + 30)
    run.tell("stop", checkpoint=False)
    last = run.wait_for("cancelled")["summary"]["step"]
    assert run.resume(checkpoint=saved).status_code == 201
    run.wait_for_step(saved + 3)
    run.tell("pause", mode="hold")

    plain = run.server.get(f"{run.path}/metrics", name="train/loss", max_points=10_000)
    assert plain["superseded"] is None
    asked = run.server.get(f"{run.path}/metrics", name="train/loss", max_points=10_000, superseded=True)
    now, (before,) = asked["series"]["train/loss"], asked["superseded"]["train/loss"]
    assert now["step"] == list(range(now["step"][-1] + 1))
    assert before["attempt"] == 1 and before["step"] == list(range(saved + 1, last + 1))
    assert asked["series"] == plain["series"]


def test_while_a_process_lives_there_is_no_second_attempt(loop: Loop) -> None:
    run = loop()
    run.tell("checkpoint")
    answer = run.resume(overrides={"learning_rate": 0.2})
    assert (answer.status_code, answer.json()["code"]) == (409, "run_busy")
    assert "release" in answer.json()["hint"].lower()
    preview = run.resume(preview=True, overrides={"learning_rate": 0.2}).json()
    assert not preview["possible"] and preview["reason"] and preview["changed"][0]["new"] == 0.2
    assert run.run.attempt_numbers() == [1]


def test_two_resumes_at_once_make_one_attempt(loop: Loop, until: Until) -> None:
    run = loop()
    run.tell("pause", mode="release")
    answers: list[int] = []
    asking = [threading.Thread(target=lambda: answers.append(run.resume().status_code)) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(60)
    assert sorted(answers) == [201, 409, 409, 409]
    run.wait_for("running")
    assert run.run.attempt_numbers() == [1, 2]


def test_a_done_run_is_forked_not_resumed(profiled_loop: Loop) -> None:
    run = profiled_loop(steps=240)
    run.tell("checkpoint")
    run.wait_for("done")
    answer = run.resume()
    assert (answer.status_code, answer.json()["code"]) == (409, "not_resumable")
    assert "Fork" in answer.json()["hint"]
    assert run.record["resumable"]["reason"].startswith("It is done")
    child = run.fork(overrides={"steps": 300, "learning_rate": 0.2}, name="longer")
    assert child.status_code == 201, child.text
    run.until(lambda: run.server.get(f"/runs/{child.json()['run_id']}")["summary"]["state"] == "done")
    last = run.server.get(f"/runs/{child.json()['run_id']}")["summary"]["step"]
    assert last == 299, "it went on after the checkpoint's step, up to its own end"


def test_a_fork_is_a_run_of_its_own_with_its_parent_shown(loop: Loop) -> None:
    run = loop()
    saved = run.tell("checkpoint")
    checkpoint = run.record["summary"]["last_checkpoint"]["path"]
    answer = run.fork(checkpoint=saved["step"], overrides={"learning_rate": 0.9}, name="bold")
    assert answer.status_code == 201, answer.text
    child = LoopRun(run.home, run.server, run.home.run(answer.json()["run_id"]), run.until)
    child.wait_for_step(saved["step"] + 3)
    record = child.record
    assert record["parent"] == {"run_id": run.run_id, "checkpoint": checkpoint, "kind": "fork", "place": "here"}
    assert record["adjustable"]["learning_rate"]["value"] == 0.9
    assert record["attempts"][0]["argv"] == run.record["attempts"][0]["argv"]
    assert run.record["children"] == [child.run_id] and run.state == "running", "the parent trains on"
    steps = run.server.get(f"{child.path}/metrics", name="train/loss")["series"]["train/loss"]["step"]
    assert steps[0] == saved["step"] + 1
    launched = json.loads(child.run.attempt_json(1).read_text())
    own = child.run.checkpoints / f"origin-step-{saved['step']}"
    assert launched["checkpoint"] == str(own) and launched["overrides"] == {"learning_rate": 0.9}
    shutil.rmtree(checkpoint)  # as the parent's retention does
    assert verify(own) == [], "the fork keeps what it began with"
    child.tell("stop", checkpoint=False)
    child.wait_for("cancelled")
    assert child.resume(preview=True).json()["checkpoint"] == str(own)


def test_the_preview_says_what_comes_back_and_what_changes(loop: Loop) -> None:
    run = loop()
    run.tell("set", name="learning_rate", value=0.4)
    run.tell("pause", mode="release")
    run.wait_for("released")
    preview = run.resume(preview=True).json()
    assert preview["possible"] and preview["attempt"] == 2
    assert preview["restored"] == ["model", "optimizer", "counters"]
    assert preview["not_restored"] == ["scheduler", "random_states", "data_position"]
    live = {"key": "learning_rate", "old": 0.1, "new": 0.4}
    assert [{key: one[key] for key in live} for one in preview["changed"]] == [live], "what was set live goes on"
    changed = run.resume(preview=True, overrides={"learning_rate": 0.2, "unheard_of": 1}).json()
    assert [(one["key"], one["old"], one["new"]) for one in changed["changed"]] == [
        ("learning_rate", 0.4, 0.2), ("unheard_of", None, 1),
    ]  # fmt: skip
    assert any("unheard_of" in warning for warning in changed["warnings"])
    assert run.run.attempt_numbers() == [1], "a preview starts nothing"

    assert run.resume(overrides={"learning_rate": 0.2}).status_code == 201
    run.wait_for("running")
    assert run.record["adjustable"]["learning_rate"]["value"] == 0.2
    assert [one["by"] for one in run.record["hyperparameters"]][-1] == "the settings of this attempt"


def test_a_damaged_checkpoint_is_passed_over_and_said_so(loop: Loop) -> None:
    run = loop()
    first = run.tell("checkpoint")["step"]
    run.wait_for_step(first + 5)
    run.tell("pause", mode="release")
    run.wait_for("released")
    newest = Path(run.record["summary"]["last_checkpoint"]["path"])
    (newest / "state.json").write_text("{}")
    preview = run.resume(preview=True).json()
    assert preview["step"] == first and any("damaged" in warning for warning in preview["warnings"])
    chosen = run.resume(preview=True, checkpoint=str(newest)).json()
    assert not chosen["possible"] and "state.json" in chosen["reason"]
    assert run.resume(checkpoint=str(newest)).json()["code"] == "checkpoint_damaged"
    shutil.rmtree(newest)
    gone = run.resume(checkpoint=str(newest))
    assert (gone.status_code, gone.json()["code"]) == (404, "checkpoint_not_found")
    assert [one["available"] for one in run.server.get(f"{run.path}/checkpoints")] == [True, False]
    assert run.resume(checkpoint=999_999).json()["code"] == "checkpoint_not_found"
    assert run.resume(checkpoint="/etc").json()["code"] == "checkpoint_not_found"


def test_a_failed_run_goes_on_with_what_may_help(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL_AT", "40")
    run = loop()
    record = run.wait_for("error")
    assert record["error_code"] == "out_of_memory" and record["resumable"]["possible"]
    assert [one["code"] for one in record["suggestions"]] == ["smaller_batch", "shorter_sequences"]
    assert record["suggestions"][0]["overrides"] == {"batch_size": 4}
    preview = run.resume(preview=True, overrides=record["suggestions"][0]["overrides"]).json()
    assert preview["checkpoint"] is None and any("begins anew" in warning for warning in preview["warnings"])
    assert run.resume(overrides=record["suggestions"][0]["overrides"]).status_code == 201
    run.wait_for_step(45)


def test_a_profiles_run_gets_a_configuration_with_the_changes(profiled_loop: Loop) -> None:
    run = profiled_loop()
    run.tell("pause", mode="release")
    run.wait_for("released")
    wrong = run.resume(overrides={"batch_size": "many", "learning_rate": 0.2, "colour": "red"})
    assert wrong.status_code == 422
    assert {one["field"] for one in wrong.json()["errors"]} == {"overrides.batch_size", "overrides.colour"}
    preview = run.resume(preview=True, overrides={"batch_size": 4}).json()
    assert [(one["key"], one["old"], one["new"]) for one in preview["changed"]] == [("train.batch_size", 8, 4)]
    assert run.resume(overrides={"batch_size": 4, "train.learning_rate": "2e-1"}).status_code == 201
    run.wait_for("running")
    record = run.record
    assert record["config"]["train"]["batch_size"] == 4 and record["config"]["train"]["learning_rate"] == 0.2
    assert record["adjustable"]["batch_size"]["value"] == 4
    second = record["attempts"][1]
    assert second["argv"][-1] == str(run.run.attempt_config(2)) and second["asked_by"] == "api"
    assert second["overrides"] == {"train.batch_size": 4, "train.learning_rate": 0.2}
    assert second["checkpoint"] == record["checkpoints"][-1]["path"]
    assert run.server.get(f"{run.path}/config", attempt=1)["config"]["train"]["batch_size"] == 8


def test_who_started_it_by_hand_is_told_how_it_goes_on(train: Callable[..., Any], serve: Serve, until: Until) -> None:
    run, server = train(), serve()
    run.order(steps=5)
    run.process.kill()
    until(lambda: server.get(f"/runs/{run.run_id}")["summary"]["state"] in ("killed", "lost", "unknown"), timeout=40)
    answer = server.http.post(f"/runs/{run.run_id}/resume", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_resumable")
    assert "GLADIUS_RUN_DIR" in answer.json()["hint"]


def test_a_command_that_knows_no_protocol_starts_again_and_the_preview_says_so(
    loop: Loop, spawn: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    from loop_run import start_command

    from gladius.launch.local import LocalLauncher

    run = loop()
    plain = start_command(run.home, LocalLauncher(run.home), ["sh", "-c", "echo loss 1.5; exit 3"], "plain", None)
    run.until(lambda: run.server.http.get(f"/runs/{plain.run_id}").status_code == 200)
    run.until(lambda: run.server.get(f"/runs/{plain.run_id}")["summary"]["state"] == "error")
    preview = run.server.http.post(f"/runs/{plain.run_id}/resume?preview=true", json={}).json()
    assert preview["possible"] and preview["checkpoint"] is None and preview["restored"] == []
    assert run.server.http.post(f"/runs/{plain.run_id}/resume", json={}).status_code == 201
    run.until(lambda: len(run.server.get(f"/runs/{plain.run_id}")["attempts"]) == 2)
    assert run.server.http.post(f"/runs/{plain.run_id}/fork", json={}).json()["code"] == "checkpoint_not_found"
