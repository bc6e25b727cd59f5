"""Users, tokens and the audit of what they did. Upstream: users. Downstream: cli."""

from typing import Literal

from pydantic import Field

from gladius.wire.base import Body, Wire
from gladius.wire.server import Role, SignInLink

Scope = Literal["read", "operate", "admin"]
"""What a token may do: as a viewer, an operator, an admin."""


class UserInfo(Wire):
    """Somebody who signs in by name."""

    name: str
    role: Role
    created_at: float
    disabled: bool = Field(default=False, description="On record, and let in no more")
    has_password: bool = Field(default=True, description="Whether they can sign in by themselves; else by a link alone")
    last_seen: float | None = Field(default=None, description="Unix seconds; null: never, or before it was recorded")


class UserRequest(Body):
    """The body of `POST /users`."""

    name: str
    role: Role = "viewer"
    password: str | None = Field(default=None, description="null: the answer has a link that signs them in, once")


class UserPatch(Body):
    """The body of `PATCH /users/{name}`: what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None
    password: str | None = None


class UserAdded(Wire):
    """The answer of `POST /users`."""

    user: UserInfo
    link: SignInLink | None


class PasswordChange(Body):
    """The body of `PUT /session/password`: one's own."""

    current: str | None = Field(default=None, description="Needed by who has one")
    password: str


class TokenInfo(Wire):
    """A token of a program, without its text."""

    id: str
    name: str
    role: Role
    created_at: float
    expires_at: float | None = Field(description="Unix seconds; null lasts until it is revoked")
    last_used: float | None = Field(default=None, description="Unix seconds; null: never, or before it was recorded")


class TokenRequest(Body):
    """The body of `POST /tokens`."""

    name: str
    scope: Scope
    expires_in: float | None = Field(description="Seconds that it lasts; null: until it is revoked")


class TokenMade(Wire):
    """The answer of `POST /tokens`, and the only place that ever holds its text."""

    token: TokenInfo
    secret: str


class AuditEntry(Wire):
    """One line of logs/audit.jsonl: who did what, and what came of it. Never a body, never a secret."""

    time: float
    name: str | None = Field(description="The user's or the token's name; null is the owner of the home")
    role: Role | None = Field(description="null for somebody who was not recognised")
    caller: str = Field(description="browser, cli, python, socket or api")
    method: str
    route: str
    run: str | None = Field(description="The run, as it was named")
    about: str | None = Field(default=None, description="What else the address named: a user, a profile, a flow")
    outcome: int = Field(description="The HTTP status of the answer")
    address: str | None = Field(description="Where it came from, as far as the server knows")


class AuditPage(Wire):
    """The answer of `GET /audit`."""

    entries: list[AuditEntry] = Field(description="The newest first")
    more: bool = Field(description="Whether older ones fit too: ask again with `before`")
