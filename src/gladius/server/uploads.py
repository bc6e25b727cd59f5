"""Take a request's body into a file, piece by piece. Upstream: browser, client. Downstream: the rooms that keep it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.requests import Request

from gladius.catalog.dataset_adding import Upload

_PIECE = 2**20
BYTES_BODY: dict[str, Any] = {
    "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
"""What OpenAPI says of such a body."""


def told_length(request: Request) -> int | None:
    """How many bytes the client says it sends."""
    told = request.headers.get("content-length", "")
    return int(told) if told.isdecimal() else None


async def take(request: Request, upload: Upload) -> tuple[Path, int]:
    """Write the body's bytes; returns where they are now, and how many. Nothing is kept of a body that breaks off."""
    size, pieces = 0, bytearray()
    try:
        async for piece in request.stream():
            pieces += piece
            size += len(piece)
            if len(pieces) >= _PIECE:
                await asyncio.to_thread(upload.write, bytes(pieces))
                pieces.clear()
        await asyncio.to_thread(upload.write, bytes(pieces))
        return await asyncio.to_thread(upload.finish), size
    finally:
        upload.abort()
