"""Probes: a few measured steps of a run that is not started. Upstream: launch. Downstream: start form, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.errors import FieldErrors
from gladius.launch.probe import DEFAULT_LIMIT_S
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.server.routes.runs import START_BODY, json_body
from gladius.server.start_check import check_start
from gladius.wire.probe import ProbeAnswer

router = api_router("runs")

Limit = Annotated[float, Query(ge=5, le=3600, description="Seconds after which it is ended, whatever it has measured")]


@router.post("/runs/probe", status_code=201, response_model=ProbeAnswer, openapi_extra=START_BODY)
async def start_probe(rooms: TheRooms, request: Request, limit_s: Limit = DEFAULT_LIMIT_S) -> Response:
    """Take three steps of such a run and measure them; it is no run. 409 when the machine is full, 422 as `POST /runs`."""
    body = await json_body(request)
    wanted = await asyncio.to_thread(check_start, body, rooms.profiles, rooms.datasets, rooms.presets)
    if refused := await asyncio.to_thread(rooms.preflight.refuse, wanted):
        raise FieldErrors(refused)
    begun = await asyncio.to_thread(rooms.probes.start, wanted, limit_s)
    location = f"{request.scope.get('root_path', '')}/api/v1/runs/probe/{begun.probe_id}"
    return answer(begun, 201, {"location": location})


@router.get("/runs/probe/{probe_id}", response_model=ProbeAnswer)
async def get_probe(probe_id: str, rooms: TheRooms) -> Response:
    """How far a probe is, or what came of it."""
    return answer(rooms.probes.answer(probe_id))


@router.delete("/runs/probe/{probe_id}", response_model=ProbeAnswer)
async def cancel_probe(probe_id: str, rooms: TheRooms) -> Response:
    """End a probe; answers when nothing of it is left. One that has ended stays as it is."""
    return answer(await asyncio.to_thread(rooms.probes.cancel, probe_id))
