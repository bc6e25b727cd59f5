"""A run as a training script holds it: what it records, how it obeys, how it ends."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import gladius
from gladius.pulse import start as start_module
from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventReader
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.states import may_move
from gladius.wire.events import parse_event
from pulse_wrapper import read_training_status

Until = Callable[..., Any]


@pytest.fixture
def folder(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """The folder that GLADIUS_RUN_DIR names; it is not there yet."""
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    return RunDir(tmp_path / "run")


@pytest.fixture(autouse=True)
def no_run_stays_open() -> Iterator[None]:
    yield
    gladius.finish()


def events(directory: RunDir, type_: str | None = None) -> list[dict[str, Any]]:
    found = EventReader(directory.events).read_all()
    for event in found:
        parse_event.validate_python(event)
    assert [event["seq"] for event in found] == list(range(len(found)))
    return [event for event in found if type_ in (None, event["type"])]


def states(directory: RunDir) -> list[str]:
    moves = [event["state"] for event in events(directory, "state")]
    assert moves[0] == "preparing"
    for old, new in zip(moves, moves[1:], strict=False):
        assert may_move(old, new), (old, new)
    return moves


def acks_so_far(directory: RunDir) -> list[tuple[str, str]]:
    """Of a stream that has lost events, so that its numbers have gaps."""
    return [(e["command_id"], e["state"]) for e in EventReader(directory.events) if e["type"] == "ack"]


def acks(directory: RunDir) -> list[tuple[str, str]]:
    return [(event["command_id"], event["state"]) for event in events(directory, "ack")]


def post(
    directory: RunDir, command: str, id_: str | None = None, attempt: int = 1, by: str = "ada", **args: Any
) -> str:
    id_ = id_ or new_command_id()
    Mailbox(directory.control).post(Command(id_, command, attempt, args, time.time(), by))
    return id_


# Recording


def test_a_run_says_hello_runs_logs_and_is_done(folder: RunDir) -> None:
    with gladius.start(total_epochs=2, steps_per_epoch=3, samples=12, model={"name": "tiny", "parameters": 9}) as run:
        for _ in range(2):
            for step, batch in run.steps("abc"):
                assert batch == "abc"[step % 3]
                run.log({"train/loss": 1.0 - step / 10, "train/learning_rate": numpy.float32(0.5)})
    assert states(folder) == ["preparing", "running", "done"]
    (hello,) = events(folder, "hello")
    assert {key: hello[key] for key in ("run_id", "pid", "total_epochs", "total_steps", "steps_per_epoch", "samples", "world_size", "mode")} == {
        "run_id": "run", "pid": os.getpid(), "total_epochs": 2, "total_steps": 6, "steps_per_epoch": 3, "samples": 12,
        "world_size": 1, "mode": "single",
    }  # fmt: skip
    assert hello["model"] == {"name": "tiny", "parameters": 9}
    assert set(hello["capabilities"]) == {"pause", "resume", "stop"}
    metrics = events(folder, "metrics")
    assert [event["step"] for event in metrics] == list(range(6))
    assert [event["epoch"] for event in metrics] == [step / 3 for step in range(6)]
    assert metrics[0]["values"] == {"train/loss": 1.0, "train/learning_rate": 0.5}
    status = read_training_status(folder.status)
    assert (status["status"], status["epoch"], status["total_epochs"], status["loss"]) == ("done", 2.0, 2.0, 0.5)
    assert status["message"] == "Training completed successfully"
    assert not [name for name in os.listdir(folder.root) if name.endswith(".tmp")]


def test_the_named_folder_is_created_and_its_attempt_recorded(folder: RunDir) -> None:
    gladius.start(name="My tuning", config={"lr": 1e-4, "path": Path("x"), "bad": float("nan"), "type": int}).finish()
    assert folder.read_run()["name"] == "My tuning"
    assert folder.attempt_numbers() == [1]
    recorded = json.loads(folder.attempt_json(1).read_text())
    assert recorded["config"] == {"lr": 1e-4, "path": "x", "bad": "NaN", "type": "<class 'int'>"}


def test_an_empty_folder_is_fine_and_a_second_start_there_is_a_second_attempt(folder: RunDir) -> None:
    folder.root.mkdir()
    for attempt in (1, 2):
        run = gladius.start()
        assert (run.active, run.attempt) == (True, attempt)
        run.finish()
    assert folder.attempt_numbers() == [1, 2]
    assert [event["attempt"] for event in events(folder, "hello")] == [1, 2]


def test_without_a_named_folder_a_run_of_its_own_is_made(home: Home) -> None:
    with gladius.start(name="Моя модель 1") as run:
        run.log({"loss": 1})
    (directory,) = home.all_runs()
    assert run.dir is not None
    assert directory.root == run.dir.root
    assert directory.run_id.endswith(directory.run_id[-4:])
    assert directory.read_run()["source"] == "script"
    assert directory.read_run()["name"] == "Моя модель 1"


def test_init_log_finish_have_the_shape_that_wandb_users_know(folder: RunDir) -> None:
    gladius.init(project="vision", name="try-1", config={"lr": 0.1})
    gladius.log({"loss": 2.0})
    gladius.log({"loss": 1.5, "note": "text is left out"}, step=10)
    gladius.log({"loss": 1.0})
    gladius.finish()
    gladius.finish()
    gladius.log({"loss": 0.5})
    assert [(event["step"], event["values"]) for event in events(folder, "metrics")] == [
        (0, {"train/loss": 2.0}), (10, {"train/loss": 1.5}), (11, {"train/loss": 1.0}),
    ]  # fmt: skip
    assert states(folder) == ["preparing", "running", "done"]


def test_nothing_that_is_logged_raises_into_the_loop(folder: RunDir, caplog: pytest.LogCaptureFixture) -> None:
    circular: dict[str, Any] = {}
    circular["me"] = circular
    run = gladius.start(total_epochs=1, steps_per_epoch=100)
    anything: list[Any] = [
        None, 5, "x", [1], {}, {"a": None}, {"a": object()}, {"a": "1"}, {"a": [1, 2]}, {"a": numpy.zeros(3)}, {("t", 1): 1.0},
        {None: 2}, {"a": 1j}, {"a": True}, circular, {"loss": "NaN"}, {"loss": None},
    ]  # fmt: skip
    for values in anything:
        run.log(values)
    for step in (-1, "x", None, float("nan"), float("inf"), 2.0, numpy.int64(7), object()):
        run.log({"a": 1.0}, step=step)  # type: ignore[arg-type]
        run.boundary(step)  # type: ignore[arg-type]
    for epoch in (-1, "x", float("nan"), float("inf"), numpy.float64(0.25), object()):
        run.log({"a": 1.0}, epoch=epoch)  # type: ignore[arg-type]
        run.boundary(50, epoch)  # type: ignore[arg-type]
    for count in ("x", None, object(), float("nan"), numpy.int64(5)):
        run.log({"a": 1.0}, tokens=count, samples=count)  # type: ignore[arg-type]
        run.log({"a": 1.0}, tokens=count, samples=count)  # type: ignore[arg-type]
    run.alert("info", "x", "y", value=circular)
    run.sample(1, [circular])
    run.finish()
    assert states(folder) == ["preparing", "running", "done"]
    assert read_training_status(folder.status)["status"] == "done"
    assert len(caplog.records) < 6


def test_odd_numbers_keep_their_truth(folder: RunDir) -> None:
    with gladius.start() as run:
        run.log({"nan": float("nan"), "inf": numpy.float32("inf"), "tiny": 5e-324, "int": 2**60, "yes": numpy.int8(1)})
    assert events(folder, "metrics")[0]["values"] == {
        "nan": "NaN", "inf": "Infinity", "tiny": 5e-324, "int": 2**60, "yes": 1,
    }  # fmt: skip


def test_a_loss_that_is_an_integer_of_any_size_never_raises_into_the_loop(folder: RunDir) -> None:
    with gladius.start() as run:
        run.log({"train/loss": 3}, step=0)
        run.log({"train/loss": 10**400}, step=1)
    metrics = [event for event in EventReader(folder.events) if event["type"] == "metrics"]
    assert [event["values"]["train/loss"] for event in metrics] == [3, 10**400]
    assert read_training_status(folder.status)["loss"] == 3.0
    assert run._loop.suspect == "loss is infinite since step 1"


def test_a_non_finite_loss_never_reaches_v1_and_its_message_says_since_when(folder: RunDir, until: Until) -> None:
    run = gladius.start(total_epochs=1, steps_per_epoch=10)
    losses = [0.5, float("nan"), float("nan"), float("inf")]
    for step, loss in enumerate(losses):
        run.log({"train/loss": loss}, step=step)
        run.boundary(step)
    status = until(lambda: (s := read_training_status(folder.status)) and s["epoch"] == 0.4 and s)
    assert (status["loss"], status["message"]) == (0.5, "loss is NaN since step 1")
    assert [event["values"]["train/loss"] for event in events(folder, "metrics")] == [0.5, "NaN", "NaN", "Infinity"]
    (alert,) = events(folder, "alert")
    assert (alert["level"], alert["code"], alert["message"], alert["value"]) == (
        "critical", "non_finite_loss", "loss is NaN since step 1", "NaN",
    )  # fmt: skip
    run.log({"train/loss": 0.25}, step=4)
    run.boundary(4)
    status = until(lambda: (s := read_training_status(folder.status)) and s["loss"] == 0.25 and s)
    assert status["message"] == "epoch 1/1, step 5/10"


def test_steps_count_on_over_passes_and_a_boundary_moves_the_step_of_log(folder: RunDir) -> None:
    with gladius.start() as run:
        for step in range(3):
            run.log({"a": step})
            run.boundary(step)
    assert [event["step"] for event in events(folder, "metrics")] == [0, 1, 2]


@pytest.mark.parametrize(
    ("plan", "steps", "expected"),
    [
        ({"total_epochs": 3, "steps_per_epoch": 4}, 12, (3.0, 3.0)),
        ({"total_epochs": 3, "steps_per_epoch": 4}, 6, (1.5, 3.0)),
        ({"total_steps": 40}, 40, (1.0, 1.0)),
        ({"total_steps": 40, "steps_per_epoch": 4}, 10, (0.25, 1.0)),
        ({"steps_per_epoch": 4}, 8, (2.0, 2.0)),
        ({}, 8, (0.0, 0.0)),
        ({"total_epochs": 3}, 8, (3.0, 3.0)),
        ({"total_epochs": 0}, 8, (0.0, 0.0)),
    ],
    ids=str,
)
def test_done_says_the_epoch_that_was_reached(
    folder: RunDir, plan: dict[str, Any], steps: int, expected: tuple[float, float]
) -> None:
    with gladius.start(**plan) as run:
        for step in range(steps):
            run.boundary(step)
    status = read_training_status(folder.status)
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", *expected)


def test_a_run_that_is_limited_by_steps_ignores_the_frameworks_epochs_in_v1(folder: RunDir) -> None:
    with gladius.start(total_steps=100) as run:
        for step in range(25):
            run.boundary(step, epoch=step / 5)
            run.log({"train/loss": 1.0}, step=step, epoch=step / 5)
    assert read_training_status(folder.status)["epoch"] == 0.25
    assert events(folder, "metrics")[-1]["epoch"] == 4.8


@pytest.mark.parametrize("bad", [{"total_epochs": -1}, {"total_steps": float("inf")}, {"steps_per_epoch": -5}])
def test_an_impossible_plan_is_refused_before_anything_is_made(folder: RunDir, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        gladius.start(**bad)
    assert not folder.root.exists()


def test_the_status_is_written_within_two_seconds_of_a_change(folder: RunDir, until: Until) -> None:
    run = gladius.start(total_epochs=4, steps_per_epoch=10)
    for step in range(3):
        run.log({"train/loss": 5.0 - step}, step=step)
        run.boundary(step)
        began = time.monotonic()
        until(lambda step=step: read_training_status(folder.status)["loss"] == 5.0 - step, timeout=5)
        assert time.monotonic() - began < 2.5
    status = read_training_status(folder.status)
    assert (status["status"], status["message"]) == ("running", "epoch 1/4, step 3/10")


def test_long_operations_are_states_that_return_whence_they_came(folder: RunDir) -> None:
    with gladius.start() as run:
        run.boundary(0)
        with run.long("validating", "1,000 records"):
            assert run.state == "validating"
            with run.long("checkpointing"):
                assert run.state == "validating", "one long operation at a time is a state"
        with pytest.raises(OSError, match="disk"), run.long("checkpointing"):
            raise OSError("disk")
        with run.long("tokenising"):
            assert run.state == "running"
        assert run.state == "running"
    assert states(folder) == ["preparing", "running", "validating", "running", "checkpointing", "running", "done"]
    assert events(folder, "state")[2]["reason"] == "1,000 records"


def test_a_long_operation_left_open_ends_with_the_run(folder: RunDir) -> None:
    run = gladius.start()
    run.boundary(0)
    open_for_ever = run.long("validating")
    open_for_ever.__enter__()
    run.finish()
    assert states(folder) == ["preparing", "running", "validating", "running", "done"]


def test_the_time_of_a_validation_is_not_the_rates(folder: RunDir, until: Until) -> None:
    run = gladius.start()
    run.log({"train/loss": 1}, tokens=10)
    with run.long("validating"):
        until(lambda began=time.monotonic(): time.monotonic() - began > 0.5)
    run.log({"train/loss": 1}, tokens=10)
    rate = events(folder, "metrics")[1]["values"]["train/tokens_per_second"]
    assert rate > 10 / 0.4
    run.finish()


def test_checkpoints_samples_and_alerts_are_events(folder: RunDir) -> None:
    with gladius.start() as run:
        run.checkpoint(step=5, path="checkpoints/5", bytes=10, kind="manual", manifest="ab" * 32)
        run.checkpoint(step=6, failed="disk full")
        run.sample(5, [{"prompt": "a", "output": "b", "score": 0.5}])
        run.alert("warning", "slow", "steps are slow", value=2.0, threshold=1.0)
    good, bad = events(folder, "checkpoint")
    assert (good["path"], good["manifest"], good["kind"]) == ("checkpoints/5", "ab" * 32, "manual")
    assert (bad["failed"], "path" in bad) == ("disk full", False)
    assert [event["code"] for event in events(folder, "alert")] == ["checkpoint_failed", "slow"]
    assert events(folder, "samples")[0]["rows"] == [{"prompt": "a", "output": "b", "score": 0.5}]


def test_log_offsets_follow_the_console_log(folder: RunDir, until: Until) -> None:
    folder.root.mkdir()
    run = gladius.start()
    run.log({"a": 1})
    folder.console_log.write_bytes(b"x" * 1234)

    def seen() -> bool:
        run.log({"a": 2})
        return events(folder, "metrics")[-1].get("log_offset") == 1234

    until(seen, timeout=5)


# Ends


def test_an_exception_is_an_error_with_its_traceback_and_last_numbers(folder: RunDir) -> None:
    with pytest.raises(ZeroDivisionError), gladius.start(total_epochs=2, steps_per_epoch=4) as run:
        for step, _ in run.steps(range(4)):
            run.log({"train/loss": 0.5 / (2 - step)})
    assert states(folder) == ["preparing", "running", "error"]
    error = events(folder, "state")[-1]["error"]
    assert (error["code"], error["message"]) == ("ZeroDivisionError", "ZeroDivisionError: float division by zero")
    assert "test_reporter.py" in error["traceback"]
    status = read_training_status(folder.status)
    assert (status["status"], status["epoch"], status["loss"]) == ("error", 0.5, 0.5)
    assert status["message"] == "ZeroDivisionError: float division by zero"


@pytest.mark.parametrize(("code", "end"), [(None, "done"), (0, "done"), (3, "error"), ("no data", "error")])
def test_leaving_with_a_code_is_as_good_as_the_code(folder: RunDir, code: object, end: str) -> None:
    with pytest.raises(SystemExit), gladius.start():
        raise SystemExit(code)
    assert states(folder)[-1] == end


def test_a_keyboard_interrupt_cancels(folder: RunDir) -> None:
    with pytest.raises(KeyboardInterrupt), gladius.start(total_epochs=2, steps_per_epoch=4) as run:
        run.boundary(3)
        raise KeyboardInterrupt
    assert states(folder) == ["preparing", "running", "stopping", "cancelled"]
    status = read_training_status(folder.status)
    assert (status["status"], status["epoch"], status["message"]) == ("done", 1.0, "Stopped by keyboard interrupt")


def test_after_the_end_nothing_is_recorded(folder: RunDir) -> None:
    run = gladius.start()
    run.finish()
    size = folder.events.stat().st_size
    run.log({"a": 1})
    run.boundary(1)
    run.alert("info", "a", "b")
    run.ready()
    with run.long("validating"):
        pass
    assert list(run.steps("ab")) == [(0, "a"), (1, "b")]
    assert folder.events.stat().st_size == size
    assert not run.active


def test_a_second_training_under_one_supervisor_is_a_run_of_its_own(
    folder: RunDir, home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder.create({"name": "first"})
    folder.write_attempt(1, {"argv": []})
    monkeypatch.setenv("GLADIUS_ATTEMPT", "1")
    with gladius.start() as first:
        first.log({"loss": 1})
    with gladius.start() as second:
        second.log({"loss": 2})
    assert (first.dir.root, second.dir.root.parent) == (folder.root, home.runs)
    assert states(folder) == ["preparing", "running", "done"]
    assert states(second.dir) == ["preparing", "running", "done"]
    assert "a run of its own" in caplog.text


# When nothing can be recorded


def test_a_second_trainer_in_one_folder_warns_and_records_nothing(
    folder: RunDir, caplog: pytest.LogCaptureFixture
) -> None:
    first = gladius.start()
    before = sorted(folder.root.rglob("*"))
    start_module._current.run = None
    second = gladius.start()
    assert not second.active
    assert second.dir is None
    assert "held by pid" in caplog.text
    second.log({"a": 1})
    second.finish()
    assert sorted(folder.root.rglob("*")) == before
    assert folder.attempt_numbers() == [1]
    first.finish()
    assert len(events(folder, "hello")) == 1


def test_a_second_start_in_one_process_warns_and_leaves_the_first(
    folder: RunDir, caplog: pytest.LogCaptureFixture
) -> None:
    first = gladius.start()
    assert not gladius.start().active
    assert "already" in caplog.text
    assert first.active
    gladius.log({"a": 1})
    first.finish()
    assert len(events(folder, "metrics")) == 1


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK"])
def test_a_rank_other_than_zero_writes_nothing(folder: RunDir, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with gladius.start() as run:
        run.log({"a": 1})
    assert not folder.root.exists()
    monkeypatch.setenv(name, "0")
    with gladius.start() as run:
        assert run.active


def test_a_folder_that_cannot_be_made_warns_and_the_script_goes_on(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "file" / "run"))
    with gladius.start() as run:
        for _ in run.steps(range(3)):
            run.log({"loss": 1})
    assert not run.active
    assert "nothing is recorded" in caplog.text
    monkeypatch.delenv("GLADIUS_RUN_DIR")
    monkeypatch.setenv("GLADIUS_HOME", str(tmp_path / "file"))
    assert not gladius.start().active


def test_a_run_directory_deleted_under_a_script_costs_a_few_warnings(
    folder: RunDir, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    run = gladius.start(total_epochs=1, steps_per_epoch=1000)
    run.boundary(0)
    aside = folder.root.with_name("aside")
    folder.root.rename(aside)
    shutil.rmtree(aside)
    began = time.monotonic()
    step = 0
    while time.monotonic() - began < 3.5:
        step += 1
        run.log({"train/loss": 1.0}, step=step)
        run.boundary(step)
    run.finish()
    assert 1 <= len(caplog.records) <= 4
    assert not folder.root.exists()


# Obeying


class Loop:
    """A training loop in a thread of its own, so that the test can steer it."""

    def __init__(self, run: Run, steps: int = 10_000_000) -> None:
        self.run = run
        self.step = -1
        self.ended = threading.Event()
        self._go_on = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(steps,), daemon=True)
        self._thread.start()

    def _work(self, steps: int) -> None:
        try:
            for step, _ in self.run.steps(range(steps)):
                self.step = step
                self.run.log({"train/loss": 1.0})
                if self._go_on.wait(0.002):
                    break
        finally:
            self.run.finish()
            self.ended.set()

    def end(self) -> None:
        self._go_on.set()
        assert self.ended.wait(20)


@pytest.fixture
def loop(folder: RunDir, until: Until) -> Iterator[Loop]:
    loop = Loop(gladius.start(total_epochs=1, steps_per_epoch=10_000_000))
    until(lambda: loop.step > 2)
    yield loop
    if not loop.ended.is_set():
        post(folder, "resume")
        loop.end()
    states(folder)


def test_pause_holds_the_loop_until_resume(folder: RunDir, loop: Loop, until: Until) -> None:
    pause = post(folder, "pause")
    began = time.monotonic()
    until(lambda: (pause, "applied") in acks(folder))
    assert time.monotonic() - began < 2
    held = loop.step
    until(lambda: read_training_status(folder.status)["message"] == f"Paused at step {held}", timeout=5)
    assert read_training_status(folder.status)["status"] == "running"
    assert loop.step == held
    assert loop.run.state == "paused"
    again = post(folder, "pause", mode="hold")
    until(lambda: (again, "applied") in acks(folder))
    assert loop.step == held
    resume = post(folder, "resume")
    until(lambda: loop.step > held)
    assert acks(folder) == [(id_, word) for id_ in (pause, again, resume) for word in ("accepted", "applied")]
    assert states(folder) == ["preparing", "running", "paused", "running"]
    assert [event["step"] for event in events(folder, "ack") if event["state"] == "applied"] == [held] * 3
    assert events(folder, "state")[2]["reason"] == "Paused by ada"


def test_resume_of_a_running_loop_is_applied(folder: RunDir, loop: Loop, until: Until) -> None:
    resume = post(folder, "resume")
    until(lambda: (resume, "applied") in acks(folder))
    assert states(folder) == ["preparing", "running"]


def test_stop_ends_the_loop_and_is_done_in_v1(folder: RunDir, loop: Loop) -> None:
    stop = post(folder, "stop", checkpoint=False)
    assert loop.ended.wait(10)
    assert acks(folder) == [(stop, "accepted"), (stop, "applied")]
    assert states(folder) == ["preparing", "running", "stopping", "cancelled"]
    assert loop.run.stop_checkpoint is False
    status = read_training_status(folder.status)
    assert (status["status"], status["message"]) == ("done", "Stopped by ada")
    assert 0 < status["epoch"] < 1


def test_stop_works_while_paused(folder: RunDir, loop: Loop, until: Until) -> None:
    pause = post(folder, "pause")
    until(lambda: (pause, "applied") in acks(folder))
    held = loop.step
    stop = post(folder, "stop")
    assert loop.ended.wait(10)
    assert loop.step == held
    assert acks(folder)[2:] == [(stop, "accepted"), (stop, "applied")]
    assert states(folder) == ["preparing", "running", "paused", "stopping", "cancelled"]
    assert loop.run.stop_checkpoint is True


def test_a_second_stop_is_applied_too(folder: RunDir) -> None:
    run = gladius.start()
    run.boundary(0)
    ids = [post(folder, "stop"), post(folder, "stop")]
    deadline = time.monotonic() + 10
    while len(acks(folder)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    run.boundary(1)
    assert run.should_stop
    run.finish()
    assert sorted(acks(folder)) == sorted((id_, word) for id_ in ids for word in ("accepted", "applied"))


@pytest.mark.parametrize(
    ("command", "args", "why"),
    [
        ("explode", {}, "no command"),
        ("pause", {"mode": "sleep"}, "no mode"),
        ("pause", {"mode": "release"}, "hold, not release"),
        ("checkpoint", {}, "cannot checkpoint"),
        ("set", {"name": "lr", "value": 1}, "cannot set"),
        ("stop", {"force": True}, "no argument"),
    ],
)
def test_what_this_trainer_cannot_do_is_rejected_with_the_reason(
    folder: RunDir, loop: Loop, until: Until, command: str, args: dict[str, Any], why: str
) -> None:
    id_ = post(folder, command, **args)
    (ack,) = until(lambda: [e for e in events(folder, "ack") if e["command_id"] == id_])
    assert ack["state"] == "rejected"
    assert why in ack["detail"]
    assert states(folder) == ["preparing", "running"]


def test_a_command_for_another_attempt_is_expired(folder: RunDir, loop: Loop, until: Until) -> None:
    id_ = post(folder, "stop", attempt=7)
    (ack,) = until(lambda: [e for e in events(folder, "ack") if e["command_id"] == id_])
    assert (ack["state"], ack["detail"].split(":")[0]) == ("rejected", "expired")
    assert not loop.run.should_stop


def test_a_command_waits_for_hello(folder: RunDir, until: Until) -> None:
    folder.create({"name": "x"})
    id_ = post(folder, "pause")
    run = gladius.start()
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.3)
    assert acks(folder) == []
    run.ready()
    until(lambda: acks(folder) == [(id_, "accepted")])
    run.finish()
    assert acks(folder) == [(id_, "accepted"), (id_, "rejected")]


def test_an_id_is_never_obeyed_twice_not_even_by_the_next_attempt(folder: RunDir, until: Until) -> None:
    folder.create({"name": "x"})
    run = gladius.start()
    run.boundary(0)
    id_ = post(folder, "stop")
    until(lambda: acks(folder) == [(id_, "accepted")])
    # Another file with the same id, and then a restart that finds both.
    copy = json.loads((folder.control / f"{id_}.json").read_text())
    (folder.control / "copy.json").write_text(json.dumps(copy))
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.3)
    run.boundary(1)
    run.finish()
    assert acks(folder) == [(id_, "accepted"), (id_, "applied")]
    (folder.control / "again.json").write_text(json.dumps({**copy, "attempt": 2}))
    second = gladius.start()
    second.boundary(0)
    other = post(folder, "pause", attempt=9)
    until(lambda: (other, "rejected") in acks(folder))
    second.boundary(1)
    assert not second.should_stop
    second.finish()
    assert acks(folder) == [(id_, "accepted"), (id_, "applied"), (other, "rejected")]


def test_a_trainer_that_never_ends_steps_does_not_offer_stop(folder: RunDir, until: Until) -> None:
    run = gladius.start()
    run.log({"loss": 1})
    assert set(events(folder, "hello")[0]["capabilities"]) == {"pause", "resume"}
    id_ = post(folder, "stop")
    until(lambda: acks(folder) == [(id_, "rejected")])
    run.boundary(1)
    assert set(events(folder, "hello")[1]["capabilities"]) == {"pause", "resume", "stop"}
    run.finish()


def test_a_handler_saves_before_a_pause_and_its_failure_is_told(folder: RunDir, until: Until) -> None:
    run = gladius.start()

    def save() -> None:
        raise RuntimeError("no room")

    run.on("checkpoint", save)
    loop = Loop(run)
    pause = post(folder, "pause")
    until(lambda: (pause, "applied") in acks(folder))
    post(folder, "resume")
    until(lambda: run.state == "running")
    loop.end()
    assert states(folder) == ["preparing", "running", "checkpointing", "running", "paused", "running", "done"]
    assert events(folder, "checkpoint")[0]["failed"] == "no room"


def test_a_full_disk_delays_obedience_until_the_promise_is_durable(
    folder: RunDir, until: Until, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    run = gladius.start()
    run.boundary(0)
    write, full = os.write, True

    def write_unless_full(descriptor: int, data: bytes) -> int:
        if full and descriptor == run._events._fd:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", write_unless_full)
    id_ = post(folder, "stop")
    until(lambda: run._events.dropped >= 2)
    run.boundary(1)
    assert not run.should_stop
    full = False

    def obeyed() -> bool:
        run.boundary(2)
        return run.should_stop

    until(obeyed)
    assert (id_, "accepted") in acks_so_far(folder)
