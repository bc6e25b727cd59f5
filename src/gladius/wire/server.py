"""The server of itself: whether it is well, who asks, what went wrong. Upstream: server. Downstream: client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Wire

Role = Literal["viewer", "operator", "admin"]
"""A viewer reads; an operator also starts and steers; an admin also manages users and settings and deletes for good."""


class HealthAnswer(Wire):
    """The answer of `GET /health`."""

    status: str
    version: str


class SessionAnswer(Wire):
    """Who asks. Trainings run as `account`, whoever starts them."""

    by: Literal["cookie", "token"] = Field(description="A browser that was signed in, or a program with a token")
    name: str | None = Field(description="The user's or the token's name; null is the owner of the home")
    role: Role
    users: bool = Field(description="Whether this home has users, or its owner alone")
    account: str | None = Field(description="The account of the machine that the server runs as")
    machine: str = Field(description="The name of the machine that the server runs on")
    version: str


class SignInLink(Wire):
    """The answer of `POST /session/link`: a URL that signs one browser in, once."""

    url: str
    expires_in: float = Field(description="Seconds until it is over, used or not")


class Problem(Wire):
    """RFC 9457 problem details, with `code` for programs and `hint` for the next step."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    errors: list[dict[str, Any]] | None = None
