"""Who is signed in, and signing out. Upstream: credentials. Downstream: user menu, client."""

from __future__ import annotations

import asyncio
import getpass
import socket

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gladius import __version__
from gladius.server.answers import answer
from gladius.server.caller import asker_of
from gladius.server.login import credentials_of, home_of, without_cookie
from gladius.users.sessions import LINK_S
from gladius.wire.server import SessionAnswer, SignInLink

router = APIRouter(tags=["server"])


@router.get("/session", response_model=SessionAnswer)
async def get_session(request: Request) -> Response:
    """Who asks, and whose server this is."""
    asker = asker_of(request)
    users = credentials_of(request).keys.book.has_users
    return answer(
        SessionAnswer(
            by="cookie" if asker.by_cookie else "token",
            name=asker.name,
            role=asker.role,
            users=users,
            account=_account(),
            machine=socket.gethostname(),
            version=__version__,
        )
    )


@router.delete("/session", status_code=204)
async def sign_out(request: Request) -> Response:
    """Sign this browser out: its session ends, here and in every copy of its cookie. A token stays as it is."""
    await asyncio.to_thread(credentials_of(request).keys.leave, asker_of(request))
    return without_cookie(request, Response(status_code=204))


@router.post("/session/link", response_model=SignInLink)
async def make_link(request: Request) -> Response:
    """A URL that signs one browser in as the owner, once."""
    credentials = credentials_of(request)
    root = credentials.public_root(home_of(request)) or str(request.base_url)
    return answer(SignInLink(url=f"{root}?token={credentials.keys.links.new()}", expires_in=LINK_S))


def _account() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in many containers
        return None
