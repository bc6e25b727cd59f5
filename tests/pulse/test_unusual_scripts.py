"""What scripts do that nobody foresees: many threads, handlers that log, values that raise. The training goes on, and is told right."""

from __future__ import annotations

import datetime
import enum
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import gladius
from gladius.pulse import heart
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.encode import encode
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import read_training_status

Until = Callable[..., Any]


@pytest.fixture
def folder(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDir]:
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    yield RunDir(tmp_path / "run")
    gladius.finish()


def rows(directory: RunDir) -> list[dict[str, Any]]:
    return [event for event in EventReader(directory.events) if event["type"] == "metrics"]


def at_once(*calls: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def train(run: gladius.Run, stepped: bool, steps: int) -> None:
    for _ in run.steps(range(steps)) if stepped else range(steps):
        run.log({"train/loss": 1.0})


def test_a_step_that_a_long_operation_follows_at_once_keeps_its_length(
    folder: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heart, "TICK_S", 60.0)
    monkeypatch.setattr(heart, "STALL_MIN_S", 0.0)
    run = gladius.start(total_epochs=1, steps_per_epoch=100)
    for step in range(4):
        time.sleep(0.05)
        run.boundary(step)
        with run.long("sampling"):
            pass
    assert run._heart.pace.stall_after >= 10 * 0.05


def test_threads_that_log_at_once_have_steps_of_their_own(folder: RunDir) -> None:
    meeting = threading.Barrier(2, timeout=10)

    class Slow:
        def item(self) -> float:
            meeting.wait()
            return 1.0

    with gladius.start() as run:
        run.log({"a": 1.0})
        at_once(*[lambda: run.log({"a": Slow()})] * 2)
        run.log({"a": 1.0})
    assert sorted(row["step"] for row in rows(folder)) == [0, 1, 2, 3]


@pytest.mark.parametrize("stepped", [False, True])
def test_a_periodic_save_that_logs_is_one_save_and_its_numbers_belong_to_its_step(
    folder: RunDir, stepped: bool
) -> None:
    saves = 0

    def save(target: Path) -> None:
        nonlocal saves
        saves += 1
        assert saves < 10
        (target / "weights").write_text("w")
        run.log({"checkpoint/seconds": 0.5})
        run.log({"checkpoint/files": 1.0})

    run = gladius.start()
    run.on("checkpoint", save, every_steps=3)
    train(run, stepped, 7)
    run.finish()
    assert saves == 2
    assert [row["step"] for row in rows(folder) if "train/loss" in row["values"]] == list(range(7))
    assert [row["step"] for row in rows(folder) if "checkpoint/files" in row["values"]] == [2, 5]


@pytest.mark.parametrize("stepped", [False, True])
def test_the_best_checkpoint_is_kept_where_its_own_function_measures_it(folder: RunDir, stepped: bool) -> None:
    losses = iter([1.0, 5.0, 0.1, 7.0, 8.0, 9.0])

    def save(target: Path) -> None:
        (target / "weights").write_text("w")
        run.log({"eval/loss": next(losses)})

    run = gladius.start()
    run.on("checkpoint", save, every_steps=1, keep_last=1, keep_best="eval/loss")
    train(run, stepped, 6)
    run.finish()
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["step-2", "step-5"]


@pytest.mark.parametrize("stepped", [False, True])
def test_a_save_that_the_script_asks_for_itself_ends_no_step_and_saves_nothing_within(
    folder: RunDir, stepped: bool
) -> None:
    saved: list[int | None] = []

    def save(target: Path) -> None:
        saved.append(run._loop.step)
        (target / "weights").write_text("w")
        run.log({"checkpoint/seconds": 0.5})

    run = gladius.start()
    run.on("checkpoint", save, every_steps=3)
    train(run, stepped, 2)
    run.save()
    train(run, stepped, 3)
    run.finish()
    assert saved == [1, 2]
    assert [row["step"] for row in rows(folder) if "train/loss" in row["values"]] == list(range(5))
    assert [row["step"] for row in rows(folder) if "checkpoint/seconds" in row["values"]] == [1, 2]


def test_another_thread_goes_on_while_a_boundary_is_attended(folder: RunDir) -> None:
    saving, saved = threading.Event(), threading.Event()
    steps: list[int] = []

    def save(target: Path) -> None:
        (target / "weights").write_text("w")
        saving.set()
        assert saved.wait(10)
        run.log({"checkpoint/seconds": 0.5})

    def other() -> None:
        assert saving.wait(10)
        for _ in range(3):
            run.log({"b": 1.0})
        steps.extend(row["step"] for row in rows(folder) if "b" in row["values"])
        saved.set()

    run = gladius.start()
    run.on("checkpoint", save, every_steps=1)
    at_once(lambda: run.log({"a": 1.0}), other)
    run.finish()
    assert steps == [1, 2, 3]
    assert [row["step"] for row in rows(folder) if "checkpoint/seconds" in row["values"]][0] == 0


def test_a_pause_that_a_monitoring_thread_takes_holds_the_training_thread_too(folder: RunDir, until: Until) -> None:
    run = gladius.start()
    run.log({"a": 1.0})
    run._loop.ask(Command("p", "pause", 1))
    monitor = threading.Thread(target=run.log, args=({"monitor": 1.0},), daemon=True)
    training = threading.Thread(target=train, args=(run, False, 50), daemon=True)
    monitor.start()
    until(lambda: run.state == "paused")
    training.start()
    training.join(timeout=0.3)
    assert training.is_alive()
    run._loop.ask(Command("r", "resume", 1))
    run._heart.arrived.set()
    training.join(timeout=10)
    monitor.join(timeout=10)
    run.finish()
    told = [event for event in EventReader(folder.events) if event["type"] in ("metrics", "state")]
    paused, resumed = (
        next(place for place, event in enumerate(told) if event.get("state") == state and place > 2)
        for state in ("paused", "running")
    )
    assert len(told[paused:resumed]) == 2, "the step that was under way"
    assert len([row for row in rows(folder) if "train/loss" in row["values"]]) == 50


def test_a_validation_that_logs_without_steps_is_over_before_the_next_begins(folder: RunDir) -> None:
    order: list[str] = []

    def validate(split: str) -> dict[str, float]:
        order.append("begins")
        run.log({"eval/rows": 8.0})
        order.append("ends")
        return {"loss": 1.0}

    run = gladius.start()
    run.on("validate", validate)
    run.log({"a": 1.0})
    for number in range(3):
        run._loop.ask(Command(f"c{number}", "validate", 1))
    run.log({"a": 1.0})
    run.finish()
    assert order == ["begins", "ends"] * 3
    assert [row["step"] for row in rows(folder)] == [0] + [1] * 7


BEYOND = 10**400


class Raises:
    """An object of which nothing can be had: neither its text nor its number."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __float__(self) -> float:
        raise KeyError("no number")

    @property
    def item(self) -> Any:
        raise LookupError("no item")

    def __int__(self) -> int:
        raise LookupError("no step")


UNUSUAL: list[Callable[[gladius.Run], Any]] = [
    lambda run: run.log({"a": Raises()}),
    lambda run: run.log({Raises(): 1.0}),
    lambda run: run.log({Raises(): float("nan")}),
    lambda run: run.log({"a": 1.0}, step=Raises()),  # type: ignore[arg-type]
    lambda run: run.log({"a": 1.0}, step=BEYOND),
    lambda run: run.log({"a": 1.0}, epoch=BEYOND),
    lambda run: run.log({"a": 1.0}, tokens=BEYOND, samples=BEYOND),
    lambda run: run.log({"a": 1.0}, tokens=BEYOND, samples=BEYOND),
    lambda run: run.log({"eval/loss": BEYOND}),
    lambda run: run.sample(1, [{"prompt": Raises()}]),
    lambda run: run.alert("info", "x", "y", value=Raises()),
    lambda run: run.boundary(BEYOND, BEYOND),
    lambda run: run.boundary(50, Raises()),  # type: ignore[arg-type]
]


def test_numbers_beyond_all_floats_and_objects_that_raise_never_reach_the_loop(folder: RunDir, until: Until) -> None:
    run = gladius.start(total_epochs=1, steps_per_epoch=100)
    run.on("checkpoint", lambda target: (target / "a").write_text("x"), keep_best="eval/loss")
    for call in UNUSUAL:
        call(run)
        assert run._heart.is_alive()
    run.on("validate", lambda split: {"loss": BEYOND})
    run._loop.ask(Command("c", "validate", 1))
    run.boundary(9)
    until(lambda: run._heart.fields.epoch == 0.1)
    run.finish()
    kept = [row for row in rows(folder) if row["values"] == {"a": 1.0}]
    assert len(kept) == 5
    assert all(row["step"] < 100 and row["epoch"] < 1 for row in kept)


def test_one_beat_that_fails_is_told_once_and_is_not_the_last(
    folder: RunDir, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0

    def fail() -> None:
        nonlocal seconds
        seconds += 1
        raise KeyError("a bug of ours")

    run = gladius.start()
    run._heart.each_second = fail
    until(lambda: seconds >= 2)
    run._heart.each_second = lambda: None
    run.log({"a": 1.0})
    until(lambda: read_training_status(folder.status)["message"] == "step 0")
    assert len([record for record in caplog.records if "background thread" in record.message]) == 1


def test_a_slow_disk_does_not_cost_the_status_its_two_seconds(
    folder: RunDir, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written() -> int:
        return os.stat(folder.status).st_mtime_ns

    sync = os.fsync
    run = gladius.start(total_epochs=1, total_steps=1000)
    run.boundary(0)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (time.sleep(0.1), sync(descriptor)))
    waits = []
    for step in (1, 2):
        before, began = written(), time.monotonic()
        run.log({"a": 1.0}, step=step)
        run.boundary(step)
        until(lambda before=before: written() != before)
        waits.append(time.monotonic() - began)
    assert max(waits) < 1.7, waits


def test_a_command_that_a_beat_fails_at_leaves_the_others_to_the_next(
    folder: RunDir, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = gladius.start()
    mailbox = Mailbox(run.dir.control)
    for id_ in ("a", "b"):
        mailbox.post(Command(id_, "resume", 1, {}, time.time(), "ada"))
    answer = run._heart.answer

    def fail_at_a(command: Command, *args: Any, **more: Any) -> bool:
        if command.id == "a":
            raise KeyError("a bug of ours")
        return answer(command, *args, **more)

    monkeypatch.setattr(run._heart, "answer", fail_at_a)
    run.ready()
    until(lambda: [event["command_id"] for event in EventReader(folder.events) if event["type"] == "ack"] == ["b"])
    until(lambda: not run._heart.promising)


class Metric(str, enum.Enum):  # noqa: UP042 - as scripts for older Pythons write it
    LOSS = "train/loss"


class Plain(enum.Enum):
    LOSS = "train/loss"
    SEVENTH = 7


NAMES = [Metric.LOSS, Plain.LOSS, Plain.SEVENTH, None, True, 7, 1.5, 1e22, ("a", 1), b"abc", datetime.date(2020, 1, 1)]


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("number", [0.5, float("nan"), numpy.float32(0.5)], ids=repr)
def test_one_name_is_spelled_alike_whatever_its_number_is(folder: RunDir, name: Any, number: float) -> None:
    with gladius.start() as run:
        run.log({name: number})
    own = name.value if isinstance(name, enum.Enum) else name
    spelled = {None: "null", True: "true"}.get(own, str(own))
    assert [list(row["values"]) for row in rows(folder)] == [[spelled]]
    assert list(json.loads(encode({name: float(number)}))) == [spelled]


def test_a_loss_that_a_plain_enumeration_names_is_looked_at(folder: RunDir) -> None:
    run = gladius.start()
    run.log({Plain.LOSS: 0.5})
    assert run._loop.loss == 0.5
    run.log({Plain.LOSS: float("nan")})
    assert run._loop.suspect == "loss is NaN since step 1"


@pytest.mark.parametrize("taken", [False, True])
def test_a_stream_that_the_script_closed_with_all_its_files_is_opened_again(
    folder: RunDir, until: Until, tmp_path: Path, taken: bool
) -> None:
    run = gladius.start()
    run.log({"train/loss": 1.0})
    with (tmp_path / "theirs").open("w+") as theirs:
        stale = run._events._fd = theirs.fileno() if taken else 1_000_000
        until(lambda: run._events._fd != stale)
        theirs.write("still theirs")
    run.log({"train/loss": 2.0})
    until(lambda: read_training_status(folder.status)["loss"] == 2.0)
    assert [row["values"]["train/loss"] for row in rows(folder)] == [1.0, 2.0]


def test_a_beat_whose_housekeeping_fails_each_time_writes_the_status(folder: RunDir, until: Until) -> None:
    def fail() -> None:
        raise OSError("a disk of theirs")

    run = gladius.start()
    run._heart.each_second = fail
    run.log({"train/loss": 0.25})
    until(lambda: read_training_status(folder.status)["loss"] == 0.25)
