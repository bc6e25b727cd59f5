"""Who holds which key. Upstream: state/token, book, sessions. Downstream: the server's guard, login and socket."""

from __future__ import annotations

import hmac
import time

from gladius.pulse.rundir import Home
from gladius.users import passwords
from gladius.users.asker import Asker
from gladius.users.book import Book, digest
from gladius.users.home_token import load_token
from gladius.users.sessions import Links, Sessions


class Keys:
    """Answers who asks, from the files as they are now: a change of them holds from the next question on."""

    def __init__(self, home: Home) -> None:
        self.token = load_token(home.token)
        self.book = Book(home.users)
        self.sessions = Sessions(home.sessions)
        self.links = Links()
        # A new token of the home ends what its owner was signed in with.
        self._owners_stamp = digest(self.token)[:16]

    def bearer(self, secret: str) -> Asker | None:
        """Whom a token speaks for."""
        if self.is_home_token(secret):
            return self._asker("owner")
        id_ = self.book.token_id(secret)
        return None if id_ is None else self._asker(f"token:{id_}")

    def cookie(self, secret: str) -> Asker | None:
        """Whose session a cookie holds."""
        return self._asker(f"session:{digest(secret)}") if secret else None

    def still(self, asker: Asker) -> bool:
        """Whether the same key still opens the same doors to the same person."""
        return self._asker(asker.key) == asker

    def is_home_token(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), self.token.encode())

    def enter_as_owner(self, code: str) -> str | None:
        """Exchange a link's code, or the home's token, for a session; None when it is neither. Raises OSError."""
        if not self.links.use(code) and not self.is_home_token(code):
            return None
        return self.sessions.begin(None, self._owners_stamp)

    def enter(self, name: str, password: str) -> str | None:
        """Exchange name and password for a session; None when they are wrong. Takes 50 ms and more. Raises OSError."""
        user = self.book.user(name)
        if not passwords.right(password, user["password"] if user else None) or user is None:
            return None
        return self.sessions.begin(name, user["stamp"])

    def leave(self, asker: Asker) -> None:
        """End the session that somebody asks with; a token stays. Raises OSError."""
        kind, _, key = asker.key.partition(":")
        if kind == "session":
            self.sessions.end(key)

    def _asker(self, key: str) -> Asker | None:
        kind, _, id_ = key.partition(":")
        if kind == "owner":
            return Asker(None, "admin", key)
        if kind == "token":
            token = self.book.token(id_)
            if token is None or (token["expires_at"] is not None and token["expires_at"] <= time.time()):
                return None
            return Asker(token["name"], token["role"], key, token["expires_at"])
        session = self.sessions.find(id_)
        if session is None:
            return None
        name, stamp = session["name"], session["stamp"]
        if name is None:
            return Asker(None, "admin", key, session["expires_at"]) if stamp == self._owners_stamp else None
        user = self.book.user(name)
        if user is None or user["stamp"] != stamp:
            return None
        return Asker(name, user["role"], key, session["expires_at"])
