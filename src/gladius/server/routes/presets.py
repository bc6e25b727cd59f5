"""Presets: settings under a name. Upstream: catalog. Downstream: start form, editor, client."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.wire.presets import PresetInfo, PresetRequest

router = api_router("catalog")


@router.get("/presets", response_model=list[PresetInfo])
async def list_presets(rooms: TheRooms) -> Response:
    """Every preset, people's own first; `problem` says why one cannot be used."""
    return answer_list(await asyncio.to_thread(rooms.presets.all))


@router.post("/presets", status_code=201, response_model=PresetInfo)
async def add_preset(body: PresetRequest, rooms: TheRooms) -> Response:
    """Keep a new preset; 409 when one of that name exists, which a PUT replaces."""
    return answer(await asyncio.to_thread(rooms.presets.add, body), 201)


@router.get("/presets/{preset_id}", response_model=PresetInfo)
async def get_preset(preset_id: str, rooms: TheRooms) -> Response:
    """One preset."""
    return answer(await asyncio.to_thread(rooms.presets.get, preset_id))


@router.put("/presets/{preset_id}", response_model=PresetInfo)
async def put_preset(preset_id: str, body: PresetRequest, rooms: TheRooms) -> Response:
    """Keep a preset under this id, over the one that is there."""
    return answer(await asyncio.to_thread(rooms.presets.put, preset_id, body))


@router.delete("/presets/{preset_id}", status_code=204)
async def delete_preset(preset_id: str, rooms: TheRooms) -> Response:
    """Delete one of people's own; 409 for a built-in one."""
    await asyncio.to_thread(rooms.presets.remove, preset_id)
    return Response(status_code=204)
