"""Many clients that hear of every row of one run, in one loop. Upstream: the socket of a real server. Downstream: growth.

Their own work is not the server's: what a row costs is the server's processor time, read for its process alone.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from bench.server import Server

_AT_ONCE = 20
"""Connections that are made side by side: a server's queue of those that knock holds a hundred or so."""
_PATIENCE_S = 60.0
_ROW = '"type":"metrics"'


@dataclass
class Told:
    """What a crowd heard, and what telling it took."""

    rows: int
    frames: int
    took_s: float

    def row_us(self, alone_s: float) -> float:
        """Microseconds of processor time for a row that one client hears; `alone_s` is what the server takes without any."""
        return (self.took_s - alone_s) * 1e6 / self.rows


def processor_time(server: Server, seconds: float) -> float:
    """Seconds of processor time that the server takes in so many seconds."""
    before = _spent(server)
    time.sleep(seconds)
    return _spent(server) - before


def _spent(server: Server) -> float:
    """Seconds of processor time so far, by the scheduler's clock: ticks of 10 ms are more than a row takes."""
    tasks = Path(f"/proc/{server.pid}/task").glob("*/schedstat")
    return sum(int(one.read_text(encoding="ascii").split()[0]) for one in tasks) / 1e9


def listen(server: Server, count: int, seconds: float, turns: int) -> list[Told]:
    """Be `count` clients; once each of them has heard a row, watch for `turns` times `seconds`."""
    return asyncio.run(_Crowd(server).listen(count, seconds, turns))


class _Crowd:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._rows = 0
        self._frames = 0
        self._door = asyncio.Semaphore(_AT_ONCE)

    async def listen(self, count: int, seconds: float, turns: int) -> list[Told]:
        async with asyncio.TaskGroup() as clients:
            came = [asyncio.Event() for _ in range(count)]
            works = [clients.create_task(self._hear(one)) for one in came]
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*(one.wait() for one in came))
            found = [await self._watch(seconds) for _ in range(turns)]
            for work in works:
                work.cancel()
        return found

    async def _watch(self, seconds: float) -> Told:
        rows, frames, took = self._rows, self._frames, _spent(self._server)
        await asyncio.sleep(seconds)
        if self._rows == rows:
            raise RuntimeError(f"no client heard a row within {seconds:g} s")
        return Told(self._rows - rows, self._frames - frames, _spent(self._server) - took)

    async def _hear(self, came: asyncio.Event) -> None:
        async with self._door:
            socket = await self._connected()
        try:
            async for text in socket:
                assert isinstance(text, str)
                if (rows := text.count(_ROW)) and '"events"' in text[:64]:
                    self._rows += rows
                    self._frames += 1
                    came.set()
        finally:
            # All are told to go at once and nobody is waited for: a thousand polite goodbyes are not what is measured.
            socket.transport.abort()

    async def _connected(self) -> ClientConnection:
        socket = await connect(
            f"ws{self._server.url[4:]}/api/v1/stream",
            additional_headers={"Authorization": f"Bearer {self._server.token}"},
            proxy=None, compression=None, ping_interval=None, max_queue=None,
        )  # fmt: skip
        await socket.send(json.dumps({"type": "subscribe", "runs": ["*"], "topics": ["metrics"]}))
        return socket
