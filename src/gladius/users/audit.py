"""Who did what: one line for each write, sign-in and refusal. Upstream: server. Downstream: logs/audit.jsonl, `gladius audit`."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from pathlib import Path

from pydantic import ValidationError

from gladius.users.asker import Asker
from gladius.wire.users import AuditEntry

_LONGEST_WORD = 200
_log = logging.getLogger("gladius.users")


class Audit:
    """Appends; what cannot be written is told once in the server's log and keeps nobody from working."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failing = False

    def note(
        self,
        asker: Asker | None,
        caller: str,
        method: str,
        route: str,
        run: str | None,
        outcome: int,
        address: str | None,
    ) -> None:
        """Write one line, whole. `route` is the declared one, so that no value but the run's name is in it."""
        entry = AuditEntry(
            time=time.time(), name=asker.name if asker else None, role=asker.role if asker else None, caller=caller,
            method=method, route=route, run=run[:_LONGEST_WORD] if run else None, outcome=outcome, address=address,
        )  # fmt: skip
        line = json.dumps(entry.model_dump(), ensure_ascii=True).encode() + b"\n"
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                os.write(fd, line)
            finally:
                os.close(fd)
            self._failing = False
        except OSError as error:
            if not self._failing:
                _log.error("the audit cannot be written: %s", error)
            self._failing = True


def read_audit(path: Path, name: str | None = None, limit: int = 50) -> list[AuditEntry]:
    """The newest entries, oldest first, of one user or token or of all; a damaged line is left out."""
    found: deque[AuditEntry] = deque(maxlen=limit)
    try:
        with path.open("rb") as lines:
            for line in lines:
                try:
                    entry = AuditEntry.model_validate_json(line)
                except ValidationError:
                    continue
                if name is None or entry.name == name:
                    found.append(entry)
    except FileNotFoundError:
        return []
    return list(found)
