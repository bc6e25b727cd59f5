"""What a person should know, and that they know it. Upstream: alerts. Downstream: bell, toasts, client."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.caller import caller
from gladius.server.rooms import TheRooms
from gladius.wire.alerts import AlertRecord, AlertsAnswer

router = api_router("alerts")


@router.get("/alerts", response_model=AlertsAnswer)
async def get_alerts(
    rooms: TheRooms,
    run_id: Annotated[
        str | None, Query(description="Id, unique prefix, name or `latest`; all runs where left out")
    ] = None,
    active: Annotated[bool | None, Query(description="true: that last; false: that have ended")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Alerts and notices, the newest first."""
    wanted = None if run_id is None else rooms.store.resolve(run_id)
    if wanted is not None:
        # A run that ended long ago is judged when it is looked at.
        await rooms.store.view(wanted)
    return answer(AlertsAnswer(alerts=rooms.alerts.alerts(wanted, active, limit)))


@router.post("/alerts/{alert_id}/ack", response_model=AlertRecord)
async def acknowledge(alert_id: str, rooms: TheRooms, request: Request) -> Response:
    """Note that a person has seen it; done twice, the first stays."""
    return answer(rooms.alerts.acknowledge(alert_id, caller(request)))
