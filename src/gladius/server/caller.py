"""Who asks, and by which way: for the record, not for authorisation. Upstream: routes. Downstream: desk, launch."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from gladius.server.guard import ASKER
from gladius.users.asker import Asker

_AGENTS = {"gladius-cli/": "cli", "gladius-python/": "python"}


def asker_of(connection: HTTPConnection) -> Asker:
    """Who asks; every route that is not public has somebody."""
    asker = connection.scope[ASKER]
    assert isinstance(asker, Asker)
    return asker


def caller(connection: HTTPConnection) -> str:
    """The name of a user or token; of the owner, who has none, the way."""
    return asker_of(connection).name or way(connection)


def way(connection: HTTPConnection) -> str:
    """`cli`, `python` (by what our clients say of themselves), `browser` (it has the cookie), `socket`, or `api`."""
    agent = connection.headers.get("user-agent", "")
    named = next((name for start, name in _AGENTS.items() if agent.startswith(start)), None)
    if named is not None:
        return named
    if "cookie" in connection.headers and "authorization" not in connection.headers:
        return "browser"
    return "socket" if connection.scope["type"] == "websocket" else "api"
