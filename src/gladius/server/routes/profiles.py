"""Profiles: named ways to train, and their files. Upstream: catalog. Downstream: start form, editor, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.wire.catalog import (
    ProfileDraft,
    ProfileFile,
    ProfileInfo,
    ProfileNew,
    ProfileUpdate,
    TrashedProfile,
)

router = api_router("catalog")

IfMatch = Annotated[str | None, Header(alias="if-match", description="The `version` or ETag of what was edited")]


@router.get("/profiles", response_model=list[ProfileInfo])
async def list_profiles(rooms: TheRooms) -> Response:
    """Every profile; `problem` says why one cannot be used."""
    return answer_list(await asyncio.to_thread(lambda: [profile.info() for profile in rooms.profiles.all()]))


@router.post("/profiles", status_code=201, response_model=ProfileInfo)
async def add_profile(body: ProfileNew, rooms: TheRooms) -> Response:
    """Keep a new profile, or a copy of one; 409 when one of that id exists, 422 names each mistake with its line."""
    return _tagged(await asyncio.to_thread(rooms.shelf.add, body), 201)


@router.post("/profiles/check", response_model=ProfileInfo)
async def check_profile(body: ProfileDraft, rooms: TheRooms) -> Response:
    """What a text would be as a profile, with everything that is wrong in `problems`; nothing is kept."""
    return answer(await asyncio.to_thread(rooms.shelf.check, body.id, body.text))


@router.get("/profiles/{profile_id}", response_model=ProfileInfo)
async def get_profile(profile_id: str, rooms: TheRooms) -> Response:
    """One profile, with what it inherits."""
    return _tagged(await asyncio.to_thread(lambda: rooms.profiles.get(profile_id).info()))


@router.get("/profiles/{profile_id}/file", response_model=ProfileFile)
async def get_profile_file(profile_id: str, rooms: TheRooms) -> Response:
    """One profile's file as it is, broken or not."""
    return _tagged(await asyncio.to_thread(rooms.shelf.file, profile_id))


@router.put("/profiles/{profile_id}", response_model=ProfileInfo)
async def put_profile(profile_id: str, body: ProfileUpdate, rooms: TheRooms, if_match: IfMatch = None) -> Response:
    """Write one of people's own, over a built-in one beside it; 409 when it is not the version that was edited."""
    version = body.version or _version(if_match)
    return _tagged(await asyncio.to_thread(rooms.shelf.put, profile_id, body.text, version))


@router.delete("/profiles/{profile_id}", response_model=TrashedProfile)
async def delete_profile(profile_id: str, rooms: TheRooms, if_match: IfMatch = None) -> Response:
    """Put one of people's own into the trash; 409 for a built-in one."""
    return answer(await asyncio.to_thread(rooms.shelf.remove, profile_id, _version(if_match)))


@router.get("/trash/profiles", response_model=list[TrashedProfile])
async def list_deleted_profiles(rooms: TheRooms) -> Response:
    """The profiles that were deleted, newest first."""
    return answer_list(await asyncio.to_thread(rooms.shelf.trash))


@router.post("/trash/profiles/{entry}/restore", response_model=ProfileInfo)
async def restore_profile(entry: str, rooms: TheRooms) -> Response:
    """Put a deleted profile back; 409 when its id is taken."""
    return _tagged(await asyncio.to_thread(rooms.shelf.restore, entry))


def _tagged(found: ProfileInfo | ProfileFile, status: int = 200) -> Response:
    return answer(found, status, {"etag": f'"{found.version}"'} if found.version else None)


def _version(tag: str | None) -> str | None:
    """The version in an ETag, however it is written."""
    return tag.strip().removeprefix("W/").strip('"') or None if tag else None
