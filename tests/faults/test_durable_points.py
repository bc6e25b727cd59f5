"""What is called durable is on the disk: a failed fsync is told, and neither it nor a later one makes good what it lost."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_disk import FaultyDisk

import gladius
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.files import append_line
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise import closing
from gladius.supervise.supervisor import Supervisor
from gladius.supervise.verdict import Verdict

Until = Callable[..., object]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultyDisk:
    return FaultyDisk(tmp_path, monkeypatch)


def _fails_at_fsync(disk: FaultyDisk, work: Callable[[], object]) -> int:
    with disk.counting() as calls:
        work()
    return next(number for number, (kind, _) in enumerate(calls) if kind == "fsync")


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_an_event_whose_fsync_failed_is_never_called_durable(tmp_path: Path, disk: FaultyDisk, error: int) -> None:
    writer = EventWriter(tmp_path / "events.jsonl", 1)
    at = _fails_at_fsync(disk, lambda: writer.write("state", {"state": "preparing"}, durable=True))
    with disk.failing(at, error, lasts=False):
        assert not writer.write("checkpoint", {"step": 1}, durable=True)
    lost = writer._appended - 1
    # The kernel calls the next fsync good; what the failed one was to keep is not made good by that.
    assert writer.write("checkpoint", {"step": 2}, durable=True)
    assert not writer.sync(lost) and writer.sync()
    writer.close()
    events = EventReader(tmp_path / "events.jsonl").read_all()
    assert [event.get("step") for event in events if event["type"] == "checkpoint"] == [1, 2], "it is still readable"
    alerts = [event for event in events if event["type"] == "alert"]
    assert [(one["code"], one["value"]) for one in alerts] == [("events_not_durable", os.strerror(error))]


@pytest.mark.parametrize("call", ["fsync", "stat"])
def test_a_log_call_does_not_wait_for_a_disk_that_hangs(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own write is all that it waits for: what the heart asks of the disk meanwhile may take for ever."""
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    run = gladius.start(total_epochs=1)
    run.log({"train/loss": 1.0}, step=0)
    answer, begun, may_go_on = getattr(os, call), threading.Event(), threading.Event()
    asked = {"fsync": run._events._fd, "stat": run._events.path}[call]

    def hang(target: object, *args: object, **options: object) -> object:
        if target == asked:
            begun.set()
            may_go_on.wait(60)
        return answer(target, *args, **options)

    monkeypatch.setattr(os, call, hang)
    try:
        assert begun.wait(20)
        loop = threading.Thread(target=lambda: [run.log({"train/loss": 0.5}, step=step) for step in range(1, 500)])
        loop.start()
        loop.join(20)
        rows = [event["step"] for event in EventReader(tmp_path / "run" / "events.jsonl") if event["type"] == "metrics"]
        assert rows == list(range(500)), "with the kernel, while the disk does not answer"
    finally:
        may_go_on.set()
        run.finish()


def test_nobody_takes_an_fsync_under_way_for_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EventWriter(tmp_path / "events.jsonl", 1)
    fsync, begun, may_go_on, answers = os.fsync, threading.Event(), threading.Event(), []

    def slow(descriptor: int) -> None:
        begun.set()
        may_go_on.wait(20)
        fsync(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    writer.write("log", {"message": "one"})
    monkeypatch.setattr(os, "fsync", slow)
    heart = threading.Thread(target=writer.sync)
    heart.start()
    begun.wait(20)
    # This event is written while the heart's fsync is under way: only one that begins later can vouch for it.
    loop = threading.Thread(target=lambda: answers.append(writer.write("checkpoint", {"step": 1}, durable=True)))
    loop.start()
    loop.join(0.05)
    assert not answers
    may_go_on.set()
    heart.join()
    loop.join()
    monkeypatch.setattr(os, "fsync", fsync)
    assert answers == [False]
    writer.close()


def test_a_line_that_could_not_be_kept_is_taken_back(tmp_path: Path, disk: FaultyDisk) -> None:
    path = tmp_path / "history.jsonl"
    at = _fails_at_fsync(disk, lambda: append_line(path, b'{"n": 1}\n'))
    with disk.failing(at, errno.EIO, lasts=False), pytest.raises(OSError, match="Input/output"):
        append_line(path, b'{"n": 2}\n')
    assert path.read_bytes() == b'{"n": 1}\n'
    append_line(path, b'{"n": 2}\n')
    assert path.read_bytes() == b'{"n": 1}\n{"n": 2}\n'


def test_a_command_that_was_refused_is_not_in_the_mailbox(tmp_path: Path, disk: FaultyDisk) -> None:
    box = Mailbox(tmp_path / "control")
    box.post(Command("first", "resume", 1))
    with disk.counting() as calls:
        box.post(Command("counted", "resume", 1))
    for at in range(len(calls)):
        refused = False
        with disk.failing(at, errno.EIO, lasts=False):
            try:
                box.post(Command(f"at{at}", "resume", 1))
            except OSError:
                refused = True
        assert refused != (f"at{at}" in {one.id for one in box.all()}), calls[at]


def test_how_a_trainer_ended_is_kept_until_the_disk_takes_it(
    home: Home, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(closing, "DISK_AGAIN_S", 0.01)
    directory = home.new_run("r", {})
    directory.write_attempt(1, {"argv": ["false"], "cwd": str(home.root)})
    supervisor = Supervisor(directory, home, 1)
    with disk.failing(0, errno.ENOSPC, lasts=True, everywhere=True):
        end = threading.Thread(target=lambda: supervisor._exited(Verdict("failed", "exit code 3", code=3)))
        end.start()
        until(lambda: len(disk.failed) > 5)
        assert end.is_alive()
    end.join(20)
    exits = [one for one in EventReader(directory.supervisor_events) if one["type"] == "process"]
    assert [(one["verdict"], one["code"]) for one in exits] == [("failed", 3)]
    assert json.loads(directory.report_json.read_text())["evidence"] == "exit code 3"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
def test_a_training_goes_on_whatever_the_disk_does_and_is_recorded_again_when_it_can(
    home: Home, tmp_path: Path, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch, until: Until, error: int
) -> None:
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    run = gladius.start()
    run.log({"loss": 1.0}, step=0)

    def save(folder: Path) -> None:
        (folder / "weights").write_bytes(b"w" * 100)

    run.on("checkpoint", save)
    with disk.failing(0, error, lasts=True, everywhere=True):
        for step in range(1, 20):
            run.log({"loss": 1.0 / step}, step=step)
            run.boundary(step)
        run.sample(19, [{"text": "a"}])
        run.alert("warning", "x", "y")
        with run.long("validating"):
            assert run.save() is None, "what is not on the disk is no checkpoint"
    run.log({"loss": 0.5}, step=20)
    run.finish()
    events = EventReader(RunDir(tmp_path / "run").events).read_all()
    steps = [one["step"] for one in events if one["type"] == "metrics"]
    lost = [one for one in events if one.get("code") == "events_dropped"]
    assert steps[0] == 0 and steps[-1] == 20 and os.strerror(error) in lost[0]["message"]
    assert [one["state"] for one in events if one["type"] == "state"][-1] == "done"
