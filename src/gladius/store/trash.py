"""Deleted runs: whole directories under another name in `<home>/trash/runs`. Upstream: store. Downstream: the disk.

A run goes there and comes back by one rename, so that at any instant it is in one place or the other, and whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius.errors import LockHeld, RunBusy, RunExists, TrashElsewhere, TrashNotFound
from gladius.pulse.lock import FileLock, is_held
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import Home, RunDir
from gladius.store.summary import reference
from gladius.wire.runs import TrashedRun

_ENTRY = re.compile(r"(?P<run_id>.+)~(?P<ms>\d{13,})\Z")
_GOING = ".going-"


class Trash:
    """The trash of one home. Its methods touch the disk; call them in a thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._folder = home.trashed_runs
        self._parents: dict[str, str | None] = {}

    def put(self, run: RunDir) -> TrashedRun:
        """Take a run that has ended out of the runs; raises RunBusy when a process takes it up, TrashElsewhere, OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = int(time.time() * 1000)
        while (place := self._folder / f"{run.run_id}~{moment}").exists():
            moment += 1
        with _nobody_at(run):
            _move(run.root, place)
        return _told(place)

    def entries(self) -> list[TrashedRun]:
        """What was deleted, last first."""
        return sorted((_told(place) for place in self._places()), key=lambda one: one.deleted_at, reverse=True)

    def restore(self, entry: str) -> str:
        """Put a run back under its id, which is returned; raises TrashNotFound, RunExists, TrashElsewhere, OSError."""
        place = self._place(entry)
        run = self._home.run(_run_id(place))
        if os.path.lexists(run.root):
            raise RunExists(run.run_id)
        _move(place, run.root)
        return run.run_id

    def empty(self, entry: str) -> None:
        """Remove a deleted run for good; links are removed, never what they lead to. Raises TrashNotFound, OSError."""
        place = self._place(entry)
        going = self._folder / f"{_GOING}{entry}"
        # Out of the list at once: half a run must never come back.
        place.rename(going)
        _remove(going)

    def sweep(self) -> None:
        """Go on with what a server that was killed had begun to remove."""
        with contextlib.suppress(OSError):
            for path in self._folder.glob(f"{_GOING}*"):
                _remove(path)

    def holds(self, run_id: str) -> bool:
        """Whether a run of that id was deleted and is still there."""
        return any(_run_id(place) == run_id for place in self._places())

    def children(self, run_id: str) -> list[str]:
        """The deleted runs that were forked from this one, oldest first."""
        places = {place.name: place for place in self._places()}
        self._parents = {name: parent for name, parent in self._parents.items() if name in places}
        for name in places.keys() - self._parents.keys():
            parent = (read_object(RunDir(places[name]).run_json) or {}).get("parent")
            self._parents[name] = parent.get("run_id") if isinstance(parent, dict) else None
        return sorted(_run_id(places[name]) for name, parent in self._parents.items() if parent == run_id)

    def _places(self) -> Iterator[Path]:
        try:
            places = list(self._folder.iterdir())
        except OSError:
            return
        yield from (place for place in places if _ENTRY.fullmatch(place.name) and not place.name.startswith("."))

    def _place(self, entry: str) -> Path:
        """Only what is listed is ever touched, so no path can be smuggled in."""
        found = next((place for place in self._places() if place.name == entry), None)
        if found is None:
            raise TrashNotFound(entry)
        return found


@contextlib.contextmanager
def _nobody_at(run: RunDir) -> Iterator[None]:
    """Hold the locks that whoever starts this run would need; raises RunBusy."""
    with contextlib.ExitStack() as held:
        for path in (run.launch_lock, run.supervisor_lock):
            if path.parent.is_symlink():
                continue  # it leads elsewhere, and nobody launches anything there
            lock = FileLock(path)
            try:
                lock.acquire()
            except FileNotFoundError:
                continue  # its folder is not there, so nobody can hold it
            except LockHeld as error:
                raise _busy(run) from error
            held.callback(lock.release)
        if is_held(run.trainer_lock):
            # Only looked at: the file goes on to name the trainer that held it last.
            raise _busy(run)
        yield


def _busy(run: RunDir) -> RunBusy:
    return RunBusy(f"A process of run '{run.run_id}' is there still.", "'gladius stop RUN --force' ends it.")


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise TrashElsewhere(str(source), str(target.parent)) from error
        raise


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)


def _run_id(place: Path) -> str:
    return place.name.rpartition("~")[0]


def _told(place: Path) -> TrashedRun:
    run: dict[str, Any] = read_object(RunDir(place).run_json) or {}
    annotations = RunDir(place).read_annotations()
    name, created = annotations.get("name") or run.get("name"), run.get("created_at")
    return TrashedRun(
        entry=place.name,
        run_id=_run_id(place),
        name=name if isinstance(name, str) else _run_id(place),
        created_at=created if isinstance(created, int | float) else None,
        deleted_at=int(place.name.rpartition("~")[2]) / 1000,
        profile_id=reference(run.get("profile")),
        dataset_id=reference(run.get("dataset")),
    )
