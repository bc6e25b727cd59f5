"""The output of a run: raw bytes, search, and the place of a step. Upstream: store. Downstream: log view, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import LARGEST, answer, answer_list
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.store.logs import read_range
from gladius.store.search import search
from gladius.wire.runs import LinePlace, LogPlace, SearchHit, SearchPage

router = api_router("console")

_MAX_BYTES = 16 << 20


@router.get(
    "/runs/{run_id}/console", responses={206: {"content": {"application/octet-stream": {}}}}, response_class=Response
)
async def get_console(
    run: TheRun,
    offset: Annotated[int, Query(ge=-LARGEST, le=LARGEST, description="Negative: from the end")] = 0,
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
    """The first lines that hold `q`, over the whole log, as a bare list; plain text is found whatever its case."""
    page = await asyncio.to_thread(search, run.directory.console_log, q, regex=regex, limit=limit)
    return answer_list(page.hits)


@router.get("/runs/{run_id}/console/find", response_model=SearchPage)
async def find_in_console(
    run: TheRun,
    q: Annotated[str, Query(min_length=1, max_length=500)],
    regex: bool = False,
    case: Annotated[bool, Query(description="Capitals matter")] = False,
    word: Annotated[bool, Query(description="Whole words only")] = False,
    newest: Annotated[bool, Query(description="From the end backwards")] = False,
    offset: Annotated[int | None, Query(ge=0, le=LARGEST, description="Go on from `next` of the page before")] = None,
    line: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """A page of the lines that hold `q`; a request searches for at most two seconds and says where the next goes on."""
    start = None if offset is None else LinePlace(offset=offset, line=line)
    log = run.directory.console_log
    page = await asyncio.to_thread(
        search, log, q, regex=regex, case=case, word=word, newest=newest, start=start, limit=limit
    )
    return answer(page)


@router.get("/runs/{run_id}/console/place", response_model=LogPlace)
async def place_of_step(run: TheRun, step: Annotated[int, Query(ge=0, le=LARGEST)]) -> Response:
    """Where the lines of a step are in the log: its own place, else that of the nearest logged step."""
    place = run.table.log_place(step)
    return answer(LogPlace(step=place[0], offset=place[1]) if place else LogPlace(step=None, offset=None))
