"""Pid 1 of a namespace: gives the numbers of processes that ended to strangers, and has the console signal whom it knew.

`unshare --pid --fork --mount-proc python pid_reuse.py FOLDER ROUNDS`. A stranger is `cat` in a group of its own: who echoes a
line lives and was not stopped. Ends with an AssertionError where a stranger was hit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.cli.run import Follower
from gladius.flows.steps import command
from gladius.flows.warden import Papers
from gladius.knowledge.folder import IndexFolder
from gladius.knowledge.indexer import Indexer
from gladius.launch import probe
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity, process_state, start_time
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from gladius.pulse.signals import send, send_group
from gladius.supervise.process import Trainer
from pulse_wrapper import atomic_write_json

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class House:
    """A home whose records name a process; `signals` are the ways in which the console would signal it."""

    def __init__(self, folder: Path) -> None:
        home = Home(folder)
        home.create()
        self._run = home.new_run("reuse", {"source": "manual"}, "Queued")
        self._stream = EventWriter(self._run.supervisor_events, 1)
        self._papers = Papers(folder, "step-1")
        self._index = IndexFolder(home, "documents")
        self._index.root.mkdir(parents=True)
        atomic_write_json(
            self._index.request, {"id": "documents", "name": "documents", "path": str(folder), "options": {}}
        )
        self._lock = FileLock(self._index.lock)
        self._lock.acquire()
        self._indexer = Indexer(home, Datasets(home.state, Roots([folder])))
        self._follower = Follower(home, self._run, 1)

    def signals(self, known: Identity) -> list[Callable[[], object]]:
        """Write down `known` wherever a process is named, and return what would signal it."""
        self._stream.write("process", {"event": "started", **known.as_dict()})
        for paper in (self._papers.begun, self._papers.child):
            atomic_write_json(paper, known.as_dict())
        Path(self._index.lock).write_text(json.dumps(known.as_dict()))
        self._follower.trainer = known
        trainer, nobody = Trainer(known, None), known._replace(start_time=None)
        return [
            lambda: send(known, signal.SIGKILL),
            lambda: send(nobody, signal.SIGKILL),
            lambda: send_group(known, signal.SIGKILL),
            lambda: send_group(nobody, signal.SIGKILL),
            lambda: trainer.signal_group(signal.SIGKILL),
            trainer.kill_leftovers,
            lambda: Trainer.kill_ranks([known, nobody]),
            lambda: command._stop(self._papers, signal.SIGKILL),
            self._follower.interrupt,
            lambda: self._indexer.cancel("documents"),
            lambda: probe._kill(self._run),
        ]


def stranger(pid: int | None = None) -> subprocess.Popen[bytes]:
    """Somebody else, by this very number where one is given and it is free."""
    if pid is not None:
        LAST_PID.write_text(str(pid - 1))
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def assert_unharmed(process: subprocess.Popen[bytes], after: object) -> None:
    """It echoes, so no signal reached it."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(b"here\n")
        process.stdin.flush()
        assert process_state(process.pid) not in ("T", "t")
        assert process.stdout.readline() == b"here\n"
    except (BrokenPipeError, AssertionError):
        raise AssertionError(f"a stranger was hit by {after}") from None


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def reused(house: House) -> None:
    """One number, known as a process that is gone, and now another's."""
    gone = stranger()
    known = Identity.of(gone.pid)
    assert known.alive()
    while time.clock_gettime(time.CLOCK_BOOTTIME) < (known.start_time or 0) + 2 * _TICK_S:
        pass  # a process is known by the hundredth of a second in which it began
    end(gone)
    other = stranger(gone.pid)
    assert other.pid == gone.pid and start_time(other.pid) != known.start_time
    for signals in house.signals(known):
        signals()
        assert_unharmed(other, signals)
    end(other)


def left_behind(folder: Path) -> None:
    """A trainer that was killed, and its worker: the worker is ended, and nobody who would have the number by then."""
    trainer = Trainer.spawn(["sh", "-c", "sleep 60 & echo $!; kill -9 $$"], os.environ, folder, folder / "console.log")
    while not trainer.wait(1):
        pass
    number = trainer.identity.pid
    worker = int((folder / "console.log").read_text().split()[-1])
    os.kill(worker, signal.SIGKILL)
    reap(worker)
    other = stranger(number)
    trainer.kill_leftovers()
    assert_unharmed(other, "kill_leftovers")
    assert other.pid != number, "the number was free before the leftovers were ended"
    trainer.reap()
    end(other)


def reap(pid: int) -> None:
    """Orphans of this namespace are ours."""
    os.waitpid(pid, 0)


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    house = House(folder)
    for _ in range(rounds):
        reused(house)
        left_behind(folder)
    left = [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]
    assert not left, f"not reaped: {left}"
    print(rounds)


if __name__ == "__main__":
    main()
