"""Frames of one turn leave together, in their order, and all before the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from gladius.server.gathering import Gathering

Work = Callable[[Gathering, socket.socket], Awaitable[None]]


def with_transport(work: Work) -> None:
    """A real transport over a pair of sockets, and its other end."""

    async def run() -> None:
        near, far = socket.socketpair()
        far.setblocking(False)
        with far:
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
            await work(Gathering(transport), far)
            transport.abort()

    asyncio.run(run())


async def all_of(far: socket.socket) -> bytes:
    loop, found = asyncio.get_running_loop(), b""
    while piece := await loop.sock_recv(far, 1 << 16):
        found += piece
    return found


def test_what_is_written_in_one_turn_leaves_at_its_end() -> None:
    async def work(transport: Gathering, far: socket.socket) -> None:
        for piece in (b"one ", b"two ", b"three"):
            transport.write(piece)
        with pytest.raises(BlockingIOError):
            far.recv(100)
        assert await asyncio.get_running_loop().sock_recv(far, 100) == b"one two three"

    with_transport(work)


def test_much_does_not_wait_and_an_end_comes_behind_everything() -> None:
    async def work(transport: Gathering, far: socket.socket) -> None:
        transport.write(b"x" * (1 << 16))
        assert far.recv(100) == b"x" * 100
        transport.write(b"last")
        transport.close()
        transport.write(b"too late")
        assert await all_of(far) == b"x" * ((1 << 16) - 100) + b"last"

    with_transport(work)
