"""Browsers that are signed in, and links that sign one in. Upstream: login. Downstream: keys; state/sessions.json.

A session outlives its server, for a page stays open for weeks; a link does not.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius.users.book import digest
from gladius.users.ledger import Ledger

SESSION_S = 30 * 86400.0
LINK_S = 12 * 3600.0
_MOST = 1000
_log = logging.getLogger("gladius.users")


class Sessions:
    """By the hash of what the cookie holds: who it is, and until when."""

    def __init__(self, path: Path) -> None:
        self._ledger = Ledger(path)

    def begin(self, name: str | None, stamp: str) -> str:
        """Sign somebody in and return what their cookie holds. `stamp`: the state of their password. Raises OSError."""
        secret, now = secrets.token_urlsafe(32), time.time()
        try:
            self._ledger.read()
        except ValueError as error:
            _log.error("%s was damaged (%s): every browser is signed out", self._ledger.path, error)
            self._ledger.forget()
        with self._ledger.change() as held:
            _prune(held, now)
            held[digest(secret)] = {"name": name, "stamp": stamp, "created_at": now, "expires_at": now + SESSION_S}
        return secret

    def find(self, key: str) -> dict[str, Any] | None:
        """What is on record under a hash: `name`, `stamp`, `expires_at`. What cannot be read signs nobody in."""
        try:
            found = self._ledger.read().get(key)
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict) or not isinstance(found.get("expires_at"), int | float):
            return None
        return found if found["expires_at"] > time.time() else None

    def end(self, key: str) -> None:
        """Sign one browser out. Raises OSError."""
        with contextlib.suppress(ValueError), self._ledger.change() as held:
            held.pop(key, None)


@dataclass(frozen=True)
class Link:
    """Whom a link signs in, as they were when it was made; without a name it is the home's owner."""

    name: str | None
    stamp: str | None
    until: float


class Links:
    """Codes that sign a browser in, each once; they go with the server that made them."""

    def __init__(self) -> None:
        self._open: dict[str, Link] = {}

    def new(self, name: str | None = None, stamp: str | None = None) -> str:
        """A new code, of the owner or of a user."""
        now = time.monotonic()
        self._open = {key: link for key, link in list(self._open.items())[-_MOST:] if link.until > now}
        code = secrets.token_urlsafe(24)
        self._open[digest(code)] = Link(name, stamp, now + LINK_S)
        return code

    def use(self, code: str) -> Link | None:
        """Whom the code signs in; never again after this."""
        link = self._open.pop(digest(code), None)
        return link if link is not None and link.until > time.monotonic() else None


def _prune(held: dict[str, Any], now: float) -> None:
    """Take away what is over, and the oldest beyond so many."""
    for key in [key for key, one in held.items() if one["expires_at"] <= now]:
        del held[key]
    for key in sorted(held, key=lambda key: float(held[key]["created_at"]))[: max(0, len(held) - _MOST + 1)]:
        del held[key]
