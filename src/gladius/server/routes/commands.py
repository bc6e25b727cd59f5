"""Commands to a run, and what became of them. Upstream: desk. Downstream: buttons, client, audit."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from gladius.desk.audit import as_csv, as_jsonl
from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms, TheRun
from gladius.wire.runs import CommandRecord
from gladius.wire.steering import CommandAnswer, CommandRequest, RevertRequest

router = api_router("commands")


@router.post("/runs/{run_id}/commands", status_code=202, response_model=CommandAnswer)
async def send_command(run: TheRun, rooms: TheRooms, body: CommandRequest, request: Request) -> Response:
    """Post a command. It is true only when its record says `applied`; the same id is posted once."""
    command_id = await rooms.desk.send(run.run_id, body.command, body.args, caller(request), body.id)
    return answer(CommandAnswer(command_id=command_id), 202)


@router.post("/runs/{run_id}/revert", status_code=202, response_model=CommandAnswer)
async def revert(run: TheRun, rooms: TheRooms, body: RevertRequest, request: Request) -> Response:
    """Post a `set` of the value that a hyperparameter had before its last change."""
    command_id = await rooms.desk.revert(run.run_id, body.name, caller(request), body.id)
    return answer(CommandAnswer(command_id=command_id), 202)


@router.get(
    "/runs/{run_id}/commands",
    response_model=list[CommandRecord],
    responses={200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}},
)
async def list_commands(run: TheRun, rooms: TheRooms, format: Literal["json", "jsonl", "csv"] = "json") -> Response:
    """Every command of a run, oldest first: who, when, what, and what became of it."""
    records = await rooms.desk.commands(run.run_id)
    if format == "json":
        return answer_list(records)
    text, media_type = (
        (as_jsonl(records), "application/x-ndjson") if format == "jsonl" else (as_csv(records), "text/csv")
    )
    named = {"content-disposition": f"attachment; filename={run.run_id}-commands.{format}"}
    return Response(text, headers=named, media_type=media_type)


@router.get("/runs/{run_id}/commands/{command_id}", response_model=CommandRecord)
async def get_command(run: TheRun, command_id: str, rooms: TheRooms) -> Response:
    """One command and its acks."""
    return answer(await rooms.desk.command(run.run_id, command_id))
