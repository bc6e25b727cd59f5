"""Is the server there. Upstream: nothing. Downstream: anybody, without credentials."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gladius import __version__
from gladius.server.answers import answer
from gladius.wire.server import HealthAnswer

router = APIRouter(tags=["server"])


@router.get("/health", response_model=HealthAnswer)
async def health() -> Response:
    """The server answers."""
    return answer(HealthAnswer(status="ok", version=__version__))
