"""What the record says for steering: values as they are now, what may help, who ended it, what can go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from written_run import Written

from gladius.pulse.control import Command, Mailbox
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity, process_state
from gladius.pulse.rundir import Home
from gladius.store.commands import command_record, command_records
from gladius.store.record import Steering, record
from gladius.store.resumable import resumable

ADJUSTABLE = {
    "learning_rate": {"value": 0.1, "min": 0, "applies": "live", "key": "train.learning_rate", "label": "peak rate"},
    "batch_size": {"value": 8, "applies": "restart", "key": "train.batch_size"},
}


def told(written: Written) -> Any:
    return record(written.view(), Steering())


def test_an_adjustable_has_the_value_of_now(written: Written) -> None:
    written.begin(1, adjustable=ADJUSTABLE).started()
    change = {"name": "learning_rate", "old": 0.1, "new": 0.05, "step": 3, "by": "cli"}
    written.trainer.write("hyperparameters", change)
    written.trainer.write("hyperparameters", {**change, "name": "unknown", "new": 1})
    found = told(written).adjustable
    assert found["learning_rate"].value == 0.05 and found["learning_rate"].label == "peak rate"
    assert found["batch_size"].value == 8 and set(found) == {"learning_rate", "batch_size"}

    written.begin(2, adjustable=ADJUSTABLE)
    assert told(written).adjustable["learning_rate"].value == 0.1, "an earlier attempt's change is not this one's"


def test_superseded_points_are_kept_by_attempt(written: Written) -> None:
    written.begin(1, total_steps=100).steps(0, 50, loss=3.0)
    written.begin(2, resumed_from={"checkpoint": "x", "step": 29}).steps(30, 40, loss=2.0)
    written.begin(3, resumed_from={"checkpoint": "y", "step": 34}).steps(35, 60, loss=1.0)
    table = written.view().table
    assert table.column("train/loss", 100)["step"] == list(range(60))
    aside = table.superseded_columns("train/loss", 100)
    assert {attempt: points["step"] for attempt, points in aside.items()} == {1: [*range(30, 50)], 2: [*range(35, 40)]}
    assert {attempt: set(points["value"]) for attempt, points in aside.items()} == {1: {3.0}, 2: {2.0}}
    assert table.superseded_columns("train/nothing", 100) == {}


def test_numbers_read_from_output_that_a_hello_replaces_are_not_superseded_but_gone(written: Written) -> None:
    written.begin(1).started()
    written.supervisor.metrics({"train/loss": 9.0}, 0, None, 0)
    written.trainer.write("hello", {"run_id": "x", "pid": written.me.pid, "host": written.me.host})
    written.steps(0, 3)
    table = written.view().table
    assert table.column("train/loss", 10)["value"] == [1.0] * 3 and table.superseded == {}


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (
            {"batch_size": 8, "gradient_accumulation": 2, "gradient_checkpointing": False},
            [{"train.batch_size": 4, "train.gradient_accumulation": 4}, {"train.gradient_checkpointing": True}],
        ),
        ({"batch_size": 9, "gradient_accumulation": 1}, [{"train.batch_size": 3, "train.gradient_accumulation": 3}]),
        ({"batch_size": 1, "gradient_accumulation": 16, "gradient_checkpointing": True}, []),
    ],
)
def test_suggestions_are_computed_from_the_runs_own_settings(
    written: Written, train: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    written.begin(1, adjustable={}).started()
    config = {"train": train, "data": {"max_length": 512}}
    written.directory.write_attempt(1, {"argv": ["x"], "config": config})
    assert told(written).suggestions == [], "a run that trains needs none"
    error = {"code": "cuda_out_of_memory", "message": "CUDA out of memory", "retryable": True}
    written.trainer.write("state", {"state": "error", "error": error})
    found = told(written)
    assert [one.overrides for one in found.suggestions] == [*expected, {"data.max_length": 256}]
    assert (found.error_code, found.retryable) == ("cuda_out_of_memory", True)


def test_a_kernel_kill_for_memory_gets_suggestions_and_another_failure_none(written: Written) -> None:
    written.begin(1).started()
    written.directory.write_attempt(1, {"argv": ["x"], "config": {"batch_size": 6, "max_length": 100}})
    written.exited("out_of_memory", signal="SIGKILL")
    (smaller,) = told(written).suggestions
    assert smaller.overrides == {"batch_size": 3} and "fewer samples" in smaller.text
    written.begin(2).started().exited("failed", code=1)
    assert told(written).suggestions == []


@pytest.mark.parametrize(
    ("acked", "signal_name", "state"),
    [("accepted", "SIGTERM", "cancelled"), ("applied", "SIGKILL", "cancelled"), ("rejected", "SIGKILL", "killed"),
     (None, "SIGKILL", "killed"), ("accepted", "SIGSEGV", "killed")],
)  # fmt: skip
def test_a_process_that_a_person_had_ended_was_cancelled_not_killed(
    written: Written, acked: str | None, signal_name: str, state: str
) -> None:
    written.begin(1, total_steps=5).started().steps(0, 2)
    Mailbox(written.directory.supervisor_control).post(Command("force", "terminate", 1, {}, 1.0, "cli"))
    if acked is not None:
        written.supervisor.write("ack", {"command_id": "force", "state": acked})
    written.exited("killed", signal=signal_name, evidence=f"ended by {signal_name}")
    view = written.view()
    assert view.state == state and view.current.verdict == "killed"
    assert resumable(view).possible


def test_a_suspended_process_is_neither_stalled_nor_stale(written: Written, until: Callable[..., Any]) -> None:
    written.begin(1, total_steps=5).started().steps(0, 2)
    written.supervisor.write("stall", {"event": "began", "seconds": 90.0, "limit": 60.0})
    assert told(written).summary.stalled
    os.kill(written.me.pid, signal.SIGSTOP)
    until(lambda: process_state(written.me.pid) == "T")
    summary = told(written).summary
    assert summary.suspended and not summary.stalled and summary.health.code == "suspended"
    os.kill(written.me.pid, signal.SIGCONT)


def test_an_answer_is_unknown_only_when_nobody_is_left_to_give_it(written: Written) -> None:
    from gladius.pulse.lock import FileLock

    written.begin(1, total_steps=5).started().steps(0, 2)
    Mailbox(written.directory.control).post(Command("pause-1", "pause", 1, {"mode": "release"}, 1.0, "cli"))
    written.trainer.write("ack", {"command_id": "pause-1", "state": "accepted"})
    lock = FileLock(written.directory.trainer_lock)
    lock.acquire()
    written.trainer.write("state", {"state": "released"})
    state = lambda: command_record(written.view(), "pause-1").state  # type: ignore[union-attr]  # noqa: E731
    assert state() == "accepted", "the trainer said its last state and has not left"
    lock.release()
    assert state() == "outcome_unknown"
    written.trainer.write("ack", {"command_id": "pause-1", "state": "applied"})
    assert state() == "applied", "a late answer wins"


def test_a_resume_and_a_fork_are_on_record_like_any_command(written: Written) -> None:
    written.begin(1, total_steps=5).started().exited("failed", code=1)
    assert command_records(written.view()) == []
    asked = {"argv": ["python"], "asked_by": "browser", "asked_at": 5.0, "checkpoint": "/c/step-3"}
    written.directory.write_attempt(2, {**asked, "overrides": {"lr": 0.5}})
    (waiting,) = command_records(written.view())
    assert (waiting.command, waiting.state, waiting.issued_by, waiting.issued_at) == (
        "resume",
        "requested",
        "browser",
        5.0,
    )
    assert waiting.args == {"checkpoint": "/c/step-3", "overrides": {"lr": 0.5}}
    EventWriter(written.directory.supervisor_events, 2).write("process", {"event": "started", **written.me.as_dict()})
    (begun,) = command_records(written.view())
    assert begun.state == "applied" and command_record(written.view(), begun.command_id) == begun

    forked = written.view()
    forked.run["parent"] = {"run_id": "elder", "checkpoint": "/c/step-3", "kind": "fork"}
    forked.directory.write_attempt(1, asked)
    first = command_records(forked)[0]
    assert (first.command, first.args["run_id"], first.state) == ("fork", "elder", "applied")


def test_a_fork_is_on_record_where_it_came_from_as_long_as_the_child_is_there(home: Home, me: Identity) -> None:
    parent, child = Written(home, me).begin(1, total_steps=5), Written(home, me)
    asked = {
        "argv": ["python"],
        "asked_by": "cli",
        "asked_at": 9.0,
        "checkpoint": "/c/step-3",
        "overrides": {"lr": 0.5},
    }
    child.directory.write_attempt(1, asked)
    (fork,) = command_records(parent.view(), children=[child.directory.run_id, "long-gone"])
    assert (fork.command, fork.state, fork.issued_by, fork.issued_at) == ("fork", "applied", "cli", 9.0)
    assert fork.args == {"checkpoint": "/c/step-3", "overrides": {"lr": 0.5}, "child": child.directory.run_id}


def test_what_can_go_on_is_said(written: Written, me: Identity) -> None:
    assert not resumable(written.view()).possible
    written.begin(1, total_steps=5).started()
    assert "release" in str(resumable(written.view()).reason)
    written.trainer.write("state", {"state": "done"})
    assert "fork" in str(resumable(written.view()).reason)
    written.begin(2).started({**me.as_dict(), "host": "far-away"})
    EventWriter(written.directory.events, 2).write("state", {"state": "error"})
    assert "far-away" in str(resumable(written.view()).reason)
    written.exited("failed", code=1)
    assert resumable(written.view()).possible
