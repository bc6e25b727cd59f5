"""PULSE v1 of a run. Upstream: store. Downstream: v1 clients."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.wire.runs import Status

router = api_router("runs")


@router.get("/runs/{run_id}/status", response_model=Status)
async def get_status(run: TheRun) -> Response:
    """The six fields, exactly as written."""
    if run.status is None:
        raise HTTPException(404, f"Run '{run.run_id}' has no readable training_status.json.")
    return answer(Status(**run.status))
