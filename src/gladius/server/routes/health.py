"""Is the server there. Upstream: nothing. Downstream: anybody, without credentials."""

from __future__ import annotations

from starlette.responses import Response

from gladius import __version__
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.wire.server import HealthAnswer

router = api_router("server")


@router.get("/health", response_model=HealthAnswer)
async def health() -> Response:
    """The server answers."""
    return answer(HealthAnswer(status="ok", version=__version__))
