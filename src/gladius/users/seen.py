"""When a user or a token was last recognised. Upstream: guard, socket. Downstream: state/seen.json; routes, cli.

Kept in memory and written now and then: a question must not wait for a disk. A crash forgets the last half minute.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path

from gladius.users.asker import Asker
from gladius.wire.users import TokenInfo, UserInfo
from pulse_wrapper import atomic_write_json

WRITE_EVERY_S = 30.0
_log = logging.getLogger("gladius.users")


class Seen:
    """Unix seconds by `user:NAME` and `token:ID`; what cannot be read or written is unknown, and stops nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times: dict[str, float] = {}
        self._changed = False
        self._failing = False

    def note(self, asker: Asker) -> None:
        """Somebody was here just now; the home's owner has no entry."""
        key = asker.key if asker.key.startswith("token:") else f"user:{asker.name}"
        if asker.name is not None:
            self._times[key] = time.time()
            self._changed = True

    def of_users(self, users: list[UserInfo]) -> list[UserInfo]:
        """The same with `last_seen`; who had the name before is somebody else."""
        known = self._known()
        return [one.model_copy(update={"last_seen": _since(known.get(f"user:{one.name}"), one)}) for one in users]

    def of_tokens(self, tokens: list[TokenInfo]) -> list[TokenInfo]:
        """The same with `last_used`."""
        known = self._known()
        return [one.model_copy(update={"last_used": _since(known.get(f"token:{one.id}"), one)}) for one in tokens]

    def write(self) -> None:
        """Put it on the disk if there is news."""
        if not self._changed:
            return
        self._changed = False
        try:
            self._times = self._known()
            atomic_write_json(self._path, self._times)
            self._path.chmod(0o600)
            self._failing = False
        except OSError as error:
            self._changed = True
            if not self._failing:
                _log.warning("who was seen last cannot be written: %s", error)
            self._failing = True

    async def write_for_ever(self) -> None:
        """Write now and then, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(WRITE_EVERY_S)
                await asyncio.to_thread(self.write)
        finally:
            self.write()

    def _known(self) -> dict[str, float]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        kept = found.items() if isinstance(found, dict) else ()
        return {**{key: value for key, value in kept if isinstance(value, int | float)}, **self._times}


def _since(seen: float | None, of: UserInfo | TokenInfo) -> float | None:
    return seen if seen is not None and seen >= of.created_at else None
