"""Runs: list, record, start, rename, delete. Upstream: store, launch. Downstream: browser, client."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.desk.ability import disabled_commands, pause_modes, splits
from gladius.errors import FieldErrors
from gladius.server.answers import JSON, LARGEST, answer
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.description import place_of
from gladius.server.rooms import Rooms, TheRooms, TheRun
from gladius.server.start_check import check_start
from gladius.store.family import family_of
from gladius.store.pages import page_of
from gladius.store.record import Steering, record
from gladius.store.table import Order, Sort, Wanted
from gladius.store.view import RunView
from gladius.wire.catalog import StartAnswer, StartRequest
from gladius.wire.preflight import CheckAnswer, CheckFinding
from gladius.wire.runs import RunList, RunPatch, RunRecord, RunSummary, TrashedRun

router = api_router("runs")

_MAX_BODY = 1 << 20
START_BODY = {"requestBody": {"required": True, "content": {JSON: {"schema": {"$ref": place_of(StartRequest)}}}}}


@router.get("/runs", response_model=RunList)
async def list_runs(
    rooms: TheRooms,
    status: Annotated[
        str | None, Query(description="States, separated by commas; `live` and `ended` are groups")
    ] = None,
    profile: str | None = None,
    dataset: str | None = None,
    tag: Annotated[str | None, Query(description="Tags, separated by commas; a run has to carry all of them")] = None,
    source: str | None = None,
    q: Annotated[str | None, Query(description="Words that occur in name, id, profile, dataset, tags or notes")] = None,
    sort: Annotated[Sort, Query(description="Unknown values come last in either order")] = "created",
    order: Order = "desc",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="The `cursor` of the page before")] = None,
    offset: Annotated[int, Query(ge=0, le=LARGEST, description="Leave out so many")] = 0,
    facets: Annotated[bool, Query(description="Count what can be filtered by, over all runs")] = False,
) -> Response:
    """Summaries, newest first unless told otherwise."""
    wanted = Wanted(_words(status), profile or None, dataset or None, source or None, _words(tag), q or "", sort, order)
    return Response(await page_of(rooms.store, wanted, limit, cursor, offset, facets), media_type=JSON)


@router.post("/runs", status_code=201, response_model=StartAnswer, openapi_extra=START_BODY)
async def start_run(rooms: TheRooms, request: Request) -> Response:
    """Start a run of a profile; 422 names every wrong field."""
    body = await json_body(request)
    wanted = await asyncio.to_thread(check_start, body, rooms.profiles, rooms.datasets, rooms.presets)
    if refused := await asyncio.to_thread(rooms.preflight.refuse, wanted):
        raise FieldErrors(refused)
    directory = await asyncio.to_thread(rooms.queue.submit, wanted, "api", caller(request), wanted.queue)
    rooms.store.adopt(directory.run_id)
    view = await rooms.store.caught_up(directory.run_id)
    location = f"{request.scope.get('root_path', '')}/api/v1/runs/{directory.run_id}"
    return answer(StartAnswer(run_id=directory.run_id, state=view.state), 201, {"location": location})


@router.post("/runs/check", response_model=CheckAnswer, openapi_extra=START_BODY)
async def check_run(rooms: TheRooms, request: Request) -> Response:
    """Look whether a run of this body can start, in seconds; nothing is started. 422 only for what is no such body."""
    body = await json_body(request)
    try:
        wanted = await asyncio.to_thread(check_start, body, rooms.profiles, rooms.datasets, rooms.presets)
    except FieldErrors as error:
        found = [
            CheckFinding(check="request", level="error", message=str(one["message"]), field=str(one["field"]))
            for one in error.errors
        ]
        return answer(CheckAnswer(possible=False, findings=found, seconds=0.0))
    return answer(await asyncio.to_thread(rooms.preflight.check, wanted))


@router.get("/runs/{run_id}", response_model=RunRecord)
async def get_run(run: TheRun, rooms: TheRooms) -> Response:
    """The whole record of a run; its cursors make the socket go on where the record ends."""
    return answer(await record_of(run, rooms))


@router.patch("/runs/{run_id}", response_model=RunSummary)
async def annotate_run(run_id: str, body: RunPatch, rooms: TheRooms) -> Response:
    """Change its name, tags or notes; 409 when the notes are others than `notes_before`."""
    return answer(await rooms.store.annotate(rooms.store.resolve(run_id), body))


@router.delete("/runs/{run_id}", response_model=TrashedRun)
async def delete_run(run_id: str, rooms: TheRooms) -> Response:
    """Put it into the trash, whence it can be restored; 409 while it lives."""
    exact = rooms.store.resolve(run_id)
    thrown = await rooms.store.delete(exact)
    await rooms.boards.end(exact)
    return answer(thrown)


async def record_of(run: RunView, rooms: Rooms) -> RunRecord:
    """The record, with what only the rooms above the store can judge."""
    family = await family_of(rooms.store, run)
    disabled = disabled_commands(run)
    if (reason := rooms.boards.reason()) is not None:
        disabled["tensorboard"] = reason
    return record(run, Steering(disabled, pause_modes(run), splits(run)), family)


async def json_body(request: Request) -> dict[str, Any]:
    """The body as an object; raises FieldErrors for anything else, and for one that is too large."""
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


def _words(text: str | None) -> frozenset[str]:
    return frozenset(word.strip() for word in (text or "").split(",") if word.strip())
