"""By which way somebody asks, and from where: for the record, not for authorisation. Upstream: guard. Downstream: audit, caller."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

_AGENTS = {"gladius-cli/": "cli", "gladius-python/": "python"}


def way(scope: Scope) -> str:
    """`cli`, `python` (by what our clients say of themselves), `browser` (it has the cookie), `socket`, or `api`."""
    headers = HTTPConnection(scope).headers
    agent = headers.get("user-agent", "")
    named = next((name for start, name in _AGENTS.items() if agent.startswith(start)), None)
    if named is not None:
        return named
    if "cookie" in headers and "authorization" not in headers:
        return "browser"
    return "socket" if scope["type"] == "websocket" else "api"


def address(scope: Scope) -> str:
    """The address of the connection, or what the proxy says of it where there is one."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
