"""The stream socket: one reader of the client's frames, one sender. Upstream: hub. Downstream: browser, client."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from gladius import __version__
from gladius.errors import GladiusError
from gladius.hub.frames import frame
from gladius.hub.subscription import Subscription
from gladius.server.caller import caller
from gladius.server.rooms import rooms_of
from gladius.wire.base import Wire
from gladius.wire.messages import (
    CommandFrame,
    CommandMessage,
    ErrorMessage,
    HelloMessage,
    Ping,
    Pong,
    Subscribe,
    parse_client_message,
)

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
        elif isinstance(message, CommandFrame):
            await websocket.send_text(frame(await _command(websocket, message)))
        elif isinstance(message, Subscribe):
            unknown = await subscription.change(message)
            if unknown:
                detail = f"No such run yet: {', '.join(unknown)}. It is told of when it appears."
                await websocket.send_text(frame(ErrorMessage(detail=detail)))


async def _command(websocket: WebSocket, message: CommandFrame) -> Wire:
    """Post a command as the HTTP path does; what is wrong with it is told, and the connection stays."""
    rooms = rooms_of(websocket)
    try:
        run_id = rooms.store.resolve(message.run_id)
        command_id = await rooms.desk.send(run_id, message.command, message.args, caller(websocket), message.id)
        found = await rooms.desk.command(run_id, command_id)
    except GladiusError as error:
        return ErrorMessage(
            detail=error.message, code=error.code, hint=error.hint or None, run_id=message.run_id, command_id=message.id
        )
    except OSError as error:
        _log.warning("a command for %s could not be posted: %s", message.run_id, error)
        detail = f"The command could not be written: {error.strerror}."
        return ErrorMessage(detail=detail, code="not_written", run_id=message.run_id, command_id=message.id)
    return CommandMessage(run_id=run_id, command_id=command_id, state=found.state)
