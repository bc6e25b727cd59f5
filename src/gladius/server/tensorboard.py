"""TensorBoard behind this server's login: its start, and the way to it. Upstream: exchange.boards. Downstream: its page.

Its page is not ours. It comes in a sandbox (the guard's headers) and so without cookie and storage; what it loads is
let through by the key in its path.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from gladius.exchange.boards import PREFIX, Board
from gladius.server.rooms import TheRooms

if TYPE_CHECKING:
    import httpx

router = APIRouter(include_in_schema=False)

_TIMEOUT = (5.0, 60.0, 60.0, 60.0)
"""Seconds for connecting, reading, writing, and for a free connection."""
_MAX_BODY = 16 << 20
_NOT_PASSED_ON = frozenset({
    # Of one connection alone (RFC 9110, 7.6.1), or ours and none of TensorBoard's business.
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
    "host", "cookie", "authorization", "origin", "referer", "content-length", "set-cookie",
})  # fmt: skip
_SHIM = "gladius.js"
_SHIM_TAG = f'<script src="{_SHIM}"></script>'
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' blob:; worker-src blob:; style-src 'self' 'unsafe-inline' data:; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'"
)
_SHIM_JS = """// TensorBoard expects a storage and workers of its own origin; in its sandbox it has none. This gives it a storage
// that is forgotten with the page, in which "reload data" is on, and starts workers from a blob.
(() => {
  const kept = new Map([['_tb_global_settings', JSON.stringify({ autoReload: true, autoReloadPeriodInMs: 15000 })]]);
  const storage = {
    getItem: key => (kept.has(String(key)) ? kept.get(String(key)) : null),
    setItem: (key, value) => void kept.set(String(key), String(value)),
    removeItem: key => void kept.delete(String(key)),
    clear: () => kept.clear(),
    key: index => [...kept.keys()][index] ?? null,
    get length() {
      return kept.size;
    },
  };
  for (const name of ['localStorage', 'sessionStorage'])
    Object.defineProperty(window, name, { value: storage, configurable: true });
  Object.defineProperty(document, 'cookie', { get: () => '', set: () => undefined, configurable: true });
  const Real = window.Worker;
  window.Worker = class extends Real {
    constructor(url, options) {
      const code = `importScripts(${JSON.stringify(new URL(url, document.baseURI).href)})`;
      super(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), options);
    }
  };
})();
"""
_OVER = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>TensorBoard has ended</title>
<style>body { font: 16px/1.6 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem; }
@media (prefers-color-scheme: dark) { body { background: #14171c; color: #e6e9ee; } }</style></head>
<body><h1>This TensorBoard has ended</h1>
<p>It ends when nobody has looked at it for a while, and with the console. <em>View TensorBoard</em> on the page of the
run opens it again.</p></body></html>
"""


@router.api_route("/tensorboard/{path:path}", methods=["GET", "HEAD", "POST", "OPTIONS"])
async def pass_on(path: str, request: Request, rooms: TheRooms) -> Response:
    """Ask the run's TensorBoard, and say what it says."""
    within = f"{PREFIX}{path}"
    board = rooms.boards.find(within)
    if board is None:
        return HTMLResponse(_OVER, status_code=404)
    board.used = time.monotonic()
    rest = within.removeprefix(board.path)
    if request.method == "OPTIONS":
        asked = request.headers.get("access-control-request-headers", "")
        allowed = {"access-control-allow-methods": "GET, POST", "access-control-allow-headers": asked}
        return Response(status_code=204, headers=allowed)
    if rest == f"/{_SHIM}":
        return Response(_SHIM_JS, media_type="text/javascript")
    if rest in ("", "/", "/index.html"):
        return await _page(board)
    return await _anything(board, within, request)


async def _page(board: Board) -> Response:
    """Its front page, with our lines before its own scripts."""
    async with _client(board) as client:
        answer = await client.get(f"{board.path}/")
    text = answer.text.replace("<head>", f"<head>{_SHIM_TAG}", 1).replace("url(/font-", "url(font-")
    return HTMLResponse(text, answer.status_code, {"content-security-policy": _POLICY, "cache-control": "no-store"})


async def _anything(board: Board, path: str, request: Request) -> Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return Response(status_code=413)
    headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON}
    import httpx

    client = _client(board)
    target = quote(path)
    query = request.scope["query_string"].decode("latin-1")
    wanted = client.build_request(
        request.method, f"{target}?{query}" if query else target, headers=headers, content=body or None
    )
    try:
        answer = await client.send(wanted, stream=True)
    except httpx.HTTPError:
        await client.aclose()
        return HTMLResponse(_OVER, status_code=502)
    kept = {name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_ON}
    return StreamingResponse(
        _pieces(answer), answer.status_code, kept, background=BackgroundTask(_done, answer, client)
    )


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """As it came, packed where it was packed."""
    import httpx

    with contextlib.suppress(httpx.HTTPError):
        async for chunk in answer.aiter_raw():
            yield chunk


async def _done(answer: httpx.Response, client: httpx.AsyncClient) -> None:
    await answer.aclose()
    await client.aclose()


def _client(board: Board) -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{board.port}", timeout=_TIMEOUT, trust_env=False)
