"""A run to take away, and its TensorBoard. Upstream: exchange. Downstream: export dialog, `gladius export`, client."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gladius.exchange.export import check_format, export
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms, TheRun
from gladius.server.routes.runs import record_of
from gladius.store.record import config
from gladius.wire.exports import TensorBoardAnswer

router = api_router("exports")

_DOWNLOADS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}, "application/json": {}, "application/zip": {}, "application/octet-stream": {}}}
}


@router.get("/runs/{run_id}/export", response_class=StreamingResponse, responses=_DOWNLOADS)
async def export_run(
    run: TheRun,
    rooms: TheRooms,
    format: Annotated[
        str, Query(description="`csv`, `json`, `zip` (all there is), or `log` (console.log alone)")
    ] = "csv",
) -> Response:
    """The whole run as a download: every point in full precision, never decimated."""
    wanted = check_format(format)
    made = export(run.directory, await record_of(run, rooms), wanted)
    headers = {"content-disposition": made.disposition}
    if made.size is not None:
        headers["content-length"] = str(made.size)
    # Starlette asks a plain iterator for each chunk in a thread: the loop stays free.
    return StreamingResponse(made.chunks, media_type=made.media_type, headers=headers)


@router.post("/runs/{run_id}/tensorboard", response_model=TensorBoardAnswer)
async def open_tensorboard(run: TheRun, rooms: TheRooms, request: Request) -> Response:
    """Start TensorBoard on a run, or find the one that runs; it ends when nobody looks at it for a while.

    It shows what the trainer wrote for it and, beside that, the run's own numbers as they come.
    """
    name = run.annotations.get("name") or run.run.get("name") or run.run_id
    settings = await asyncio.to_thread(config, run, run.attempt)
    board = await rooms.boards.open(run.directory, str(name), settings, run.attempt)
    return answer(TensorBoardAnswer(url=f"{request.scope.get('root_path', '')}{board.path}/"))
