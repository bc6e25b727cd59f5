"""Who asks, and by which way: for the record, not for authorisation. Upstream: routes. Downstream: desk, launch."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from gladius.server.guard import ASKER
from gladius.server.way import way
from gladius.users.asker import Asker


def asker_of(connection: HTTPConnection) -> Asker:
    """Who asks; every route that is not public has somebody."""
    asker = connection.scope[ASKER]
    assert isinstance(asker, Asker)
    return asker


def caller(connection: HTTPConnection) -> str:
    """The name of a user or token; of the owner, who has none, the way."""
    return asker_of(connection).name or way(connection.scope)
