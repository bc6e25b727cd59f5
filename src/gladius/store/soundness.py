"""Is the home well: its disk, its history, its runs' own files. Upstream: files. Downstream: server, `gladius doctor`.

A look writes nothing, so that an idle server leaves the disk alone; only after a write that failed is one tried, until it succeeds.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gladius.errors import DiskFailed, DiskFull, GladiusError, HomeGone, RunUnreadable
from gladius.pulse.control import Mailbox
from gladius.pulse.files import write_text
from gladius.pulse.plain_file import small
from gladius.pulse.rundir import Home, RunDir
from gladius.store.history import HistoryCheck
from gladius.wire.home import HomeProblem

FRESH_S = 2.0
"""Who asks within so many seconds of another gets the same."""
LEAST_BYTES = 1 << 16
_MOST = 50


class Soundness:
    """What is wrong with a home now. `problems` touches files, and may wait for a disk: call it in a thread."""

    def __init__(self, home: Home, unreadable: Callable[[], Mapping[str, str]]) -> None:
        self._home = home
        self._unreadable = unreadable
        self._history = HistoryCheck(home.history)
        self._guard = threading.Lock()
        self._looked = float("-inf")
        self._found: list[HomeProblem] = []
        self._doubted = False

    def doubt(self) -> None:
        """A write has failed: until one succeeds, no look is enough."""
        self._doubted = True
        self._looked = float("-inf")

    def problems(self) -> list[HomeProblem]:
        """The worst first, at most fifty."""
        with self._guard:
            if time.monotonic() - self._looked > FRESH_S:
                self._found = list(self._look())[:_MOST]
                self._looked = time.monotonic()
            return self._found

    def _look(self) -> Iterator[HomeProblem]:
        trouble = disk_trouble(self._home)
        if trouble is None and self._doubted:
            trouble = _tried(self._home)
            self._doubted = trouble is not None
        if trouble is not None:
            yield problem_of(trouble, self._home.root)
        yield from unreadable_runs(self._home, self._unreadable())
        with contextlib.suppress(OSError):
            yield from damaged_lines(self._history)


def all_problems(home: Home) -> Iterator[HomeProblem]:
    """Every problem of a home, without a server: each run's own files are read for it. Raises OSError."""
    if (trouble := disk_trouble(home)) is not None:
        yield problem_of(trouble, home.root)
        if isinstance(trouble, HomeGone):
            return
    runs = list(home.all_runs())
    reasons = ((run.run_id, why_unreadable(run)) for run in runs)
    yield from unreadable_runs(home, {run_id: reason for run_id, reason in reasons if reason is not None})
    yield from damaged_lines(HistoryCheck(home.history))
    for run in runs:
        yield from damaged_commands(run)


def disk_trouble(home: Home) -> GladiusError | None:
    """Why nothing can be written to the home now, as far as that can be seen without writing."""
    try:
        os.scandir(home.runs).close()
        if os.name == "nt":
            return None
        info = os.statvfs(home.root)
    except (FileNotFoundError, NotADirectoryError):
        return HomeGone(str(home.root))
    except OSError as error:
        return DiskFailed(str(home.root), os.strerror(error.errno or errno.EIO))
    if info.f_flag & os.ST_RDONLY:
        return DiskFailed(str(home.root), os.strerror(errno.EROFS))
    if info.f_bavail * info.f_frsize < LEAST_BYTES or (info.f_files and not info.f_favail):
        return DiskFull(str(home.root))
    if not os.access(home.state, os.W_OK | os.X_OK):
        return DiskFailed(str(home.state), os.strerror(errno.EACCES))
    return None


def problem_of(error: GladiusError, place: Path) -> HomeProblem:
    """An error as something that lasts."""
    return HomeProblem.model_validate({
        "code": error.code, "level": "trouble", "file": str(place), "message": error.message, "hint": error.hint,
    })  # fmt: skip


def why_unreadable(run: RunDir) -> str | None:
    """Why a run's run.json cannot be read; None when it can, or is not there."""
    try:
        with open(run.run_json, encoding="utf-8", opener=small) as file:
            found = json.load(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        return os.strerror(error.errno or errno.EIO)
    except (ValueError, RecursionError):
        return "it is no JSON"
    return None if isinstance(found, dict) else "it is no JSON object"


def unreadable_runs(home: Home, reasons: Mapping[str, str]) -> Iterator[HomeProblem]:
    """The runs that cannot be listed, by the reason of each."""
    for run_id, reason in sorted(reasons.items()):
        path = home.run(run_id).run_json
        error = RunUnreadable(run_id, str(path), reason)
        yield HomeProblem(
            code="run_unreadable", level="attention", file=str(path), message=error.message, hint=error.hint
        )


def damaged_lines(history: HistoryCheck) -> Iterator[HomeProblem]:
    """The lines of the history that are left out. Raises OSError."""
    for number in history.damaged():
        yield HomeProblem(
            code="damaged_line", level="attention", file=str(history.path), line=number,
            message=f"{history.path}, line {number} is damaged and left out.",
            hint="The other lines are used. Mend this one, or take it out.",
        )  # fmt: skip


def damaged_commands(run: RunDir) -> Iterator[HomeProblem]:
    """The files of a run's mailbox that are no commands."""
    for mailbox in (Mailbox(run.control), Mailbox(run.supervisor_control)):
        mailbox.scan()
        yield from (_no_command(Path(mailbox.folder) / name) for name in mailbox.damaged)


def _no_command(path: Path) -> HomeProblem:
    return HomeProblem(
        code="damaged_command", level="attention", file=str(path), message=f"{path} is no command and is passed over.",
        hint="Take the file away, and give the command again.",
    )  # fmt: skip


def _tried(home: Home) -> GladiusError | None:
    """Write a little, and take it away again."""
    path = home.state / f".sound-{os.getpid()}"
    try:
        write_text(path, "x" * 4096)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(str(home.root))
        return DiskFailed(str(home.root), os.strerror(error.errno or errno.EIO))
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return None
