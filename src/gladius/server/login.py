"""Exchange the token for a cookie: by the printed URL or by the login page. Upstream: browser. Downstream: guard."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gladius.server.credentials import Credentials
from gladius.server.login_page import login_page
from gladius.server.problems import problem

router = APIRouter(include_in_schema=False)

_MAX_BODY = 4096
_COOKIE_DAYS = 30


@router.get("/login")
async def ask(request: Request) -> Response:
    """The page that asks for the token."""
    return _page(request)


@router.post("/login")
async def login(request: Request) -> Response:
    """Take the token of the form; a right one is answered with the cookie."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return problem(413, "too_large", "That is no token.")
    token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
    if not _credentials(request).token_right(token):
        return _page(request, wrong=True)
    return with_cookie(request, RedirectResponse(home_of(request), status_code=303))


def exchange(request: Request) -> Response | None:
    """Answer `/?token=...`: a cookie and a redirect to the same page without the token; None when there is no token."""
    token = request.query_params.get("token")
    if token is None:
        return None
    if not _credentials(request).token_right(token):
        return RedirectResponse(f"{request.scope.get('root_path', '')}/login", status_code=303)
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "token"])
    return with_cookie(request, RedirectResponse(home_of(request) + (f"?{rest}" if rest else ""), status_code=303))


def with_cookie(request: Request, response: Response) -> Response:
    """Put the token into a cookie that scripts cannot read and other sites cannot send."""
    credentials = _credentials(request)
    response.set_cookie(
        credentials.cookie_name(request.headers.get("host", "")),
        credentials.token,
        max_age=_COOKIE_DAYS * 86400,
        path=home_of(request),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    response.headers["cache-control"] = "no-store"
    return response


def without_cookie(request: Request, response: Response) -> Response:
    """Take the cookie away again: this browser is signed out, others and programs with the token are not."""
    credentials = _credentials(request)
    response.delete_cookie(
        credentials.cookie_name(request.headers.get("host", "")),
        path=home_of(request),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


def home_of(request: Request) -> str:
    """The path of the page's root."""
    return str(request.scope.get("root_path", "")) + "/"


def _page(request: Request, wrong: bool = False) -> Response:
    action = f"{request.scope.get('root_path', '')}/login"
    page = login_page(action, request.headers.get("accept-language", ""), wrong)
    return HTMLResponse(page, status_code=401 if wrong else 200, headers={"cache-control": "no-store"})


def _credentials(request: Request) -> Credentials:
    credentials = request.app.state.credentials
    assert isinstance(credentials, Credentials)
    return credentials
