"""Commands as text. Upstream: text orders. Downstream: command palette, `gladius command`, client."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms
from gladius.server.text_orders import obey
from gladius.wire.flows import TextCommand, TextCommandAnswer

router = api_router("commands")


@router.post("/commands", status_code=201, response_model=TextCommandAnswer)
async def text_command(body: TextCommand, rooms: TheRooms, request: Request) -> Response:
    """Do what a text says: `TRAIN AGENT` or `INDEX KNOWLEDGE`; 422 names everything wrong with its line."""
    return answer(await obey(rooms, body.command_text, caller(request)), 201)
