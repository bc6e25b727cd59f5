"""Who signs in here by name. Upstream: users. Downstream: the page of the users."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.login import credentials_of
from gladius.server.routes.session import sign_in_link
from gladius.users.keys import Keys
from gladius.wire.server import SignInLink
from gladius.wire.users import UserAdded, UserInfo, UserPatch, UserRequest

router = api_router("users", "/users")


@router.get("", response_model=list[UserInfo])
async def list_users(request: Request) -> Response:
    """Everybody, by name."""
    keys = _keys(request)
    return answer_list(keys.seen.of_users(keys.book.users()))


@router.post("", status_code=201, response_model=UserAdded)
async def add_user(request: Request, body: UserRequest) -> Response:
    """Make a user; without a password the answer has a link that signs them in, once."""
    made = await asyncio.to_thread(_keys(request).book.add_user, body.name, body.role, body.password)
    link = sign_in_link(request, made.name) if body.password is None else None
    headers = {"location": f"/api/v1/users/{made.name}"}
    return answer(UserAdded(user=made, link=link), status=201, headers=headers)


@router.patch("/{name}", response_model=UserInfo)
async def change_user(request: Request, name: str, body: UserPatch) -> Response:
    """Give a user another role or password, or shut them out and let them in again. All of it, or nothing."""
    keys = _keys(request)
    changed = await asyncio.to_thread(keys.book.change_user, name, body.role, body.disabled, body.password)
    return answer(keys.seen.of_users([changed])[0])


@router.delete("/{name}", status_code=204)
async def remove_user(request: Request, name: str) -> Response:
    """Take a user away; what they have open is cut."""
    await asyncio.to_thread(_keys(request).book.remove_user, name)
    return Response(status_code=204)


@router.post("/{name}/link", response_model=SignInLink)
async def make_users_link(request: Request, name: str) -> Response:
    """A URL that signs one browser in as this user, once."""
    return answer(sign_in_link(request, name))


def _keys(request: Request) -> Keys:
    return credentials_of(request).keys
