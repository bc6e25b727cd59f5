"""Nothing is written into a home that is away: an empty one in its place would hide it. Upstream: guard. Downstream: the app."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from gladius.errors import HomeGone
from gladius.pulse.rundir import Home
from gladius.server.problems import problem_of

_READS = frozenset({"GET", "HEAD"})
_NOT_OURS = "/tensorboard/"


class Presence:
    """ASGI middleware that refuses whatever may write while the folder of the runs is not there."""

    def __init__(self, app: ASGIApp, home: Home) -> None:
        self._app = app
        self._home = home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        writes = scope["type"] == "http" and scope["method"] not in _READS and not path.startswith(_NOT_OURS)
        if writes and not await asyncio.to_thread(self._home.runs.is_dir):
            await problem_of(HomeGone(str(self._home.root)))(scope, receive, send)
            return
        await self._app(scope, receive, send)
