"""Commands to a run, and what became of them. Upstream: desk. Downstream: buttons, client."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.rooms import TheRooms, TheRun
from gladius.wire.catalog import CommandAnswer, CommandRequest
from gladius.wire.runs import CommandRecord

router = APIRouter(tags=["commands"])


@router.post("/runs/{run_id}/commands", status_code=202, response_model=CommandAnswer)
async def send_command(run: TheRun, rooms: TheRooms, body: CommandRequest, request: Request) -> Response:
    """Post a command. It is true only when its record says `applied`; the same id is posted once."""
    by = "browser" if "cookie" in request.headers and "authorization" not in request.headers else "api"
    command_id = await rooms.desk.send(run.run_id, body.command, body.args, by, body.id)
    return answer(CommandAnswer(command_id=command_id), 202)


@router.get("/runs/{run_id}/commands", response_model=list[CommandRecord])
async def list_commands(run: TheRun, rooms: TheRooms) -> Response:
    """Every command of a run, oldest first."""
    return answer_list(await rooms.desk.commands(run.run_id))


@router.get("/runs/{run_id}/commands/{command_id}", response_model=CommandRecord)
async def get_command(run: TheRun, command_id: str, rooms: TheRooms) -> Response:
    """One command and its acks."""
    return answer(await rooms.desk.command(run.run_id, command_id))
