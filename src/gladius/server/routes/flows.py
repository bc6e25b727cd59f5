"""Flows and their runs. Upstream: flows. Downstream: flows page, client."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.flows.warden import Papers
from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms
from gladius.wire.flows import FlowDraft, FlowInfo, FlowRun, FlowStart, StepOutput

router = api_router("flows")

_SHOWN = 64 * 1024


@router.get("/flows", response_model=list[FlowInfo])
async def list_flows(rooms: TheRooms) -> Response:
    """Every flow, people's own first; `problems` says what is wrong with one."""
    return answer_list(await asyncio.to_thread(rooms.flows.flows.all))


@router.post("/flows/check", response_model=FlowInfo)
async def check_flow(body: FlowDraft, rooms: TheRooms) -> Response:
    """What a text would be as a flow, with everything that is wrong in `problems`; nothing is kept."""
    return answer(await asyncio.to_thread(rooms.flows.flows.check, body.text, body.id))


@router.get("/flows/{flow_id}", response_model=FlowInfo)
async def get_flow(flow_id: str, rooms: TheRooms) -> Response:
    """One flow, a broken one too."""
    return answer(await asyncio.to_thread(rooms.flows.flows.get, flow_id))


@router.post("/flows/{flow_id}/runs", status_code=201, response_model=FlowRun)
async def run_flow(flow_id: str, body: FlowStart, rooms: TheRooms, request: Request) -> Response:
    """Begin a run of a flow; 422 names every wrong argument."""
    begun = await rooms.flows.start(flow_id, body.args, caller(request))
    location = f"{request.scope.get('root_path', '')}/api/v1/flow-runs/{begun.flow_run_id}"
    return answer(begun, 201, {"location": location})


@router.get("/flow-runs", response_model=list[FlowRun])
async def list_flow_runs(
    rooms: TheRooms, limit: Annotated[int, Query(ge=1, le=1000)] = 20, flow: str | None = None
) -> Response:
    """The newest runs of flows, newest first, with the state of each step."""
    return answer_list(await rooms.flows.history(limit, flow))


@router.get("/flow-runs/{flow_run_id}", response_model=FlowRun)
async def get_flow_run(flow_run_id: str, rooms: TheRooms) -> Response:
    """One run of a flow; `latest` is the newest."""
    return answer(await rooms.flows.get(flow_run_id))


@router.post("/flow-runs/{flow_run_id}/cancel", response_model=FlowRun)
async def cancel_flow_run(flow_run_id: str, rooms: TheRooms, request: Request) -> Response:
    """Have the step under way end (a training saves a checkpoint) and no other begin; 409 when it has ended."""
    return answer(await rooms.flows.cancel(flow_run_id, caller(request)))


@router.post("/flow-runs/{flow_run_id}/retry", response_model=FlowRun)
async def retry_flow_run(flow_run_id: str, rooms: TheRooms, request: Request) -> Response:
    """Go on from the first step that was not done, with the results of those before; 409 while it runs."""
    return answer(await rooms.flows.retry(flow_run_id, caller(request)))


@router.get("/flow-runs/{flow_run_id}/steps/{step_id}/output", response_model=StepOutput)
async def get_output(flow_run_id: str, step_id: str, rooms: TheRooms) -> Response:
    """The end of what the newest try of a COMMAND printed."""
    run = await rooms.flows.get(flow_run_id)
    tries = next((step.tries for step in run.steps if step.id == step_id), 0)
    papers = Papers(rooms.home.flow_work / run.flow_run_id, f"{step_id}-{tries}")
    return answer(await asyncio.to_thread(_tail, papers.output if tries else None))


def _tail(path: Path | None) -> StepOutput:
    try:
        if path is None:
            return StepOutput(text="")
        with path.open("rb") as file:
            begin = max(0, file.seek(0, os.SEEK_END) - _SHOWN)
            file.seek(begin)
            return StepOutput(text=file.read(_SHOWN).decode("utf-8", "replace"), skipped=begin)
    except OSError:
        return StepOutput(text="")
