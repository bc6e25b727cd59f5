"""The course of the learning rate, before anybody changes it. Upstream: launch. Downstream: the adjust dialog."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gladius.launch.rate_course import rate_course
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.wire.steering import ScheduleCourse

router = api_router("commands")

Rate = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="A peak rate that is thought about")]


@router.get("/runs/{run_id}/schedule", response_model=ScheduleCourse)
async def get_schedule(run: TheRun, learning_rate: Rate = None) -> Response:
    """The learning rate over the whole run, by the schedule's formula; nothing is changed."""
    return answer(rate_course(run, learning_rate))
