"""How far an indexing is, in a file that anyone may read. Upstream: job. Downstream: indexer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from gladius.pulse import atomic_write_json
from gladius.wire.knowledge import IndexPhase, IndexState

_EVERY_S = 0.2


class Progress:
    """Written at most five times a second, and at once when the state changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0.0
        self._head: dict[str, Any] = {
            "state": "running", "message": "", "hint": "", "started_at": time.time(), "ended_at": None,
        }  # fmt: skip
        self._now: dict[str, Any] = {}
        self.begin("looking", None, None)

    def begin(self, phase: IndexPhase, files: int | None, size: int | None) -> None:
        """A part of the work begins."""
        skipped = self._now.get("skipped", 0)
        self._now = {
            "phase": phase, "files_total": files, "files_done": 0, "bytes_total": size, "bytes_done": 0, "current": None,
            "skipped": skipped,
        }  # fmt: skip
        self._write()

    def at(self, path: str) -> None:
        """This file is next."""
        self._now["current"] = path
        self.tick()

    def done(self, size: int = 0, skipped: bool = False) -> None:
        """One file more."""
        self._now["files_done"] += 1
        self._now["bytes_done"] += size
        self._now["skipped"] += skipped

    def end(self, state: IndexState, message: str = "") -> None:
        """It is over."""
        self._head |= {"state": state, "message": message, "ended_at": time.time()}
        self._now["current"] = None
        self._write()

    def tick(self) -> None:
        """Write it when the last time is long enough ago."""
        if time.monotonic() - self._written >= _EVERY_S:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        atomic_write_json(self._path, {**self._head, "progress": self._now})
