"""Passwords as argon2id keeps them. Upstream: login, cli. Downstream: book.

argon2 is loaded when a password is made or checked: most servers never see one.
"""

from __future__ import annotations

import secrets
from functools import cache
from typing import TYPE_CHECKING

from gladius.errors import ConfigError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 8
_LONGEST = 1024


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    # RFC 9106's second choice: 64 MiB, three passes, four lanes; about 50 ms here.
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash(secrets.token_hex())


def hashed(password: str) -> str:
    """What is kept of a password. Raises ConfigError for one that is too short."""
    if len(password) < SHORTEST:
        raise ConfigError(f"A password has at least {SHORTEST} characters.", "Four words are easy to keep.", "password")
    if len(password) > _LONGEST:
        raise ConfigError(f"A password has at most {_LONGEST} characters.", "Take a shorter one.", "password")
    return _hasher().hash(password)


def right(password: str, kept: str | None) -> bool:
    """Whether it is the password; takes as long for nobody (`kept` None) as for somebody."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _nobodys(), password[:_LONGEST]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
