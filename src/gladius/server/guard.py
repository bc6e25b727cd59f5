"""Nothing passes without credentials but what is named here. Upstream: uvicorn. Downstream: the app.

The guard stands before all routes, so that a route that is added later is closed until somebody opens it.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gladius.server.access import PUBLIC, SOCKET, Access, Passage
from gladius.server.credentials import Credentials, joined
from gladius.server.problems import problem
from gladius.server.way import address, way
from gladius.users.asker import Asker
from gladius.users.audit import Audit

API = "/api/"
BOXED = "/tensorboard/"
NOBODY = "null"
ASKER = "gladius.asker"
"""Where a request's scope holds who asks."""
_PASSAGE = "gladius.passage"
_SAFE = frozenset({"GET", "HEAD"})
_FORBIDDEN = 403
IsAsset = Callable[[str], bool]
"""Whether a path, within the base path, is a file of the page that holds no data."""
HoldsKey = Callable[[str], bool]
"""Whether a path, within the base path, carries a key that opens it by itself."""

_CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": under it a browser sends our own forms with the origin "null".
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_BOXED_HEADERS = {
    # A page that is not ours stands at our address: without `allow-same-origin` it is nobody's page, has no cookie and no
    # storage, and its requests say "Origin: null", which opens nothing but its own path.
    "content-security-policy": (
        "sandbox allow-scripts allow-forms allow-modals allow-downloads allow-popups; "
        "object-src 'none'; base-uri 'none'; form-action 'none'"
    ),
    "access-control-allow-origin": "null",
    "access-control-allow-credentials": "true",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware: base path, Host, Origin, credentials, roles, security headers."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        credentials: Credentials,
        audit: Audit,
        base_path: str,
        is_asset: IsAsset,
        holds_key: HoldsKey,
    ) -> None:
        self._app = app
        self._access = access
        self._audit = audit
        self._credentials = credentials
        self._base = base_path
        self._is_asset = is_asset
        self._holds_key = holds_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = self._enter_base(scope)
        refusal = self._refuse(scope, path)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await _refuse_socket(refusal, scope, receive, send)
            return
        boxed = path.startswith(BOXED) and refusal is None
        guarded = _boxed(send) if boxed else _with_headers(send, private=path.startswith(API))
        await (refusal or self._app)(scope, receive, self._noted(guarded, scope))

    def _noted(self, send: Send, scope: Scope) -> Send:
        """Put into the audit what somebody did, or was refused; reading is not noted."""
        asker, passage = scope.get(ASKER), scope.get(_PASSAGE)
        if asker is None or passage is None or passage.route.startswith(BOXED):
            return send

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                if passage.method not in _SAFE or status == _FORBIDDEN:
                    run, about = _named(passage, message)
                    self._audit.note(
                        asker, way(scope), passage.method, passage.route, run, status, address(scope), about
                    )
            await send(message)

        return noted

    def _enter_base(self, scope: Scope) -> str:
        """Take the base path off, whether or not the proxy before us did so already; return the path within."""
        path: str = scope["path"]
        if self._base:
            if path == self._base:
                path = "/"
            elif path.startswith(self._base + "/"):
                path = path[len(self._base) :]
            scope["root_path"] = self._base
            scope["path"] = self._base + path
            scope["raw_path"] = quote(scope["path"]).encode("ascii")
        return path

    def _refuse(self, scope: Scope, path: str) -> Response | None:
        """Answer what may not pass; leave in the scope who asks."""
        headers = joined(scope["headers"])
        host, origin = headers.get("host", ""), headers.get("origin")
        socket = scope["type"] == "websocket"
        method = SOCKET if socket else scope["method"]
        if not self._credentials.host_allowed(host):
            hint = f"If people reach it by that name, start it with: gladius up --public-url https://{host}{self._base}"
            return problem(403, "host_not_allowed", f"This server is not called '{host}'.", hint)
        keyed = not socket and path.startswith(BOXED) and self._holds_key(path)
        if origin is not None and not (self._credentials.origin_allowed(origin, host) or (keyed and origin == NOBODY)):
            hint = f"If that is the proxy before it, start it with: gladius up --public-url {origin}{self._base}"
            return problem(403, "origin_not_allowed", f"A page of '{origin}' may not ask here.", hint)
        passage = self._access.find(method, path)
        if passage is not None and passage.need == PUBLIC:
            return None
        asker = self._credentials.who(headers)
        if asker is None:
            return self._unknown(scope, method, path, keyed, headers.get("sec-fetch-site"))
        scope[ASKER], scope[_PASSAGE] = asker, passage
        self._credentials.keys.seen.note(asker)
        if asker.by_cookie and method not in _SAFE and origin is None:
            # A browser sends the cookie by itself, and with every such request the page's origin: this came from neither.
            hint = "A program sends 'Authorization: Bearer TOKEN' instead of a cookie."
            return problem(403, "origin_missing", "A cookie alone changes nothing here.", hint)
        return _lacking(asker, passage)

    def _unknown(self, scope: Scope, method: str, path: str, keyed: bool, site: str | None) -> Response | None:
        """Answer somebody who shows no key, or a wrong one."""
        if keyed and not _is_page(path):
            # The page itself was given to somebody who is signed in; what it loads comes without a cookie.
            return None
        if method in _SAFE:
            if self._is_asset(path) or (path == "/" and b"token=" in scope["query_string"]):
                return None
            if keyed and site == "cross-site":
                return _once_more(f"{self._base}{path}")
            if not path.startswith(API):
                return RedirectResponse(f"{self._base}/login", status_code=303)
        return problem(
            401,
            "not_authenticated",
            "The token is missing or wrong.",
            "Send 'Authorization: Bearer TOKEN', or open the URL that 'gladius up' printed.",
            headers={"www-authenticate": "Bearer"},
        )


