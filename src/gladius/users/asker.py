"""Who asks, and what their role reaches. Upstream: keys. Downstream: server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from gladius.wire.server import Role
from gladius.wire.users import Scope

ROLES: tuple[Role, ...] = get_args(Role)
"""The weakest first; each may do what those before it may."""
SCOPES: dict[Scope, Role] = {"read": "viewer", "operate": "operator", "admin": "admin"}
"""How a token's role is called."""


@dataclass(frozen=True)
class Asker:
    """Somebody who was recognised. Two that are not equal are another person, another role or another key."""

    name: str | None
    """The user's or the token's; None is the owner of the home, who may read all its files anyway."""
    role: Role
    key: str
    """What was shown, as it is on record: `owner`, `token:ID` or `session:HASH`."""
    until: float | None = None
    """Unix seconds after which the key opens nothing."""

    @property
    def by_cookie(self) -> bool:
        """Whether a browser sent the key by itself, perhaps on a foreign page's behalf."""
        return self.key.startswith("session:")

    def may(self, need: Role) -> bool:
        """Whether the role reaches what is needed."""
        return ROLES.index(self.role) >= ROLES.index(need)
