"""By which way somebody asks: for the audit, not for authorisation. Upstream: routes. Downstream: desk, launch."""

from __future__ import annotations

from starlette.requests import HTTPConnection

_AGENTS = {"gladius-cli/": "cli", "gladius-python/": "python"}


def caller(connection: HTTPConnection) -> str:
    """`cli`, `python` (by what our clients say of themselves), `browser` (it has the cookie), `socket`, or `api`."""
    agent = connection.headers.get("user-agent", "")
    named = next((name for start, name in _AGENTS.items() if agent.startswith(start)), None)
    if named is not None:
        return named
    if "cookie" in connection.headers and "authorization" not in connection.headers:
        return "browser"
    return "socket" if connection.scope["type"] == "websocket" else "api"
