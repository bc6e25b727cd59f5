"""Is the home well. Upstream: store.soundness. Downstream: browser."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.wire.home import HomeAnswer

router = api_router("server")


@router.get("/home", response_model=HomeAnswer)
async def get_home(rooms: TheRooms) -> Response:
    """What is wrong with the home's disk and files now, each with what to do; nothing, when it is well."""
    problems = await asyncio.to_thread(rooms.soundness.problems)
    return answer(HomeAnswer(home=str(rooms.home.root), problems=problems))
