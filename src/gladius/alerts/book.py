"""Every alert from its beginning to its end, in memory and in one append-only file. Upstream: watch. Downstream: server.

A line is one write of one record: `{"op": "begin", "alert": {...}}`, or `change`, `end`, `ack` with the alert's `id` and
the fields that are new. A torn last line is skipped. Alerts are found again in the runs' own streams, so only what a
person did (`ack`) is synced to the disk. At most 1,000 alerts are kept, 200 of one run: the oldest that have ended go
first, then the oldest. A file with more than 8,000 lines is written anew with what is kept.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gladius.pulse.files import write_text
from gladius.wire.alerts import AlertRecord

_log = logging.getLogger("gladius.alerts")

MOST = 1_000
MOST_OF_A_RUN = 200
MOST_LINES = 8_000


class Book:
    """The alerts of a home. It has one writer: the server that holds the home's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[str, AlertRecord] = {}
        self._of_run: dict[str, set[str]] = {}
        self._lines = 0
        self._fd = -1
        self._warned = False
        self._behind = False

    # Asking

    def __len__(self) -> int:
        return len(self._records)

    def get(self, id_: str) -> AlertRecord | None:
        """One alert, None when there is none by that id."""
        return self._records.get(id_)

    def of_run(self, run_id: str) -> list[AlertRecord]:
        """The alerts of a run, the newest first."""
        return _newest_first(self._records[id_] for id_ in self._of_run.get(run_id, ()))

    def all(self) -> list[AlertRecord]:
        """All alerts, the newest first."""
        return _newest_first(self._records.values())

    # Opening

    def open(self) -> None:
        """Read the file, and append to it from now on."""
        torn = self._read()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = self._open_file()
        self._behind = self._fd < 0
        if torn:
            self._write(b"\n")

    @property
    def touched_at(self) -> float | None:
        """When a server was last here, by the file's own time; None before the first."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return None

    def touch(self) -> None:
        """Say that a server is here."""
        try:
            os.utime(self.path)
        except OSError as error:
            self._warn(error)
            self._behind = True
        if self._behind:
            self._rewrite()

    def close(self) -> None:
        """Append nothing any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> bool:
        """Take the lines in; returns whether the last one is torn."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return False
        for line in data.split(b"\n"):
            self._lines += bool(line)
            try:
                self._take(json.loads(line)) if line else None
            except (ValueError, KeyError, TypeError, AttributeError):
                _log.info("a damaged line of %s is left out", self.path)
        return not data.endswith(b"\n") and bool(data)

    def _take(self, line: dict[str, Any]) -> None:
        op = line.pop("op")
        if op == "begin":
            self._keep(AlertRecord.model_validate(line["alert"]))
        elif op == "drop":
            self._drop_run(line["run_id"])
        else:
            known = self._records.get(line.pop("id"))
            if known is not None:
                self._keep(AlertRecord.model_validate({**known.model_dump(), **line}))

    # Writing

    def begin(self, alert: AlertRecord) -> bool:
        """Enter a new alert; False where it would be the first to go."""
        kept = self._keep(alert)
        if kept:
            self._append({"op": "begin", "alert": alert.model_dump(mode="json")})
        return kept

    def update(self, op: str, id_: str, **fields: Any) -> AlertRecord:
        """Note what is new of an alert: `change`, `end` or `ack`; returns it as it stands now."""
        alert = self._records[id_].model_copy(update=fields)
        self._keep(alert)
        self._append({"op": op, "id": id_, **alert.model_dump(mode="json", include=set(fields))}, durable=op == "ack")
        return alert

    def drop_run(self, run_id: str) -> None:
        """Forget the alerts of a run that is no more."""
        if self._of_run.get(run_id):
            self._drop_run(run_id)
            self._append({"op": "drop", "run_id": run_id})

    def _keep(self, alert: AlertRecord) -> bool:
        new = alert.id not in self._records
        self._records[alert.id] = alert
        ids = self._of_run.setdefault(alert.run_id, set())
        ids.add(alert.id)
        if new and len(ids) > MOST_OF_A_RUN:
            self._drop(_least(self._records[id_] for id_ in ids))
        if new and len(self._records) > MOST:
            self._drop(_least(self._records.values()))
        return alert.id in self._records

    def _drop(self, alert: AlertRecord) -> None:
        del self._records[alert.id]
        self._of_run[alert.run_id].discard(alert.id)

    def _drop_run(self, run_id: str) -> None:
        for id_ in self._of_run.pop(run_id, ()):
            del self._records[id_]

    def _append(self, line: dict[str, Any], durable: bool = False) -> None:
        self._lines += 1
        if self._lines > MOST_LINES or self._behind:
            self._rewrite()
            return
        self._write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        if durable and self._fd >= 0:
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._warn(error)
                self._behind = True

    def _write(self, data: bytes) -> None:
        try:
            while data and self._fd >= 0:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            # A full disk is what somebody must be told of: the book goes on in memory, and is written anew when it can be.
            self._warn(error)
            self._behind = True

    def _rewrite(self) -> None:
        """Write the file anew, in one rename, with what is kept."""
        alerts = reversed(self.all())
        lines = [
            json.dumps({"op": "begin", "alert": one.model_dump(mode="json")}, ensure_ascii=False) for one in alerts
        ]
        try:
            write_text(self.path, "".join(line + "\n" for line in lines))
        except OSError as error:
            self._warn(error)
            return
        self.close()
        self._fd = self._open_file()
        self._lines = len(lines)
        self._behind = self._fd < 0
        self._warned = self._behind

    def _open_file(self) -> int:
        try:
            return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            self._warn(error)
            return -1

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("cannot write %s: %s; alerts are kept in memory only", self.path, error.strerror)


def _newest_first(alerts: Iterable[AlertRecord]) -> list[AlertRecord]:
    return sorted(alerts, key=lambda one: (one.began_at, one.id), reverse=True)


def _least(alerts: Iterable[AlertRecord]) -> AlertRecord:
    """The one to go first: the oldest notice, then the oldest that has ended, then the oldest."""
    found: AlertRecord = min(alerts, key=lambda one: (one.ended_at is None, one.level != "info", one.began_at, one.id))
    return found
