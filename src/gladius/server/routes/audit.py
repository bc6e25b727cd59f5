"""Who did what. Upstream: users. Downstream: the page of the audit."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.users.audit import Wanted, read_audit
from gladius.wire.users import AuditPage

router = api_router("users")


@router.get("/audit", response_model=AuditPage)
async def get_audit(
    rooms: TheRooms,
    name: Annotated[str | None, Query(description="A user or token; `owner` is the home's owner")] = None,
    run: str | None = None,
    refused: Annotated[bool, Query(description="Only what was answered with 400 and more")] = False,
    before: Annotated[float | None, Query(description="Unix seconds")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Writes, sign-ins and refusals, the newest first."""
    wanted = Wanted(name, run, refused, before)
    found = await asyncio.to_thread(read_audit, rooms.home.audit, wanted, limit + 1)
    return answer(AuditPage(entries=found[:limit], more=len(found) > limit))
