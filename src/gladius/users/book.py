"""Users and tokens of a home. Upstream: cli, server. Downstream: state/users.json.

Whoever may write that file may make themselves an admin: it is the home's permissions that keep it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from gladius.errors import ConfigError, LastAdmin, NameTaken, TokenNotFound, UserNotFound, UsersUnreadable
from gladius.users import passwords
from gladius.users.ledger import Ledger
from gladius.wire.server import Role
from gladius.wire.users import TokenInfo, UserInfo

PREFIX = "gladius_"
"""Tokens begin so, that a scanner for secrets can know them."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_RESERVED = frozenset({
    # What records say of those who have no name, and of what acts by itself.
    "api", "browser", "cli", "python", "socket", "owner", "flow", "queue", "supervisor", "server", "gladius", "anybody",
})  # fmt: skip
_log = logging.getLogger("gladius.users")


class Book:
    """Who has a name here. Read again whenever the file has changed, so that a running server follows `gladius user`."""

    def __init__(self, path: Path) -> None:
        self._ledger = Ledger(path)
        self._told = ""

    def users(self) -> list[UserInfo]:
        """Everybody, by name; raises UsersUnreadable."""
        found = self._read().get("users", {})
        return [_user_info(name, one) for name, one in sorted(found.items())]

    def tokens(self) -> list[TokenInfo]:
        """Every token that was not revoked, the newest first; raises UsersUnreadable."""
        found = [_token_info(id_, one) for id_, one in self._read().get("tokens", {}).items()]
        return sorted(found, key=lambda one: -one.created_at)

    @property
    def has_users(self) -> bool:
        """Whether anybody can sign in by name. A file that cannot be read opens nothing, and does not mean nobody."""
        held = self._opened()
        return held is None or bool(held.get("users"))

    def user(self, name: str) -> dict[str, Any] | None:
        """What is on record of a user: `role`, `password`, `stamp`, `disabled`."""
        found = (self._opened() or {}).get("users", {}).get(name)
        return found if isinstance(found, dict) and found.get("role") in get_args(Role) else None

    def token(self, id_: str) -> dict[str, Any] | None:
        """What is on record of a token: `name`, `role`, `expires_at`."""
        found = (self._opened() or {}).get("tokens", {}).get(id_)
        return found if isinstance(found, dict) and found.get("role") in get_args(Role) else None

    def token_id(self, secret: str) -> str | None:
        """The id of the token that this is."""
        wanted = digest(secret)
        held = self._opened() or {}
        return next((id_ for id_, one in held.get("tokens", {}).items() if one.get("hash") == wanted), None)

    def add_user(self, name: str, role: Role, password: str | None) -> UserInfo:
        """Make a user; without a password only a link signs them in. Raises ConfigError, NameTaken, UsersUnreadable."""
        kept = None if password is None else passwords.hashed(password)
        with self._change() as held:
            _free(held, name)
            made = {"role": role, "password": kept, "stamp": _stamp(), "created_at": time.time()}
            held.setdefault("users", {})[name] = made
        return _user_info(name, made)

    def change_user(
        self, name: str, role: Role | None = None, disabled: bool | None = None, password: str | None = None
    ) -> UserInfo:
        """Give a user another role or password, or let them in no more; None stays. All but a role ends their sessions.

        Raises ConfigError, LastAdmin, UserNotFound, UsersUnreadable.
        """
        changes: dict[str, Any] = {} if role is None else {"role": role}
        if disabled is not None:
            changes |= {"disabled": disabled, "stamp": _stamp()}
        if password is not None:
            changes |= {"password": passwords.hashed(password), "stamp": _stamp()}
        with self._change() as held:
            found = _user(held, name)
            _keep_an_admin(held, name, {**found, **changes})
            found.update(changes)
        return _user_info(name, found)

    def remove_user(self, name: str, last_too: bool = False) -> None:
        """Take a user away, and with them their sessions. Raises LastAdmin, UserNotFound, UsersUnreadable."""
        with self._change() as held:
            _user(held, name)
            if not last_too:
                _keep_an_admin(held, name, None)
            del held["users"][name]

    def create_token(self, name: str, role: Role, lasts_s: float | None) -> tuple[str, TokenInfo]:
        """Make a token that lasts so many seconds, or until it is revoked; its text is given this once.

        Raises ConfigError, NameTaken, UsersUnreadable.
        """
        if lasts_s is not None and lasts_s <= 0:
            raise ConfigError("A token that is over cannot be made.", "Give it a time to last.", "expires")
        secret, id_, now = PREFIX + secrets.token_urlsafe(32), secrets.token_hex(4), time.time()
        with self._change() as held:
            _free(held, name)
            expires_at = None if lasts_s is None else now + lasts_s
            held.setdefault("tokens", {})[id_] = {
                "name": name, "role": role, "hash": digest(secret), "created_at": now, "expires_at": expires_at,
            }  # fmt: skip
        return secret, TokenInfo(id=id_, name=name, role=role, created_at=now, expires_at=expires_at)

    def revoke(self, id_or_name: str) -> TokenInfo:
        """Take a token away. Raises TokenNotFound, UsersUnreadable."""
        with self._change() as held:
            tokens = held.get("tokens", {})
            found = next((id_ for id_, one in tokens.items() if id_or_name in (id_, one.get("name"))), None)
            if found is None:
                raise TokenNotFound(id_or_name)
            return _token_info(found, tokens.pop(found))

    def _read(self) -> dict[str, Any]:
        try:
            return self._ledger.read()
        except (OSError, ValueError) as error:
            raise UsersUnreadable(self._ledger.path, str(error)) from error

    def _opened(self) -> dict[str, Any] | None:
        """What the file holds; None when it cannot be read, which is logged once."""
        try:
            held = self._read()
        except UsersUnreadable as error:
            if str(error) != self._told:
                self._told = str(error)
                _log.error("%s Until then nobody but the owner is let in.", error)
            return None
        self._told = ""
        return held

    @contextlib.contextmanager
    def _change(self) -> Iterator[dict[str, Any]]:
        try:
            with self._ledger.change() as held:
                yield held
        except ValueError as error:
            raise UsersUnreadable(self._ledger.path, str(error)) from error


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits: nobody finds it again, and it needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp() -> str:
    return secrets.token_hex(8)


