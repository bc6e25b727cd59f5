"""What happens once: checkpoints, validations, reloads, epochs, ends, and what trainer and supervisor tell themselves."""

from __future__ import annotations

import pytest
from alert_story import Watched

from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.wire.settings import Thresholds


def test_a_checkpoint_that_was_read_back_is_a_notice(run: Watched) -> None:
    run.trainer.write(
        "checkpoint", {"step": 40, "path": "checkpoints/40", "bytes": 1200, "kind": "auto", "manifest": "ab"}
    )
    (notice,) = run.look()
    assert (notice.code, notice.level, notice.step) == ("checkpoint_verified", "info", 40)
    assert (
        notice.began_at == notice.ended_at == run.now and notice.message == "Checkpoint at step 40 saved and verified"
    )
    assert notice.data == {"step": 40, "checkpoint_kind": "auto", "bytes": 1200, "path": "checkpoints/40"}


def test_a_failed_checkpoint_lasts_until_one_succeeds(run: Watched) -> None:
    run.trainer.write("checkpoint", {"step": 40, "kind": "auto", "failed": "No space left on device"})
    run.alert("checkpoint_failed", "checkpoint failed at step 40: No space left on device")
    (alert,) = run.look()
    assert (alert.code, alert.level, alert.ended_at) == ("checkpoint_failed", "warning", None)
    assert alert.message == "The checkpoint at step 40 failed: No space left on device"
    run.wait(60).trainer.write("checkpoint", {"step": 80, "kind": "auto", "failed": "No space left on device"})
    (again,) = run.look()
    assert (again.id, again.data["step"]) == (alert.id, 80)
    run.wait(60).trainer.write("checkpoint", {"step": 90, "path": "c", "kind": "auto"})
    assert run.codes() == [("checkpoint_failed", False), ("checkpoint_verified", False)]


def test_a_failed_checkpoint_that_only_an_alert_tells_of_is_told(run: Watched) -> None:
    (alert,) = run.alert("checkpoint_failed", "the disk is gone").look()
    assert (alert.message, alert.id) == ("the disk is gone", f"{run.directory.run_id}~trainer~2")


def test_a_validation_tells_its_values(run: Watched) -> None:
    run.metrics(200, eval__loss=1.25, eval__accuracy=0.5, eval__runtime=3.0, eval__samples_per_second=9.0)
    (notice,) = run.look()
    assert (notice.code, notice.step) == ("validation_completed", 200)
    assert notice.data == {"step": 200, "values": {"eval/loss": 1.25, "eval/accuracy": 0.5}}
    assert notice.message == "Validation at step 200 completed: eval/loss 1.25, eval/accuracy 0.5"
    (test,) = run.wait(5).metrics(300, test__loss=float("nan")).look()
    assert test.data["values"] == {"test/loss": "NaN"}
    assert run.wait(1).metrics(301, train__loss=1.0).codes() == []


def test_a_reloaded_configuration_is_a_notice_once_it_is_applied(run: Watched) -> None:
    command = Command(new_command_id(), "reload_config", 1, {"keys": ["train.learning_rate"]}, run.now, "browser")
    Mailbox(run.directory.control).post(command)
    run.trainer.write("ack", {"command_id": command.id, "state": "accepted"})
    assert run.codes() == []
    run.wait(1).trainer.write("ack", {"command_id": command.id, "state": "applied", "step": 7, "detail": "done"})
    (notice,) = run.look()
    assert (notice.code, notice.message) == ("config_reloaded", "Configuration reloaded at step 7")
    assert notice.data["keys"] == ["train.learning_rate"] and notice.data["by"] == "browser"
    assert run.wait(1).codes() == []


def test_every_tenth_epoch_is_a_notice(run: Watched) -> None:
    found = []
    for step in range(1, 21):
        found += run.wait(1).metrics(step * 10, epoch=step * 1.0, train__loss=1.0).look()
    assert [(one.value, one.message) for one in found] == [
        (10, "Epoch 10 of 20 completed"),
        (20, "Epoch 20 of 20 completed"),
    ]
    run.limits = Thresholds(epoch_milestone=7)
    (notice,) = run.metrics(211, epoch=21.5, train__loss=1.0).look()
    assert notice.value == 21


def test_a_long_past_has_its_milestones_at_their_own_times(run: Watched) -> None:
    began = run.now
    for step in range(3000):
        run.now = began + step
        run.trainer.metrics({"train/loss": 1.0}, step, step / 100, None)
    run.follow()
    assert [(one.value, one.began_at - began) for one in run.all("epoch_milestone")] == [(10, 1000), (20, 2000)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"code": "ValueError", "message": "ValueError: no"}, "Training failed: ValueError: no"),
        (
            {"code": "cuda_out_of_memory", "message": "OutOfMemoryError: CUDA"},
            "Training ran out of memory: OutOfMemoryError: CUDA",
        ),
    ],
)
def test_a_run_that_failed_is_critical_until_it_is_tried_again(
    run: Watched, error: dict[str, str], message: str
) -> None:
    run.metrics(5, train__loss=1.0).look()
    (alert,) = run.wait(1).state("error", error=error).look()
    assert (alert.code, alert.level, alert.message, alert.step) == ("run_failed", "critical", message, 5)
    assert alert.ended_at is None and alert.data["error_code"] == error["code"]
    assert run.exited("failed", code=1).codes() == []
    run.wait(30).attempt_begins(2)
    assert run.codes() == [("run_failed", False)]


@pytest.mark.parametrize(
    ("verdict", "code", "message"),
    [
        ("killed", "run_failed", "Training was killed: ended by SIGKILL"),
        ("out_of_memory", "run_failed", "Training ran out of memory: ended by SIGKILL"),
        ("unknown", "run_lost", "Training ended unobserved; how is not known"),
    ],
)
def test_how_a_process_ended_is_told_in_words(run: Watched, verdict: str, code: str, message: str) -> None:
    (alert,) = run.wait(1).exited(verdict, evidence="ended by SIGKILL").look()
    assert (alert.code, alert.message) == (code, message)


@pytest.mark.parametrize("state", ["done", "cancelled", "released"])
def test_an_end_that_somebody_wished_is_no_alert(run: Watched, state: str) -> None:
    assert run.state(state).exited("finished", code=0).codes() == []


def test_what_trainer_and_supervisor_tell_is_told_in_their_words(run: Watched) -> None:
    run.alert("odd", "look at this", "info", value="NaN").alert("odd", "and this", "critical", by="supervisor")
    run.alert("x", "a level that nobody knows", "loud")
    first, second = sorted(run.look(), key=lambda one: one.level)
    assert (first.message, first.level, second.message, second.value) == ("and this", "critical", "look at this", "NaN")
    assert first.id.endswith("~supervisor~1") and second.id.endswith("~trainer~2")
    assert first.began_at == first.ended_at
