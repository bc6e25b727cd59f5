"""Where the API's routes stand. Upstream: wire. Downstream: routes, app.

A route is made once, with its whole path. FastAPI's `include_router` would make each a second time, when the first request
comes by it: a tenth of a second of a browser's first look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from inspect import cleandoc
from typing import Any, get_type_hints

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, compile_path

from gladius.wire.base import Body
from gladius.wire.events import Hello
from gladius.wire.runs import RunSummary

PREFIX = "/api/v1"
_FIRST_ASKED = tuple(PREFIX + path for path in ("/runs/{run_id}/metrics", "/runs/{run_id}", "/runs"))
"""Of what every page shows: these are worked out before somebody waits for them."""
_FIRST_READ = (Hello, RunSummary)
"""Of what the first run that is opened is read and told with."""


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
        if "_options" not in vars(self):
            raise AttributeError(name)
        return getattr(self.worked_out(), name)

    def worked_out(self) -> LateRoute:
        """Itself, with all that a request needs."""
        if "_options" in vars(self):
            self._make()
        return self

    def _make(self) -> None:
        """Work it out; where that fails it stays as it was, so that whoever asks next is told the same."""
        before, endpoint = dict(vars(self)), self.endpoint
        options = vars(self).pop("_options")
        try:
            if options["methods"] != ["GET"]:
                _build_bodies_at_once(endpoint)
            description = options["description"] or cleandoc(endpoint.__doc__ or "")
            super().__init__(self.path, _late(endpoint), **{**options, "description": description})
            self.endpoint = endpoint
        except BaseException:
            self.__dict__ = before
            raise


async def work_out_the_first(routes: Iterable[BaseRoute]) -> None:
    """Work out what is asked for first, with a turn for everybody else between two parts of it."""
    for model in _FIRST_READ:
        model.model_rebuild()
        await asyncio.sleep(0)
    for route in routes:
        if isinstance(route, LateRoute) and route.path in _FIRST_ASKED and route.methods == {"GET"}:
            route.worked_out()
            await asyncio.sleep(0)


def _late(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint, but no plain function: of one FastAPI reads the source at its first request, to name a line in an error."""
    late = partial(endpoint)
    # FastAPI before 0.125 looks up there what annotations that are text mean, and takes an unknown one for a query parameter.
    vars(late)["__globals__"] = getattr(endpoint, "__globals__", {})
    return late


def _build_bodies_at_once(endpoint: Callable[..., Any]) -> None:
    """Where a body is built later, pydantic warns of how FastAPI reads it, which is silenced only while a route is made."""
    for one in get_type_hints(endpoint).values():
        if isinstance(one, type) and issubclass(one, Body):
            one.model_config["defer_build"] = False