def _free(held: dict[str, Any], name: str) -> None:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        message = f"'{name}' cannot be a name."
        raise ConfigError(message, "Small letters, digits, dots and dashes, as in 'anna' or 'ci-nightly'.", "name")
    taken = {*held.get("users", {}), *(one.get("name") for one in held.get("tokens", {}).values())}
    if name in taken:
        raise NameTaken(name)


def _user(held: dict[str, Any], name: str) -> dict[str, Any]:
    found = held.get("users", {}).get(name)
    if not isinstance(found, dict):
        raise UserNotFound(name)
    return found


def _keep_an_admin(held: dict[str, Any], name: str, after: dict[str, Any] | None) -> None:
    """Refuse what would take the role from the last admin who can sign in; `after` None is their removal."""
    admins = [one for one, user in held["users"].items() if _is_admin(user)]
    if admins == [name] and not _is_admin(after or {}):
        raise LastAdmin(name)


def _is_admin(user: dict[str, Any]) -> bool:
    return user.get("role") == "admin" and not user.get("disabled")


def _user_info(name: str, one: dict[str, Any]) -> UserInfo:
    return UserInfo(
        name=name, role=one["role"], created_at=one["created_at"], disabled=bool(one.get("disabled")),
        has_password=one["password"] is not None,
    )  # fmt: skip


def _token_info(id_: str, one: dict[str, Any]) -> TokenInfo:
    return TokenInfo(
        id=id_, name=one["name"], role=one["role"], created_at=one["created_at"], expires_at=one["expires_at"]
    )
