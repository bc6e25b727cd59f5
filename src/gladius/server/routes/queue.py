"""Who waits for the machine, in which order. Upstream: launch. Downstream: overview page, client."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from gladius.errors import NotWaiting
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms, TheRun
from gladius.wire.queue import QueueAnswer, QueueChange

router = api_router("queue")


@router.get("/queue", response_model=QueueAnswer)
async def get_queue(rooms: TheRooms) -> Response:
    """What the machine can hold, what runs, who waits and about when each will start."""
    return answer(rooms.queue.answer())


@router.patch("/queue/{run_id}", response_model=QueueAnswer)
async def change_queue(run: TheRun, rooms: TheRooms, body: QueueChange) -> Response:
    """Give a waiting run another priority or place; 409 when it does not wait."""
    await asyncio.to_thread(rooms.queue.change, run.run_id, body)
    return answer(rooms.queue.answer())


@router.delete("/queue/{run_id}", response_model=QueueAnswer)
async def cancel_waiting(run: TheRun, rooms: TheRooms, request: Request) -> Response:
    """Cancel a waiting run: it ends as `cancelled` without having started; 409 when it does not wait."""
    if not await rooms.queue.withdraw(run.run_id, caller(request)):
        raise NotWaiting(run.run_id)
    await rooms.store.caught_up(run.run_id)
    return answer(rooms.queue.answer())
