"""Checkpoints of a run. Upstream: store. Downstream: progress panel, resume."""

from __future__ import annotations

from starlette.responses import Response

from gladius.server.answers import answer_list
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.store.resumable import checkpoint_here
from gladius.wire.runs import Checkpoint

router = api_router("checkpoints")


@router.get("/runs/{run_id}/checkpoints", response_model=list[Checkpoint])
async def get_checkpoints(run: TheRun) -> Response:
    """Every save, failed ones too, oldest first; `available` says whether its folder is still there."""
    return answer_list([found for found in map(checkpoint_here, run.checkpoints) if found is not None])
