"""The server of itself: whether it is well, who asks, what went wrong. Upstream: server. Downstream: client, browser."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Wire


class HealthAnswer(Wire):
    """The answer of `GET /health`."""

    status: str
    version: str


class SessionAnswer(Wire):
    """Who asks, as far as the server knows: it has one token and no users of its own. Trainings run as `account`."""

    by: Literal["cookie", "token"] = Field(description="A browser that was signed in, or a program with the token")
    account: str | None = Field(description="The account of the machine that the server runs as")
    machine: str = Field(description="The name of the machine that the server runs on")
    version: str


class Problem(Wire):
    """RFC 9457 problem details, with `code` for programs and `hint` for the next step."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    errors: list[dict[str, Any]] | None = None
