"""The trainer's process is signalled only while it is that very process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gladius.pulse.identity import Identity, process_state
from gladius.supervise.machine import with_descendants
from gladius.supervise.process import Trainer


@pytest.fixture
def spawn_trainer() -> Iterator[Callable[..., Trainer]]:
    """Start trainers; none is left, dead or alive."""
    spawned = []

    def start(folder: Path, *argv: str) -> Trainer:
        spawned.append(Trainer.spawn(list(argv), os.environ, folder, folder / "console.log"))
        return spawned[-1]

    yield start
    for one in spawned:
        one.signal_group(signal.SIGKILL)
        assert one.wait(20)
        one.reap()


@pytest.fixture
def stranger(spawn: Callable[..., subprocess.Popen[str]]) -> subprocess.Popen[str]:
    return spawn("sleep", "60")


def changed(identity: Identity, **fields: Any) -> Identity:
    found = Identity.from_dict({**identity.as_dict(), **fields})
    assert found is not None
    return found


def test_a_childs_code_is_learnt(spawn_trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    for script, code in (("exit 3", 3), ("kill -TERM $$", -signal.SIGTERM), ("true", 0)):
        trainer = spawn_trainer(tmp_path, "sh", "-c", script)
        assert trainer.is_child
        while not trainer.wait(1):
            pass
        assert trainer.code == code
        assert not trainer.signal_group(signal.SIGTERM)


def test_waiting_without_a_pidfd_works_too(
    spawn_trainer: Callable[..., Trainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    trainer = spawn_trainer(tmp_path, "sh", "-c", "sleep 0.2; exit 4")
    assert not trainer.wait(0.01)
    assert trainer.wait(5)
    assert trainer.code == 4


def test_a_child_that_ended_at_once_is_not_missed(spawn_trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    for _ in range(20):
        trainer = spawn_trainer(tmp_path, "true")
        assert trainer.wait(5)
        assert trainer.code == 0


@pytest.mark.parametrize("field", [{"start_time": 1.0}, {"boot_id": "another"}, {"host": "node17"}])
def test_a_pid_that_was_given_away_is_not_signalled(stranger: subprocess.Popen[str], field: dict[str, Any]) -> None:
    known = changed(Identity.of(stranger.pid), **field)
    trainer = Trainer(known, None)
    assert not trainer.signal_group(signal.SIGKILL)
    trainer.kill_leftovers()
    assert stranger.poll() is None
    assert trainer.ended is ("host" not in field), "of another host's process nothing is concluded"
    if "host" in field:
        stranger.kill()
        stranger.wait()
        assert not trainer.wait(0.05)


def test_an_adopted_process_is_awaited_and_signalled_without_its_code(stranger: subprocess.Popen[str]) -> None:
    trainer = Trainer(Identity.of(stranger.pid), None)
    assert not trainer.is_child
    assert trainer.session == stranger.pid
    assert not trainer.wait(0.01)
    assert trainer.signal_group(signal.SIGSTOP)
    assert trainer.signal_group(signal.SIGCONT)
    assert trainer.signal_group(signal.SIGTERM)
    assert trainer.wait(5)
    assert trainer.code is None
    stranger.wait()


def test_a_suspended_process_is_seen_as_such(
    spawn_trainer: Callable[..., Trainer], tmp_path: Path, until: Callable[..., Any]
) -> None:
    trainer = spawn_trainer(tmp_path, "sleep", "60")
    assert not trainer.suspended
    trainer.signal_group(signal.SIGSTOP)
    until(lambda: trainer.suspended)
    trainer.signal_group(signal.SIGKILL)
    until(lambda: trainer.wait(0.1))
    assert not trainer.suspended


def test_a_launchers_workers_are_suspended_and_killed_though_each_has_a_session_of_its_own(
    spawn_trainer: Callable[..., Trainer], tmp_path: Path, until: Callable[..., Any]
) -> None:
    workers = "import subprocess; [subprocess.Popen(['sleep', '60'], start_new_session=True) for _ in '12'][0].wait()"
    trainer = spawn_trainer(tmp_path, sys.executable, "-c", workers)
    pids = until(lambda: (found := with_descendants({trainer.identity.pid})) and len(found) == 3 and found)
    for number, state in ((signal.SIGSTOP, "T"), (signal.SIGCONT, "S"), (signal.SIGKILL, None)):
        assert trainer.signal_group(number)
        until(lambda state=state: {process_state(pid) for pid in pids} <= ({state} if state else {None, "Z"}))
    assert trainer.wait(5)


def test_a_command_that_is_not_there_raises(spawn_trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn_trainer(tmp_path, "no-such-command-anywhere")


def test_who_has_ended_keeps_its_number_until_it_is_let_go(
    spawn_trainer: Callable[..., Trainer], tmp_path: Path, until: Callable[..., Any]
) -> None:
    trainer = spawn_trainer(tmp_path, "sh", "-c", "sleep 60 & echo $!; kill -9 $$")
    assert trainer.wait(20)
    pid, worker = trainer.identity.pid, int((tmp_path / "console.log").read_text())
    assert process_state(pid) == "Z" and not trainer.identity.alive()
    trainer.kill_leftovers()
    until(lambda: process_state(worker) in (None, "Z"))
    trainer.reap()
    assert process_state(pid) is None
    assert trainer.code == -signal.SIGKILL
