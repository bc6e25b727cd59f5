"""Read the history of ended attempts. Upstream: training_runs.jsonl, written by supervisors. Downstream: server, scripts."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from gladius.pulse.rundir import Home
from gladius.store.stream import decode_event
from gladius.wire.runs import HistoryEntry

_log = logging.getLogger("gladius.store")

_MOST_WARNED = 1000


def get_training_history(
    limit: int | None = None, home: str | os.PathLike[str] | Home | None = None
) -> list[HistoryEntry]:
    """Return how each training ended, newest first, at most `limit`; [] when nothing was trained yet.

    It needs no server. `home` is GLADIUS_HOME, or the platform's own, unless given.
    """
    house = home if isinstance(home, Home) else Home(home)
    return read_history(house.history, limit)


_warned: set[tuple[Path, int]] = set()


def _warn_once(path: Path, number: int) -> None:
    if (path, number) not in _warned and len(_warned) < _MOST_WARNED:
        _warned.add((path, number))
        _log.warning("%s, line %d is damaged and left out", path, number)


class HistoryCheck:
    """Finds the lines that are none, reading each line once as the file grows. Only one thread may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin()

    def _begin(self) -> None:
        self._mark: tuple[int, int, int] | None = None
        self._read = self._lines = 0
        self._found: list[int] = []

    def damaged(self) -> list[int]:
        """The numbers of the damaged lines as the file is now; [] where there is no file. Raises OSError."""
        try:
            info = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._begin()
            return []
        mark = (info.st_ino, info.st_size, info.st_mtime_ns)
        if mark == self._mark:
            return self._found
        if self._mark is None or mark[0] != self._mark[0] or info.st_size <= self._mark[1]:
            self._begin()  # changed within, not only longer
        with self.path.open("rb") as file:
            file.seek(self._read)
            *lines, _ = file.read().split(b"\n")
        for number, line in enumerate(lines, self._lines + 1):
            if line and not _is_entry(line):
                self._found.append(number)
        self._read += sum(map(len, lines)) + len(lines)
        self._lines += len(lines)
        self._mark = mark
        # What has no newline yet is being written.
        return self._found


def _is_entry(line: bytes) -> bool:
    try:
        HistoryEntry.model_validate(decode_event(line))
    except (ValueError, RecursionError):
        return False
    return True


def read_history(path: Path, limit: int | None = None) -> list[HistoryEntry]:
    """Return the last line of each training, newest first; [] when there is no file. Lines that are none are skipped."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    newest: dict[str, HistoryEntry] = {}
    for number, line in zip(range(len(lines), 0, -1), reversed(lines), strict=True):
        if limit is not None and len(newest) >= limit:
            break
        try:
            entry = HistoryEntry.model_validate(decode_event(line))
        except (ValueError, RecursionError):
            if line:
                _warn_once(path, number)
            continue
        newest.setdefault(entry.training_id, entry)
    return list(newest.values())
