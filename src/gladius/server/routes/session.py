"""Who is signed in, and signing out. Upstream: credentials. Downstream: user menu, client."""

from __future__ import annotations

import asyncio
import getpass
import socket

from starlette.requests import Request
from starlette.responses import Response

from gladius import __version__
from gladius.errors import ConfigError
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.caller import asker_of
from gladius.server.login import credentials_of, home_of, throttle_of, with_cookie, without_cookie
from gladius.server.way import address
from gladius.users.sessions import LINK_S
from gladius.wire.server import SessionAnswer, SignInLink
from gladius.wire.users import PasswordChange

router = api_router("server")


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
    return answer(sign_in_link(request, None))


def sign_in_link(request: Request, name: str | None) -> SignInLink:
    """A link for a user, or without a name for the owner. Raises UserNotFound."""
    credentials = credentials_of(request)
    root = credentials.public_root(home_of(request)) or str(request.base_url)
    return SignInLink(url=f"{root}?token={credentials.keys.new_link(name)}", expires_in=LINK_S)


@router.put("/session/password", status_code=204)
async def change_own_password(request: Request, body: PasswordChange) -> Response:
    """Choose a password of one's own: other browsers are signed out, this one goes on."""
    asker = asker_of(request)
    if asker.name is None or not asker.by_cookie:
        raise ConfigError("Only who signed in by name has a password.", "'gladius user passwd NAME' gives one.")
    throttle, here = throttle_of(request), address(request.scope)
    if seconds := throttle.wait(here, asker.name):
        raise ConfigError(f"Too many wrong tries. Wait {seconds} s, then try again.", "", "current")
    throttle.failed(here, asker.name)
    change = credentials_of(request).keys.change_password
    secret = await asyncio.to_thread(change, asker.name, body.current, body.password)
    throttle.succeeded(here, asker.name)
    return with_cookie(request, secret, Response(status_code=204))


def _account() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in many containers
        return None
