"""Ended trainings. Upstream: training_runs.jsonl. Downstream: overview, history page, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gladius.server.answers import answer_list
from gladius.server.rooms import TheRooms
from gladius.store.history import read_history
from gladius.wire.runs import HistoryEntry

router = APIRouter(tags=["history"])


@router.get("/history", response_model=list[HistoryEntry])
async def get_history(rooms: TheRooms, limit: Annotated[int, Query(ge=1, le=10_000)] = 10) -> Response:
    """The last line of each training, newest first; empty when nothing was trained yet."""
    return answer_list(await asyncio.to_thread(read_history, rooms.home.history, limit))
