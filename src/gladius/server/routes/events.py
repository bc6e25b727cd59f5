"""Events of one stream. Upstream: store. Downstream: client, `gladius pulse`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import JSON, LARGEST
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.wire.runs import EventsAnswer

router = api_router("events")


@router.get("/runs/{run_id}/events", response_model=EventsAnswer)
async def get_events(
    run: TheRun,
    stream: Literal["trainer", "supervisor"] = "trainer",
    after_seq: Annotated[int, Query(ge=-1, le=LARGEST)] = -1,
    type: Annotated[list[str] | None, Query(description="May be repeated")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Events after a seq, oldest first, as their writer wrote them."""
    source = run.trainer if stream == "trainer" else run.supervisor
    types = frozenset(type) if type else None
    batch = source.after(after_seq, None if types is None else types.__contains__, limit, max_bytes=8 << 20)
    events = b",".join(line.raw for line in batch.lines)
    head = f'{{"stream":"{stream}","cursor":{batch.cursor},"more":{"true" if batch.more else "false"},"events":['
    return Response(head.encode() + events + b"]}", media_type=JSON)
