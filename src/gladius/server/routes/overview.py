"""Mission Overview beside its runs: what happened, the machine, files to watch. Upstream: hub, launch. Downstream: browser, client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.hub.activities import SHOWN
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms, TheRun
from gladius.wire.overview import ActivitiesAnswer, AttachAnswer, AttachRequest, MachineSample

router = api_router("overview")


@router.get("/activities", response_model=ActivitiesAnswer)
async def get_activities(rooms: TheRooms, limit: Annotated[int, Query(ge=1, le=300)] = SHOWN) -> Response:
    """The last things that happened, over all runs, newest first."""
    return answer(ActivitiesAnswer(activities=await rooms.activities.newest(limit)))


@router.get("/machine", response_model=MachineSample)
async def get_machine(rooms: TheRooms) -> Response:
    """The machine that the server runs on, measured now."""
    return answer(await rooms.machine.sample())


@router.post("/attach", response_model=AttachAnswer, status_code=201)
async def attach(rooms: TheRooms, body: AttachRequest) -> Response:
    """Watch a status file as a run; it must lie in the home or in a folder of datasets. One file is one run."""
    run = await rooms.attachments.attach(Path(body.path), body.name)
    view = await rooms.store.view(run.run_id)
    return answer(AttachAnswer(run_id=run.run_id, state=view.state), 201)


@router.delete("/attach/{run_id}", response_model=AttachAnswer)
async def detach(run: TheRun, rooms: TheRooms, request: Request) -> Response:
    """Watch the file no more; the run stays as it was last seen."""
    await rooms.attachments.detach(run, caller(request))
    return answer(AttachAnswer(run_id=run.run_id, state=run.state))
