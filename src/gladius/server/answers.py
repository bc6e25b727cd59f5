"""Wire models as JSON responses, without a second validation. Upstream: routes. Downstream: clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gladius.wire.base import Wire

JSON = "application/json"
LARGEST = (1 << 53) - 1
"""The largest whole number that a question may hold: every client carries it exactly, and so does all that counts in here."""

_PIECE = 1 << 18
"""Bytes that are sent at once: less is more turns than it is worth, all at once is fresh memory that costs more than its numbers."""

encode = msgspec.json.Encoder().encode


def answer(model: Wire, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """One model."""
    return Response(model.model_dump_json(), status_code=status, headers=headers, media_type=JSON)


def answer_list(models: Sequence[Wire]) -> Response:
    """A bare list of models."""
    return Response("[" + ",".join(model.model_dump_json() for model in models) + "]", media_type=JSON)


def answer_plain(data: Any) -> Response:
    """Plain data that holds finite numbers only."""
    return Response(encode(data), media_type=JSON)


def answer_in_pieces(pieces: Iterable[bytes], media_type: str = JSON, size: int | None = None) -> Response:
    """What is made while it is sent, with a turn for everybody else in between; what is short is sent at once.

    `size`: the bytes of all pieces, where that is known before they are made.
    """
    gathered = _gathered(pieces)
    begin = [*islice(gathered, 2)]
    if len(begin) < 2:
        return Response(b"".join(begin), media_type=media_type)
    return _InPieces(chain(begin, gathered), media_type, size)


class _InPieces(Response):
    """Sent until nobody listens. Starlette's own loads half of anyio to notice that, at the expense of the first answer."""

    def __init__(self, pieces: Iterator[bytes], media_type: str, size: int | None) -> None:
        self.status_code, self.media_type, self.background = 200, media_type, None
        self._pieces = pieces
        self.init_headers(None if size is None else {"content-length": str(size)})

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.create_task(_until_left(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for piece in self._pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)
                if left.done():
                    return left.result()  # None, or it raises what hearing of it did: a body too large
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            left.cancel()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
