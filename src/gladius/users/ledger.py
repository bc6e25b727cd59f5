"""A small JSON file that several processes read and change. Upstream: files of the home. Downstream: book, sessions."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius.pulse.lock import FileLock
from pulse_wrapper import atomic_write_json

_PATIENCE_S = 5.0


class Ledger:
    """Read again when it has changed, written whole, under a lock, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._held: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """What it holds now, not to be changed; {} when it is not there. Raises OSError, ValueError."""
        try:
            told = self.path.stat()
        except FileNotFoundError:
            if not self.path.parent.is_dir():
                return self._held  # the home is away, which changes nobody's rights
            self._seen, self._held = None, {}
            return self._held
        mark = (told.st_ino, told.st_mtime_ns, told.st_size)
        if mark != self._seen:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            if not isinstance(held, dict):
                raise ValueError("it is no JSON object")
            # The mark is older than what was read: a change in between is read again.
            self._seen, self._held = mark, held
        return self._held

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Give what it holds to be changed, and write it unless an error came. Raises LockHeld, OSError, ValueError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        lock.acquire(_PATIENCE_S)
        try:
            held = copy.deepcopy(self.read())
            yield held
            atomic_write_json(self.path, held)
            self.path.chmod(0o600)
            self._seen = None
        finally:
            lock.release()

    def forget(self) -> None:
        """Begin anew: what cannot be read is taken away."""
        with contextlib.suppress(OSError):
            self.path.unlink()
