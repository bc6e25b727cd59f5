"""Exchange the token for a cookie: by the printed URL or by the login page. Upstream: browser. Downstream: guard."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gladius.server.credentials import Credentials
from gladius.server.problems import problem

router = APIRouter(include_in_schema=False)

_MAX_BODY = 4096
_COOKIE_DAYS = 30

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Gladius</title>
<style>
:root {{ color-scheme: dark light; --bg: #0e1116; --card: #161b22; --line: #2b333d; --text: #e6edf3; --dim: #9aa7b4;
  --accent: #4c9aff; --bad: #ff7b72; }}
@media (prefers-color-scheme: light) {{ :root {{ --bg: #f5f7fa; --card: #fff; --line: #d5dbe3; --text: #17202a;
  --dim: #55606c; --accent: #0b62d6; --bad: #b3261e; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px; background: var(--bg);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }}
main {{ width: 100%; max-width: 400px; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 32px; }}
h1 {{ margin: 0 0 8px; font-size: 22px; }}
p {{ margin: 0 0 24px; color: var(--dim); }}
label {{ display: block; margin-bottom: 8px; }}
input {{ width: 100%; padding: 10px 12px; font: 14px ui-monospace, monospace; color: inherit; background: var(--bg);
  border: 1px solid var(--line); border-radius: 8px; }}
button {{ width: 100%; margin-top: 16px; padding: 11px; font: inherit; font-weight: 600; color: #fff;
  background: var(--accent); border: 0; border-radius: 8px; cursor: pointer; }}
input:focus-visible, button:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
code {{ font: 13px ui-monospace, monospace; }}
.error {{ color: var(--bad); margin: 12px 0 0; }}
</style>
</head>
<body>
<main>
<h1>Gladius</h1>
<p>Paste the token, or open the address that <code>gladius up</code> printed.</p>
<form method="post" action="{action}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
{error}
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
"""


@router.get("/login")
async def login_page(request: Request) -> Response:
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
        return _page(request, "This is not the token of this server.", 401)
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


def _page(request: Request, error: str = "", status: int = 200) -> Response:
    shown = f'<p class="error" role="alert">{html.escape(error)}</p>' if error else ""
    action = html.escape(f"{request.scope.get('root_path', '')}/login")
    return HTMLResponse(
        _PAGE.format(action=action, error=shown), status_code=status, headers={"cache-control": "no-store"}
    )


def _credentials(request: Request) -> Credentials:
    credentials = request.app.state.credentials
    assert isinstance(credentials, Credentials)
    return credentials
