"""Profiles: named ways to train. Upstream: catalog. Downstream: start form, client."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.rooms import TheRooms
from gladius.wire.catalog import ProfileInfo

router = APIRouter(tags=["catalog"])


@router.get("/profiles", response_model=list[ProfileInfo])
async def list_profiles(rooms: TheRooms) -> Response:
    """Every profile; `problem` says why one cannot be used."""
    return answer_list(await asyncio.to_thread(lambda: [profile.info() for profile in rooms.profiles.all()]))


@router.get("/profiles/{profile_id}", response_model=ProfileInfo)
async def get_profile(profile_id: str, rooms: TheRooms) -> Response:
    """One profile."""
    return answer(await asyncio.to_thread(lambda: rooms.profiles.get(profile_id).info()))
