"""The stream socket: one reader of the client's frames, one sender. Upstream: hub. Downstream: browser, client."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from gladius import __version__
from gladius.hub.frames import frame
from gladius.hub.subscription import Subscription
from gladius.server.rooms import rooms_of
from gladius.wire.messages import ErrorMessage, HelloMessage, Ping, Pong, Subscribe, parse_client_message

_log = logging.getLogger("gladius.server")

router = APIRouter()

_TRY_AGAIN_LATER = 1013


@router.websocket("/stream")
async def stream(websocket: WebSocket) -> None:
    """Tell a client of its runs until it goes away."""
    hub = rooms_of(websocket).hub
    await websocket.accept()
    if hub.full:
        await websocket.close(_TRY_AGAIN_LATER, "too many clients")
        return
    try:
        await websocket.send_text(frame(HelloMessage(server_version=__version__)))
        with hub.subscription(websocket.send_text) as subscription:
            await _serve(websocket, subscription)
    except (WebSocketDisconnect, OSError):
        pass


async def _serve(websocket: WebSocket, subscription: Subscription) -> None:
    """Read and send side by side; when one ends, so does the other."""
    tasks = [asyncio.create_task(subscription.run()), asyncio.create_task(_listen(websocket, subscription))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
                await task


async def _listen(websocket: WebSocket, subscription: Subscription) -> None:
    async for text in websocket.iter_text():
        try:
            message = parse_client_message.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            await websocket.send_text(frame(ErrorMessage(detail=f"{place}: {first['msg']}" if place else first["msg"])))
            continue
        if isinstance(message, Ping):
            await websocket.send_text(frame(Pong()))
        elif isinstance(message, Subscribe):
            unknown = await subscription.change(message)
            if unknown:
                detail = f"No such run yet: {', '.join(unknown)}. It is told of when it appears."
                await websocket.send_text(frame(ErrorMessage(detail=detail)))
