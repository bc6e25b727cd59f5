"""Checkpoints of a run. Upstream: store. Downstream: progress panel, resume."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gladius.server.answers import answer_list
from gladius.server.rooms import TheRun
from gladius.store.summary import checkpoint
from gladius.wire.events import CheckpointEvent

router = APIRouter(tags=["checkpoints"])


@router.get("/runs/{run_id}/checkpoints", response_model=list[CheckpointEvent])
async def get_checkpoints(run: TheRun) -> Response:
    """Every save, failed ones too, oldest first."""
    return answer_list([found for found in map(checkpoint, run.checkpoints) if found is not None])
