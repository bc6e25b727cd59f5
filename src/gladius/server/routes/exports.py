"""A run to take away. Upstream: exchange. Downstream: export dialog, `gladius export`, client."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from gladius.exchange.export import check_format, export
from gladius.server.rooms import TheRooms, TheRun
from gladius.server.routes.runs import record_of

router = APIRouter(tags=["exports"])

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
