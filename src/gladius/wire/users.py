"""Users, tokens and the audit of what they did. Upstream: users. Downstream: cli."""

from __future__ import annotations

from pydantic import Field

from gladius.wire.base import Wire
from gladius.wire.server import Role


class UserInfo(Wire):
    """Somebody who signs in by name."""

    name: str
    role: Role
    created_at: float


class TokenInfo(Wire):
    """A token of a program, without its text."""

    id: str
    name: str
    role: Role
    created_at: float
    expires_at: float | None = Field(description="Unix seconds; null lasts until it is revoked")


class AuditEntry(Wire):
    """One line of logs/audit.jsonl: who did what, and what came of it. Never a body, never a secret."""

    time: float
    name: str | None = Field(description="The user's or the token's name; null is the owner of the home")
    role: Role | None = Field(description="null for somebody who was not recognised")
    caller: str = Field(description="browser, cli, python, socket or api")
    method: str
    route: str
    run: str | None = Field(description="The run, as it was named")
    outcome: int = Field(description="The HTTP status of the answer")
    address: str | None = Field(description="Where it came from, as far as the server knows")
