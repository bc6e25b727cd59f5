"""The page's own files, and the page itself at every address that it knows. Upstream: the built UI. Downstream: browser."""

from __future__ import annotations

import html
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from gladius.server.login import exchange

ASSETS = Path(__file__).parent / "assets"

_FOR_EVER = "public, max-age=31536000, immutable"
_BASE_TAG = re.compile(r"<base\b[^>]*>", re.IGNORECASE)
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gladius</title>
<style>body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; }}</style>
</head><body><h1>The page is not built</h1>
<p>The server runs, and its API answers under <code>{base}api/v1/</code>, but this installation holds no user interface.
In a checkout, <code>make dev</code> or <code>npm --prefix web run build</code> builds it; a wheel carries it.</p>
</body></html>
"""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
"""Of what the page consists of: machines differ in what they take a script for."""


class Pages:
    """Answers what no route answers: a file, the page, or a problem."""

    def __init__(self, folder: Path = ASSETS) -> None:
        self._folder = folder.resolve()

    def is_asset(self, path: str) -> bool:
        """Whether a path is a file of the page other than the page itself."""
        return self._file(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that no route took."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        request = Request(scope, receive)
        answer = await self._respond(request)
        await answer(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        root: str = request.scope.get("root_path", "")
        path = request.scope["path"][len(root) :] or "/"
        if path.startswith("/api/"):
            raise HTTPException(404, f"There is nothing at {path}.")
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, f"{path} can only be read.", headers={"allow": "GET, HEAD"})
        if path == "/" and (answered := await exchange(request)) is not None:
            return answered
        file = self._file(path)
        if file is not None:
            hashed = file.parent != self._folder
            kind = _TYPES.get(file.suffix, "application/octet-stream")
            return FileResponse(file, headers={"cache-control": _FOR_EVER if hashed else "no-cache"}, media_type=kind)
        if "." in path.rpartition("/")[2] and path.startswith("/assets/"):
            raise HTTPException(404, f"There is no file {path}.")
        return self._page(root + "/", path)

    def _file(self, path: str) -> Path | None:
        """The file behind a path; only what lies in the folder, and never the page itself."""
        name = path.lstrip("/")
        if not name or "\0" in name:
            return None
        try:
            file = (self._folder / name).resolve()
            own = file.is_relative_to(self._folder) and file != self._folder / "index.html"
            return file if own and file.is_file() else None
        except (OSError, ValueError):
            return None  # longer than a name can be, or of characters that no file's name has

    def _page(self, base: str, path: str) -> Response:
        headers = {"cache-control": "no-cache"}
        try:
            page = (self._folder / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return HTMLResponse(_NOT_BUILT.format(base=html.escape(base)), status_code=503, headers=headers)
        tag = f'<base href="{html.escape(base)}">'
        page, found = _BASE_TAG.subn(tag, page, count=1)
        page = page if found else page.replace("<head>", f"<head>{tag}", 1)
        if path.startswith("/runs/"):
            page = page.replace("</head>", f"{self._ahead}</head>", 1)
        return HTMLResponse(page, headers=headers)

    @property
    def _ahead(self) -> str:
        """Links that fetch the console's code while the page's own is still read."""
        kinds = {".js": 'rel="modulepreload"', ".css": 'rel="preload" as="style"'}
        files = sorted((self._folder / "assets").glob("RunPage-*"))
        found = [(kinds[file.suffix], file.name) for file in files if file.suffix in kinds]
        return "".join(f'<link {kind} crossorigin href="./assets/{name}">' for kind, name in found)
