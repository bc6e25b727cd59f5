"""Exchange a link, the token, or name and password for a cookie. Upstream: browser. Downstream: guard.

The cookie holds the secret of a session, never the token: it can be taken away, and what was in it opens nothing else.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gladius.server.credentials import Credentials
from gladius.server.login_page import Refusal, login_page
from gladius.server.problems import problem
from gladius.server.way import address
from gladius.users.asker import Asker
from gladius.users.audit import Audit
from gladius.users.sessions import SESSION_S
from gladius.users.throttle import Throttle

router = APIRouter(include_in_schema=False)

_MAX_BODY = 8192
_ONE_BY_ONE = asyncio.Semaphore(2)
"""A password takes 64 MiB to check: a crowd of tries must not take all there is."""


@router.get("/login")
async def ask(request: Request) -> Response:
    """The page that asks for the token, or for name and password."""
    return _page(request, "used" if "used" in request.query_params else None)


@router.post("/login")
async def login(request: Request) -> Response:
    """Take the form; what is right is answered with the cookie."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return problem(413, "too_large", "That is no token.")
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    name, keys = form.get("name", "").strip().lower(), credentials_of(request).keys
    throttle, here = throttle_of(request), address(request.scope)
    if seconds := throttle.wait(here, name):
        return _page(request, "wait", seconds)
    if name:
        # Counted before it is looked at: many tries at once are many tries.
        throttle.failed(here, name)
        async with _ONE_BY_ONE:
            secret = await asyncio.to_thread(keys.enter, name, form.get("password", ""))
    else:
        throttle.failed(here, name)
        secret = await asyncio.to_thread(keys.enter_as_owner, form.get("token", "").strip())
    _note(request, None if secret is None else keys.cookie(secret))
    if secret is None:
        return _page(request, "password" if name else "token")
    throttle.succeeded(here, name)
    return with_cookie(request, secret, _go_on(home_of(request)))


async def exchange(request: Request) -> Response | None:
    """Answer `/?token=...`: a cookie and a redirect to the same page without the code; None when there is no code.

    The code is that of a link. The home's token opens nothing here: an address is kept by histories, proxies and logs.
    """
    code = request.query_params.get("token")
    if code is None:
        return None
    keys = credentials_of(request).keys
    secret = await asyncio.to_thread(keys.enter_by_link, code)
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "token"])
    here = home_of(request) + (f"?{rest}" if rest else "")
    if secret is not None:
        _note(request, keys.cookie(secret))
        return with_cookie(request, secret, _go_on(here))
    if credentials_of(request).who(request.headers) is not None:
        # A link that was used by this very browser leads where it led before.
        return RedirectResponse(here, status_code=303)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/login?used", status_code=303)


def _go_on(to: str) -> Response:
    return RedirectResponse(to, status_code=303, headers={"cache-control": "no-store"})


def with_cookie(request: Request, secret: str, response: Response) -> Response:
    """Put the session into a cookie that scripts cannot read and other sites cannot send."""
    response.set_cookie(
        _cookie_name(request),
        secret,
        max_age=int(SESSION_S),
        path=_cookie_path(request),
        httponly=True,
        samesite="strict",
        secure=_is_encrypted(request),
    )
    return response


def without_cookie(request: Request, response: Response) -> Response:
    """Take the cookie away again."""
    response.delete_cookie(
        _cookie_name(request),
        path=_cookie_path(request),
        httponly=True,
        samesite="strict",
        secure=_is_encrypted(request),
    )
    return response


def home_of(request: Request) -> str:
    """The path of the page's root."""
    return str(request.scope.get("root_path", "")) + "/"


def credentials_of(connection: HTTPConnection) -> Credentials:
    """The credentials that the app was built with."""
    credentials = connection.app.state.credentials
    assert isinstance(credentials, Credentials)
    return credentials


def _cookie_path(request: Request) -> str:
    """The base path without a slash behind it: who types the address without one is signed in there too."""
    return str(request.scope.get("root_path", "")) or "/"


def _cookie_name(request: Request) -> str:
    return credentials_of(request).cookie_name(request.headers.get("host", ""))


def _is_encrypted(request: Request) -> bool:
    """By the proxy's word too, which uvicorn takes into the scheme where one was told of."""
    return request.url.scheme == "https" or credentials_of(request).is_encrypted(request.headers.get("host", ""))


def throttle_of(request: Request) -> Throttle:
    """What slows wrong tries down, here and where a password is changed."""
    throttle = request.app.state.throttle
    assert isinstance(throttle, Throttle)
    return throttle


def _note(request: Request, asker: Asker | None) -> None:
    """Put a sign-in into the audit; a wrong name is not, for people type passwords there."""
    audit = request.app.state.audit
    assert isinstance(audit, Audit)
    outcome = 401 if asker is None else 303
    audit.note(asker, "browser", request.method, "/login", None, outcome, address(request.scope))


def _page(request: Request, refusal: Refusal | None, seconds: int = 0) -> Response:
    action = f"{request.scope.get('root_path', '')}/login"
    by_name = credentials_of(request).keys.book.has_users
    page = login_page(action, request.headers.get("accept-language", ""), by_name, refusal, seconds)
    status = {"token": 401, "password": 401, "wait": 429}.get(refusal or "", 200)
    headers = {"cache-control": "no-store", **({"retry-after": str(seconds)} if seconds else {})}
    return HTMLResponse(page, status_code=status, headers=headers)
