"""Who is signed in, and signing out. Upstream: credentials. Downstream: user menu, client."""

from __future__ import annotations

import getpass
import socket

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gladius import __version__
from gladius.server.answers import answer
from gladius.server.login import without_cookie
from gladius.wire.server import SessionAnswer

router = APIRouter(tags=["server"])


@router.get("/session", response_model=SessionAnswer)
async def get_session(request: Request) -> Response:
    """Who asks, and whose server this is."""
    by = "token" if "authorization" in request.headers else "cookie"
    return answer(SessionAnswer(by=by, account=_account(), machine=socket.gethostname(), version=__version__))


@router.delete("/session", status_code=204)
async def sign_out(request: Request) -> Response:
    """Sign this browser out: its cookie is taken away. The token stays as it is."""
    return without_cookie(request, Response(status_code=204))


def _account() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in many containers
        return None