def _named(passage: Passage, message: Message) -> tuple[str | None, str | None]:
    """The run, and what else the address names; of what was made, the answer says where it is."""
    others = [value for name, value in passage.values.items() if name != "run_id"]
    run, about = passage.values.get("run_id"), others[-1] if others else None
    location = next((value for name, value in message.get("headers", ()) if name.lower() == b"location"), b"")
    made = location.decode("latin-1").rpartition("/")[2] or None
    return (run or made, about) if passage.route.startswith("/api/v1/runs") else (run, about or made)


def _lacking(asker: Asker, passage: Passage | None) -> Response | None:
    """Answer somebody whose role does not reach; what no route answers, the app does."""
    if passage is None or passage.need == PUBLIC or asker.may(passage.need):
        return None
    detail = f"This needs the role {passage.need}; yours is {asker.role}."
    return problem(403, "role_needed", detail, "An admin gives roles: 'gladius user role NAME ROLE'.")


def _is_page(path: str) -> bool:
    """Whether it is the front page of what stands behind the key: `/tensorboard/RUN/KEY/`."""
    return path.count("/") <= 4 and path.rpartition("/")[2] in ("", "index.html")


def _once_more(path: str) -> Response:
    """A sandboxed page is a stranger to us, so that its reload comes without the cookie; a page of ours asks again with it.

    The address is spelled out: with the fragment that the browser still has, it would stay on this page.
    """
    again = f'<meta http-equiv="refresh" content="0; url={quote(path)}">'
    page = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>TensorBoard</title>{again}</head></html>'
    return HTMLResponse(page, headers={"cache-control": "no-store"})


async def _refuse_socket(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if "websocket.http.response" in scope.get("extensions", {}):
        await refusal(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})


def _with_headers(send: Send, private: bool) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if private:
                headers.setdefault("cache-control", "no-store")
        await send(message)

    return guarded


def _boxed(send: Send) -> Send:
    """Put a page that is not ours into a sandbox, whatever it says of itself."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _BOXED_HEADERS.items():
                # A second policy beside its own: a browser obeys both.
                headers.append(name, value) if name == "content-security-policy" else headers.update({name: value})
        await send(message)

    return guarded
