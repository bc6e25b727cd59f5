"""Machine samples. Upstream: store. Downstream: memory panel, client."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.wire.runs import SystemAnswer, SystemSample

router = api_router("system")


@router.get("/runs/{run_id}/system", response_model=SystemAnswer)
async def get_system(run: TheRun, max_points: Annotated[int, Query(ge=1, le=4000)] = 1000) -> Response:
    """Samples over the whole run, oldest first, evenly thinned to `max_points`; the newest is always among them."""
    count = len(run.system)
    step = -(-count // max_points) if count else 1
    samples = []
    for event in run.system[(count - 1) % step :: step] if count else []:
        try:
            samples.append(SystemSample.model_validate(event))
        except ValueError:
            continue
    return answer(SystemAnswer.model_construct(samples=samples, cursor=run.supervisor.last_seq))
