"""What reading a dataset told, remembered while its files stay. Upstream: dataset_check. Downstream: datasets.

What is large is read by a process beside the server, one after the other.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gladius.catalog.dataset_check import check
from gladius.integrations.record_files import parts
from gladius.pulse import atomic_write_json, safe_read_json
from gladius.pulse.plain_file import settled
from gladius.wire.datasets import DatasetReport

AT_ONCE = 16 * 2**20
"""Bytes that a person waits for; what is more is read beside the server while a sample is shown."""
SAMPLE = 200
_VERSION = 3
"""Of what is remembered: another check reads every file again."""
_FAILED = (
    "The process that read it ended early ({}). It is read again when the file changes, or the server starts anew."
)

Stamp = list[Any]


@dataclass(frozen=True)
class Look:
    """What is known of a dataset now. While it is `counting`, the report is that of its first records alone."""

    bytes: int | None
    report: DatasetReport
    counting: bool = False


class Patience:
    """How many bytes somebody waits for; None waits for all."""

    def __init__(self, size: int | None = AT_ONCE) -> None:
        self._left = size

    def has(self, size: int) -> bool:
        """Whether so many more are waited for; if so they are taken off."""
        if self._left is None:
            return True
        if size > self._left:
            return False
        self._left -= size
        return True


class Memory:
    """Reports by path, time stamps and sizes, kept on the disk. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Any] = safe_read_json(path) or {}
        self._used: set[str] = set()
        self._changed = False
        self._lock = threading.Lock()
        self._samples: dict[str, tuple[Stamp, DatasetReport]] = {}
        self._ahead: dict[str, Stamp] = {}
        self._orders: queue.SimpleQueue[tuple[Path, str, Stamp]] = queue.SimpleQueue()
        self._counter: threading.Thread | None = None

    def look(self, path: Path, patience: Patience) -> Look:
        """What is known of a file or folder; it is read now if there is the patience, else beside the server."""
        key = settled(path)
        try:
            stats = [(part.name, part.stat()) for part in parts(path)]
        except OSError as error:
            problem = f"{path}: {error.strerror}."
            return Look(None, DatasetReport(path=str(path), format="unknown", records=0, problem=problem))
        stamp: Stamp = [_VERSION, *([name, stat.st_mtime_ns, stat.st_size] for name, stat in stats)]
        size = sum(stat.st_size for _, stat in stats)
        known = self._known(key, stamp)
        if known is not None:
            return Look(size, known)
        if patience.has(size):
            report = check(path)
            self._keep(key, stamp, report)
            return Look(size, report)
        return Look(size, self._begun(path, key, stamp), counting=True)

    def save(self, whole: bool = False) -> None:
        """Write what changed; after a look at the `whole` without what is gone. A disk that is full costs only time later."""
        with self._lock:
            gone = set(self._seen) - self._used if whole else set()
            if whole:
                self._used.clear()
            if not self._changed and not gone:
                return
            self._seen = {key: value for key, value in self._seen.items() if key not in gone}
            # What could not be read is tried again by the next server.
            lasting = {key: one for key, one in self._seen.items() if not _unreadable(one)}
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                atomic_write_json(self._path, lasting)
                self._changed = False
            except OSError:
                return

    def _known(self, key: str, stamp: Stamp) -> DatasetReport | None:
        with self._lock:
            self._used.add(key)
            known = self._seen.get(key)
        if isinstance(known, dict) and known.get("stamp") == stamp:
            with contextlib.suppress(ValidationError):
                return DatasetReport.model_validate(known.get("report"))
        return None

    def _keep(self, key: str, stamp: Stamp, report: DatasetReport) -> None:
        # What a missing package or a right kept from being read may be readable the next time.
        if "unreadable" in report.counts:
            return
        with self._lock:
            self._seen[key] = {"stamp": stamp, "report": report.model_dump()}
            self._changed = True

    def _begun(self, path: Path, key: str, stamp: Stamp) -> DatasetReport:
        """Have it read beside the server, once; meanwhile its first records stand for it."""
        with self._lock:
            sampled = self._samples.get(key)
            if self._ahead.get(key) != stamp:
                self._ahead[key] = stamp
                self._orders.put((path, key, stamp))
            if self._counter is None:
                self._counter = threading.Thread(target=self._count, name="gladius-datasets", daemon=True)
                self._counter.start()
        if sampled is None or sampled[0] != stamp:
            sampled = stamp, check(path, SAMPLE)
            with self._lock:
                self._samples[key] = sampled
        return sampled[1]

    def _count(self) -> None:
        """One after the other, for ever: a disk is read fastest by one."""
        while True:
            path, key, stamp = self._orders.get()
            if self._ahead.get(key) != stamp:
                continue  # it grew since: its newest state is asked for too
            report = read_beside(path)
            with self._lock:
                self._seen[key] = {"stamp": stamp, "report": report.model_dump()}
                self._changed = True
                if self._ahead.get(key) == stamp:
                    del self._ahead[key]
                    self._samples.pop(key, None)
            self.save()


def _unreadable(kept: Any) -> bool:
    try:
        return "unreadable" in kept["report"]["counts"]
    except (KeyError, TypeError):
        return False


def read_beside(
    path: Path, command: Sequence[str] = (sys.executable, "-m", "gladius.catalog.dataset_check")
) -> DatasetReport:
    """Read a dataset through in a process of its own, which ends with this one; never raises."""
    how = "it did not start"
    try:
        # Its stdin stays open as long as this process lives: that is how it knows.
        with subprocess.Popen(
            [*command, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as reader:
            assert reader.stdout is not None
            told = reader.stdout.read()
            how = f"exit code {reader.wait()}"
        return DatasetReport.model_validate_json(told)
    except (OSError, ValueError):
        problem = _FAILED.format(how)
        return DatasetReport(
            path=str(path), format="unknown", records=0, problem=problem, counts={"unreadable": 1}, total=1, errors=1
        )
