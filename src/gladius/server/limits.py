"""No request may fill the memory: a body that is read whole has a largest size. Upstream: guard. Downstream: the app."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gladius.server.problems import problem

LARGEST_BODY = 4 << 20
"""Bytes: eight times the largest file that may be written through the API."""
STREAMED = ("/api/v1/datasets/upload", "/api/v1/knowledge/documents", "/tensorboard/")
"""Paths whose routes take a body piece by piece and have a limit of their own."""


class Limits:
    """ASGI middleware that refuses larger bodies, by their word and by count."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path.startswith(STREAMED):
            await self._app(scope, receive, send)
            return
        told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not told.isdigit() or int(told[:20]) > LARGEST_BODY:
            mib = LARGEST_BODY >> 20
            refusal = problem(413, "body_too_large", f"A request has at most {mib} MiB.", "Send less at once.")
            await refusal(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > LARGEST_BODY:
                raise HTTPException(413, "The request is too large.")
            return message

        await self._app(scope, counted, send)
