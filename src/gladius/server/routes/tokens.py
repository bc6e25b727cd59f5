"""Keys of programs. Upstream: users. Downstream: the page of the tokens."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.api import api_router
from gladius.server.login import credentials_of
from gladius.users.asker import SCOPES
from gladius.wire.users import TokenInfo, TokenMade, TokenRequest

router = api_router("users", "/tokens")


@router.get("", response_model=list[TokenInfo])
async def list_tokens(request: Request) -> Response:
    """Every token that was not revoked, the newest first; never its text."""
    keys = credentials_of(request).keys
    return answer_list(keys.seen.of_tokens(keys.book.tokens()))


@router.post("", status_code=201, response_model=TokenMade)
async def make_token(request: Request, body: TokenRequest) -> Response:
    """Make a token. Its text is in this answer and nowhere else."""
    create = credentials_of(request).keys.book.create_token
    secret, made = await asyncio.to_thread(create, body.name, SCOPES[body.scope], body.expires_in)
    return answer(TokenMade(token=made, secret=secret), status=201, headers={"location": f"/api/v1/tokens/{made.id}"})


@router.delete("/{token_id}", status_code=204)
async def revoke_token(request: Request, token_id: str) -> Response:
    """Take a token away by its id; what it holds open is cut."""
    await asyncio.to_thread(credentials_of(request).keys.book.revoke, token_id)
    return Response(status_code=204)
