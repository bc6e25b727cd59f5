"""The output of a run: raw bytes, and search. Upstream: store.logs. Downstream: log view, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gladius.server.answers import answer_list
from gladius.server.rooms import TheRun
from gladius.store.logs import read_range, search
from gladius.wire.runs import SearchHit

router = APIRouter(tags=["console"])

_MAX_BYTES = 16 << 20


@router.get(
    "/runs/{run_id}/console", responses={206: {"content": {"application/octet-stream": {}}}}, response_class=Response
)
async def get_console(
    run: TheRun,
    offset: Annotated[int, Query(description="Negative: from the end")] = 0,
    limit: Annotated[int, Query(ge=1, le=_MAX_BYTES)] = 1 << 20,
) -> Response:
    """Raw bytes, unchanged: 206 with `Content-Range`; 200 and nothing where there is nothing from `offset` on."""
    piece = await asyncio.to_thread(read_range, run.directory.console_log, offset, limit)
    last = piece.offset + len(piece.data) - 1
    range_ = f"bytes {piece.offset}-{last}/{piece.size}" if piece.data else f"bytes */{piece.size}"
    return Response(
        piece.data,
        status_code=206 if piece.data else 200,
        headers={"content-range": range_, "content-disposition": "attachment; filename=console.log"},
        media_type="application/octet-stream",
    )


@router.get("/runs/{run_id}/console/search", response_model=list[SearchHit])
async def search_console(
    run: TheRun,
    q: Annotated[str, Query(min_length=1, max_length=500)],
    regex: bool = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The first lines that hold `q`, over the whole log; plain text is found whatever its case."""
    return answer_list(await asyncio.to_thread(search, run.directory.console_log, q, regex, limit))
