"""Where the API's routes stand. Upstream: nothing. Downstream: routes, app.

A route is made once, with its whole path. FastAPI's `include_router` would make each a second time, when the first request
comes by it: a tenth of a second of a browser's first look.
"""

from __future__ import annotations

from fastapi import APIRouter

PREFIX = "/api/v1"


def api_router(tag: str, below: str = "") -> APIRouter:
    """A group of routes below `PREFIX` and, within that, `below`; its routes join the app as they are."""
    return APIRouter(prefix=PREFIX + below, tags=[tag])
