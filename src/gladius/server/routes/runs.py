"""Runs: list, record, start. Upstream: store, launch. Downstream: browser, client."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.desk.ability import disabled_commands, pause_modes, splits
from gladius.errors import FieldErrors, GladiusError
from gladius.server.answers import answer
from gladius.server.caller import caller
from gladius.server.rooms import Rooms, TheRooms, TheRun
from gladius.server.start_check import check_start
from gladius.store.record import Steering, record
from gladius.store.view import RunView
from gladius.wire.base import TERMINAL_STATES
from gladius.wire.catalog import StartAnswer, StartRequest
from gladius.wire.runs import RunList, RunRecord, RunSummary

router = APIRouter(tags=["runs"])

_MAX_BODY = 1 << 20


@router.get("/runs", response_model=RunList)
async def list_runs(
    rooms: TheRooms,
    status: Annotated[
        str | None, Query(description="States, separated by commas; `live` and `ended` are groups")
    ] = None,
    profile: str | None = None,
    tag: str | None = None,
    q: Annotated[str | None, Query(description="Part of the name, id, profile or dataset")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="The `cursor` of the page before")] = None,
) -> Response:
    """Summaries, newest first."""
    states = frozenset(status.split(",")) if status else None
    found: list[RunSummary] = []
    for run_id in rooms.store.ids():
        if cursor is not None and run_id >= cursor:
            continue
        if len(found) == limit:
            return answer(RunList.model_construct(runs=found, cursor=found[-1].run_id))
        summary = await _summary(rooms, run_id)
        if summary is None or not _state_fits(summary, states) or (profile and summary.profile_id != profile):
            continue
        if (tag and tag not in await _tags(rooms, run_id)) or (q and not _mentions(summary, q.lower())):
            continue
        found.append(summary)
    return answer(RunList.model_construct(runs=found, cursor=None))


@router.post("/runs", status_code=201, response_model=StartAnswer, openapi_extra={
    "requestBody": {"required": True, "content": {"application/json": {"schema": StartRequest.model_json_schema()}}}
})  # fmt: skip
async def start_run(rooms: TheRooms, request: Request) -> Response:
    """Start a run of a profile; 422 names every wrong field."""
    body = await _json_body(request)
    wanted = await asyncio.to_thread(check_start, body, rooms.profiles, rooms.datasets, rooms.presets)
    directory = await asyncio.to_thread(rooms.queue.submit, wanted, "api", caller(request), wanted.queue)
    rooms.store.adopt(directory.run_id)
    view = await rooms.store.caught_up(directory.run_id)
    location = f"{request.scope.get('root_path', '')}/api/v1/runs/{directory.run_id}"
    return answer(StartAnswer(run_id=directory.run_id, state=view.state), 201, {"location": location})


@router.get("/runs/{run_id}", response_model=RunRecord)
async def get_run(run: TheRun, rooms: TheRooms) -> Response:
    """The whole record of a run; its cursors make the socket go on where the record ends."""
    return answer(await record_of(run, rooms))


async def record_of(run: RunView, rooms: Rooms) -> RunRecord:
    """The record, with what only the rooms above the store can judge."""
    children = await rooms.store.children(run.run_id)
    disabled = disabled_commands(run)
    if (reason := rooms.boards.reason()) is not None:
        disabled["tensorboard"] = reason
    return record(run, Steering(disabled, pause_modes(run), splits(run)), children)


async def _json_body(request: Request) -> dict[str, Any]:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _MAX_BODY:
            raise FieldErrors([{"field": "body", "message": "larger than 1 MiB"}])
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise FieldErrors([{"field": "body", "message": "a JSON object is expected"}])
    return body


async def _summary(rooms: Rooms, run_id: str) -> RunSummary | None:
    try:
        return await rooms.store.summary(run_id)
    except GladiusError:
        return None


async def _tags(rooms: Rooms, run_id: str) -> list[str]:
    view = await rooms.store.view(run_id)
    tags = view.annotations.get("tags", view.run.get("tags"))
    return tags if isinstance(tags, list) else []


def _state_fits(summary: RunSummary, states: frozenset[str] | None) -> bool:
    if states is None or summary.state in states:
        return True
    ended = summary.state in TERMINAL_STATES or summary.state == "released"
    return ("ended" if ended else "live") in states


def _mentions(summary: RunSummary, text: str) -> bool:
    return any(
        text in (value or "").lower()
        for value in (summary.name, summary.run_id, summary.profile_id, summary.dataset_id)
    )
