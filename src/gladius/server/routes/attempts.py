"""Go on with a run, or fork it. Upstream: launch. Downstream: buttons, client."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms, TheRun
from gladius.wire.catalog import StartAnswer
from gladius.wire.steering import ForkRequest, ResumePreview, ResumeRequest

router = api_router("attempts")

Preview = Annotated[bool, Query(description="Only tell what would be restored, what not, and what changes")]
_PREVIEWED: dict[int | str, dict[str, Any]] = {200: {"model": ResumePreview, "description": "The preview"}}


@router.post("/runs/{run_id}/resume", status_code=201, response_model=StartAnswer, responses=_PREVIEWED)
async def resume(
    run: TheRun, rooms: TheRooms, request: Request, body: ResumeRequest | None = None, preview: Preview = False
) -> Response:
    """Start a new attempt of a released, failed, stopped or killed run; 409 while a process of it lives."""
    wanted = body or ResumeRequest()
    if preview:
        return answer(await asyncio.to_thread(rooms.resumer.preview_resume, run.directory, wanted))
    number = await asyncio.to_thread(rooms.resumer.resume, run.directory, wanted, caller(request))
    rooms.store.adopt(run.run_id)
    view = await rooms.store.view(run.run_id)
    view.refresh()
    return answer(StartAnswer(run_id=run.run_id, state=view.state, attempt=number), 201)


@router.post("/runs/{run_id}/fork", status_code=201, response_model=StartAnswer, responses=_PREVIEWED)
async def fork(
    run: TheRun, rooms: TheRooms, request: Request, body: ForkRequest | None = None, preview: Preview = False
) -> Response:
    """Start a new run from a checkpoint of this one, which may live or have ended."""
    wanted = body or ForkRequest()
    if preview:
        return answer(await asyncio.to_thread(rooms.resumer.preview_fork, run.directory, wanted))
    child = await asyncio.to_thread(rooms.resumer.fork, run.directory, wanted, "api", caller(request))
    rooms.store.adopt(child.run_id)
    view = await rooms.store.view(child.run_id)
    location = f"{request.scope.get('root_path', '')}/api/v1/runs/{child.run_id}"
    return answer(StartAnswer(run_id=child.run_id, state=view.state, attempt=1), 201, {"location": location})
