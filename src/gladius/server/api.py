"""Where the API's routes stand. Upstream: wire. Downstream: routes, app.

A route is made once, with its whole path. FastAPI's `include_router` would make each a second time, when the first request
comes by it: a tenth of a second of a browser's first look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import cleandoc
from typing import Any, get_type_hints

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from gladius.wire.base import Body

PREFIX = "/api/v1"


def api_router(tag: str, below: str = "") -> APIRouter:
    """A group of routes below `PREFIX` and, within that, `below`; its routes join the app as they are."""
    return APIRouter(prefix=PREFIX + below, tags=[tag], route_class=LateRoute)


class LateRoute(APIRoute):
    """A route that requests are matched with; what it takes and answers is worked out when that is first asked for.

    Of a hundred routes a page asks for ten, and a server's start for none. The API's description asks for all: there a wrong
    signature is found.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.path, self.endpoint = path, endpoint
        self.name = options["name"] or endpoint.__name__
        self.methods = {method.upper() for method in options["methods"]}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self._options = {**options, "name": self.name}

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there: everything else, until it is worked out."""
        options = self.__dict__.pop("_options", None)
        if options is None:
            raise AttributeError(name)
        endpoint = self.endpoint
        if options["methods"] != ["GET"]:
            _build_bodies_at_once(endpoint)
        options["description"] = options["description"] or cleandoc(endpoint.__doc__ or "")
        # Of a plain function FastAPI reads the source at its first request, to name the line where an answer fits no model.
        super().__init__(self.path, partial(endpoint), **options)
        self.endpoint = endpoint
        return getattr(self, name)


def _build_bodies_at_once(endpoint: Callable[..., Any]) -> None:
    """Where a body is built later, pydantic warns of how FastAPI reads it, which is silenced only while a route is made."""
    for one in get_type_hints(endpoint).values():
        if isinstance(one, type) and issubclass(one, Body):
            one.model_config["defer_build"] = False
