"""The stream socket: one reader of the client's frames, one sender. Upstream: hub. Downstream: browser, client."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gladius import __version__
from gladius.errors import GladiusError
from gladius.hub.frames import frame
from gladius.hub.subscription import Subscription
from gladius.server.api import PREFIX
from gladius.server.caller import asker_of, caller
from gladius.server.login import credentials_of
from gladius.server.rooms import rooms_of
from gladius.server.way import address, way
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
from gladius.wire.server import Role

_log = logging.getLogger("gladius.server")

router = APIRouter(prefix=PREFIX)

_TRY_AGAIN_LATER = 1013
KEY_GONE = 4401
ROUTE = "/api/v1/stream"
_LOOK_EVERY_S = 0.25
_COMMANDS_NEED: Role = "operator"


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
        if websocket.application_state is WebSocketState.CONNECTED and not _still_open(websocket):
            await websocket.close(KEY_GONE, "access changed")
    except (WebSocketDisconnect, OSError):
        pass


async def _serve(websocket: WebSocket, subscription: Subscription) -> None:
    """Read and send side by side, as long as the key opens; when one ends, so do the others."""
    works = (subscription.run(), _listen(websocket, subscription), _while_open(websocket))
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
                await task


async def _while_open(websocket: WebSocket) -> None:
    """Return when what this client showed at the door opens it no more, or to somebody else's role."""
    seen = credentials_of(websocket).keys.seen
    while _still_open(websocket):
        seen.note(asker_of(websocket))
        await asyncio.sleep(_LOOK_EVERY_S)


def _still_open(websocket: WebSocket) -> bool:
    return credentials_of(websocket).keys.still(asker_of(websocket))


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
    answer = await _obey(websocket, message)
    outcome = 202 if isinstance(answer, CommandMessage) else 403 if _bars(websocket) else 422
    note = websocket.app.state.audit.note
    note(asker_of(websocket), way(websocket.scope), "WS", ROUTE, message.run_id, outcome, address(websocket.scope))
    return answer


def _bars(websocket: WebSocket) -> bool:
    """Whether the role of this client sends no commands."""
    return not asker_of(websocket).may(_COMMANDS_NEED)


async def _obey(websocket: WebSocket, message: CommandFrame) -> Wire:
    rooms = rooms_of(websocket)
    if _bars(websocket):
        detail = f"This needs the role {_COMMANDS_NEED}; yours is {asker_of(websocket).role}."
        return ErrorMessage(detail=detail, code="role_needed", run_id=message.run_id, command_id=message.id)
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
