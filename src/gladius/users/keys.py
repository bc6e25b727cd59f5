"""Who holds which key. Upstream: state/token, book, sessions. Downstream: the server's guard, login and socket."""

from __future__ import annotations

import hmac
import time

from gladius.errors import ConfigError, UserNotFound
from gladius.pulse.rundir import Home
from gladius.users import passwords
from gladius.users.asker import Asker
from gladius.users.book import Book, digest
from gladius.users.home_token import load_token
from gladius.users.seen import Seen
from gladius.users.sessions import Links, Sessions


class Keys:
    """Answers who asks, from the files as they are now: a change of them holds from the next question on."""

    def __init__(self, home: Home) -> None:
        self.token = load_token(home.token)
        self.book = Book(home.users)
        self.sessions = Sessions(home.sessions)
        self.links = Links()
        self.seen = Seen(home.seen)
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

    def new_link(self, name: str | None = None) -> str:
        """A code that signs one browser in, as the owner or as a user. Raises UserNotFound."""
        user = None if name is None else self.book.user(name)
        if name is not None and user is None:
            raise UserNotFound(name)
        return self.links.new(name, user["stamp"] if user else None)

    def enter_by_link(self, code: str) -> str | None:
        """Exchange a link's code for a session; None when it opens nothing any more. Raises OSError."""
        link = self.links.use(code)
        if link is None:
            return None
        if link.name is None:
            return self.sessions.begin(None, self._owners_stamp)
        # A new password, or being shut out, ends the links that were made before.
        return self._begin(link.name) if (self.book.user(link.name) or {}).get("stamp") == link.stamp else None

    def enter_as_owner(self, token: str) -> str | None:
        """Exchange the home's token for a session; None when it is another. Raises OSError."""
        return self.sessions.begin(None, self._owners_stamp) if self.is_home_token(token) else None

    def enter(self, name: str, password: str) -> str | None:
        """Exchange name and password for a session; None when they are wrong. Takes 50 ms and more. Raises OSError."""
        user = self.book.user(name)
        if not passwords.right(password, user["password"] if user else None) or user is None:
            return None
        return self._begin(name)

    def change_password(self, name: str, current: str | None, password: str) -> str:
        """Give somebody the password of their choice, which ends their sessions, and begin another.

        Raises ConfigError, also for a wrong `current` one; UserNotFound, UsersUnreadable, OSError.
        """
        user = self.book.user(name)
        if user is not None and user["password"] is not None and not passwords.right(current or "", user["password"]):
            raise ConfigError("This is not your password.", "An admin can give you a new link or password.", "current")
        self.book.change_user(name, password=password)
        begun = self._begin(name)
        assert begun is not None
        return begun

    def _begin(self, name: str) -> str | None:
        user = self.book.user(name)
        return None if user is None or user.get("disabled") else self.sessions.begin(name, user["stamp"])

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
        if user is None or user["stamp"] != stamp or user.get("disabled"):
            return None
        return Asker(name, user["role"], key, session["expires_at"])
