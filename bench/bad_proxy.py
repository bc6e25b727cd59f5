"""A TCP proxy that is as bad as they come, and a socket client that comes back each time. Downstream: floods_clients, tests.

The proxy chops what passes, holds it up, and ends each connection after a random number of bytes or milliseconds: by closing
it, by resetting it, or by ending one direction and keeping the other open. The client keeps nothing but its cursors.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import random
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

MOST_BYTES, MOST_S = 48 << 10, 0.12
_LONGEST_S, _CATCH_UP_S = 5.0, 120.0


class BadProxy:
    """Passes connections on to `port` for a while, never for long."""

    def __init__(self, port: int, seed: int) -> None:
        self._to, self._chance = port, random.Random(seed)
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> BadProxy:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._one_way(reader, up_writer)),
            asyncio.create_task(self._one_way(up_reader, writer)),
        ]
        done, _ = await asyncio.wait(ways, timeout=self._chance.uniform(0, MOST_S), return_when=asyncio.FIRST_COMPLETED)
        if done and self._chance.random() < 0.3:
            # One direction has ended, the other one stays open for a while: who relies on that waits in vain.
            await asyncio.wait(ways, timeout=self._chance.uniform(0, MOST_S))
        for way in ways:
            way.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await way
        for end in (writer, up_writer):
            end.transport.abort() if self._chance.random() < 0.5 else end.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._chance.randrange(MOST_BYTES)
        with contextlib.suppress(OSError):
            while left > 0 and (data := await reader.read(min(left, self._chance.choice((1, 3, 700, 1 << 16))))):
                writer.write(data)
                await writer.drain()
                left -= len(data)
                if self._chance.random() < 0.05:
                    await asyncio.sleep(self._chance.uniform(0, 0.02))
            writer.write_eof()


class Returning:
    """A client of one run that is cut off again and again; `gaps` and `doubles` count what it should never see."""

    def __init__(self, token: str, run_id: str) -> None:
        self._token, self._run_id = token, run_id
        self._cursors = {"events": -1, "supervisor": -1, "console": 0}
        self.console = hashlib.sha256()
        self.connections = self.gaps = self.doubles = 0

    @property
    def cursors(self) -> dict[str, int]:
        """Last event of each stream, and bytes of the output."""
        return dict(self._cursors)

    async def come_back(self, port: int) -> None:
        """Listen until the connection ends, whatever way it does."""
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async for message in self._messages(port, _LONGEST_S):
                self._take(message)

    async def catch_up(self, port: int, wanted: dict[str, int]) -> None:
        """Listen until all that is wanted was heard."""
        async for message in self._messages(port, _CATCH_UP_S):
            self._take(message)
            if all(self._cursors[name] >= count for name, count in wanted.items()):
                return

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "gap":
            self.gaps += 1
        elif message["type"] == "events":
            name = "events" if message["stream"] == "trainer" else "supervisor"
            for event in message["events"]:
                self._step(name, event["seq"], self._cursors[name] + 1)
                self._cursors[name] = event["seq"]
        elif message["type"] == "console":
            self._step("console", message["offset"], self._cursors["console"])
            self.console.update(message["text"].encode())
            self._cursors["console"] = message["offset"] + message["length"]

    def _step(self, _: str, came: int, expected: int) -> None:
        self.gaps += came > expected
        self.doubles += came < expected

    async def _messages(self, port: int, seconds: float) -> AsyncIterator[dict[str, Any]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(seconds):
                writer.write(handshake(port, self._token))
                await reader.readuntil(b"\r\n\r\n")
                writer.write(subscription([self._run_id], {self._run_id: self._cursors}))
                while True:
                    if (text := await _frame(reader)) is not None:
                        yield json.loads(text)
        finally:
            writer.transport.abort()


def handshake(port: int, token: str) -> bytes:
    """The request that opens the stream socket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def subscription(runs: list[str], cursors: dict[str, dict[str, int]]) -> bytes:
    """The frame that asks for all of a run, from the cursors on."""
    wanted = {"type": "subscribe", "runs": runs, "topics": ["console", "metrics", "events"], "cursors": cursors}
    data, mask = json.dumps(wanted).encode(), os.urandom(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    return b"\x81" + struct.pack("!BH", 0x80 | 126, len(data)) + mask + masked


def stalled(port: int, token: str, run_id: str) -> socket.socket:
    """A client that asks for everything and takes nothing."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(handshake(port, token))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)
    connection.sendall(subscription([run_id], {run_id: {"events": -1, "supervisor": -1, "console": 0}}))
    return connection


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """The text of the next frame; None for one that carries none."""
    first, size = await reader.readexactly(2)
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    data = await reader.readexactly(size)
    if first & 0x0F == 8:
        raise asyncio.IncompleteReadError(data, None)
    return data if first & 0x0F == 1 else None
