"""Ended trainings, and the runs that were deleted. Upstream: training_runs.jsonl, trash. Downstream: page, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.store.history import get_training_history
from gladius.wire.runs import HistoryEntry, RunSummary, TrashedRun

router = api_router("history")


@router.get("/history", response_model=list[HistoryEntry])
async def get_history(rooms: TheRooms, limit: Annotated[int, Query(ge=1, le=10_000)] = 10) -> Response:
    """The last line of each training, newest first; empty when nothing was trained yet."""
    return answer_list(await asyncio.to_thread(get_training_history, limit, rooms.home))


@router.get("/trash", response_model=list[TrashedRun])
async def list_deleted_runs(rooms: TheRooms) -> Response:
    """The runs that were deleted, last first."""
    return answer_list(await asyncio.to_thread(rooms.store.trash.entries))


@router.post("/trash/{entry}/restore", response_model=RunSummary)
async def restore_run(entry: str, rooms: TheRooms) -> Response:
    """Put a deleted run back where it was; 409 when a run of its id is there by now."""
    return answer(await rooms.store.summary(await rooms.store.restore(entry)))


@router.delete("/trash/{entry}", status_code=204)
async def remove_run_for_good(entry: str, rooms: TheRooms) -> Response:
    """Remove a deleted run from the disk. Nothing brings it back."""
    await asyncio.to_thread(rooms.store.trash.empty, entry)
    return Response(status_code=204)
