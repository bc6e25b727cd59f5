"""Who did what: one line for each write, sign-in and refusal. Upstream: server. Downstream: logs/audit.jsonl, `gladius audit`."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from gladius.users.asker import Asker
from gladius.wire.users import AuditEntry

_LONGEST_WORD = 200
_BLOCK = 1 << 16
OWNER = "owner"
"""How the home's owner is asked for; no user has this name."""
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
        about: str | None = None,
    ) -> None:
        """Write one line, whole. `route` is the declared one: what stood in its places is `run` and `about`."""
        entry = AuditEntry(
            time=time.time(), name=asker.name if asker else None, role=asker.role if asker else None, caller=caller,
            method=method, route=route, run=_short(run), outcome=outcome, address=address,
            about=_short(about),
        )  # fmt: skip
        line = json.dumps(entry.model_dump(), ensure_ascii=True).encode() + b"\n"
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                end = os.lseek(fd, 0, os.SEEK_END)
                # A disk that was full may have taken half a line; it is ended, so that ours begins a new one.
                if end and os.pread(fd, 1, end - 1) != b"\n":
                    line = b"\n" + line
                while line:
                    line = line[os.write(fd, line) :]
            finally:
                os.close(fd)
            self._failing = False
        except OSError as error:
            if not self._failing:
                _log.error("the audit cannot be written: %s", error)
            self._failing = True


@dataclass(frozen=True)
class Wanted:
    """Which entries are asked for; what is None or False is not asked."""

    name: str | None = None
    """A user or token; OWNER is the one without a name."""
    run: str | None = None
    refused: bool = False
    """What was answered with 400 and more."""
    before: float | None = None
    """Unix seconds."""

    def fits(self, entry: AuditEntry) -> bool:
        """Whether it is one of them."""
        named = self.name is None or (entry.name or (OWNER if entry.role else None)) == self.name
        when = self.before is None or entry.time < self.before
        return named and when and self.run in (None, entry.run) and (entry.outcome >= 400 or not self.refused)


def read_audit(path: Path, wanted: Wanted = Wanted(), limit: int = 50) -> list[AuditEntry]:
    """So many of the entries that fit, the newest first; a damaged line is left out. Raises OSError."""
    found: list[AuditEntry] = []
    for line in _backward(path):
        try:
            entry = AuditEntry.model_validate_json(line)
        except ValidationError:
            continue
        if wanted.fits(entry):
            found.append(entry)
            if len(found) == limit:
                break
    return found


def _backward(path: Path) -> Iterator[bytes]:
    """The lines of a file from its end, so that the newest cost the same however long it has grown."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        place, rest = file.seek(0, os.SEEK_END), b""
        while place > 0:
            size = min(_BLOCK, place)
            place = file.seek(place - size)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            yield from reversed([line for line in lines if line])
        if rest:
            yield rest


def _short(word: str | None) -> str | None:
    return word[:_LONGEST_WORD] if word else None
