"""Put the app together: routes, socket, guard, problems. Upstream: rooms. Downstream: uvicorn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from gladius import __version__
from gladius.server import description, login, problems, socket, tensorboard
from gladius.server.access import Access, every_route
from gladius.server.api import PREFIX, work_out_the_first
from gladius.server.credentials import Credentials
from gladius.server.guard import Guard
from gladius.server.limits import Limits
from gladius.server.pages import ASSETS, Pages
from gladius.server.presence import Presence
from gladius.server.rooms import Rooms
from gladius.server.routes import ROUTERS
from gladius.users.audit import Audit
from gladius.users.throttle import Throttle
from gladius.wire.messages import MachineMessage

END_S = 10.0
"""Each room has this long to close; what does not end by then is left to the end of the process."""

_log = logging.getLogger("gladius.server")


def create_app(rooms: Rooms, credentials: Credentials, base_path: str = "", assets: Path = ASSETS) -> ASGIApp:
    """Build the whole application; `base_path` is "" or begins with a slash and ends without one."""
    app = build_api(rooms, credentials)
    access = Access(every_route(app.routes))
    pages = Pages(assets)
    app.router.default = pages
    return Guard(
        Presence(Limits(app), rooms.home),
        access,
        credentials,
        app.state.audit,
        base_path,
        pages.is_asset,
        lambda path: rooms.boards.find(path) is not None,
    )


def build_api(rooms: Rooms, credentials: Credentials) -> FastAPI:
    """Build the routes alone, without the guard before them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        rooms.alerts.open()
        await rooms.store.open()
        await rooms.queue.open()
        await rooms.flows.open()
        tasks = [asyncio.create_task(work) for work in _beside(app, rooms, credentials)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.to_thread(rooms.probes.close)
            await rooms.queue.close()
            await _close(rooms)

    app = FastAPI(
        title="Gladius",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.rooms = rooms
    app.state.credentials = credentials
    app.state.audit = Audit(rooms.home.audit)
    app.state.throttle = Throttle()
    problems.install(app)
    for router in (*ROUTERS, socket.router, login.router, tensorboard.router):
        app.router.routes.extend(router.routes)
    description.install(app)
    return app


def _beside(app: FastAPI, rooms: Rooms, credentials: Credentials) -> list[Coroutine[Any, Any, None]]:
    """What goes on beside the answers."""
    machine = rooms.machine.tell_for_ever(
        lambda: rooms.hub.hears("machine"), lambda sample: rooms.hub.news("machine", MachineMessage(sample=sample))
    )
    return [
        work_out_the_first(app.routes),
        rooms.alerts.catch_up(),
        rooms.activities.catch_up(),
        rooms.attachments.catch_up(),
        rooms.probes.clear_away(),
        machine,
        credentials.keys.seen.write_for_ever(),
    ]


async def _close(rooms: Rooms) -> None:
    """Close every room, whatever becomes of another: nothing may keep a server that is told to end."""
    await rooms.flows.close()
    rooms.activities.close()
    await rooms.attachments.close()
    parts = {"TensorBoard": rooms.boards.close(), "the store": rooms.store.close()}
    ends = (asyncio.wait_for(part, END_S) for part in parts.values())
    for name, answer in zip(parts, await asyncio.gather(*ends, return_exceptions=True), strict=True):
        if isinstance(answer, BaseException):
            _log.error("%s did not close well: %r", name, answer)
    rooms.alerts.close()
