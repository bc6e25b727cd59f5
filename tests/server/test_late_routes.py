"""A route is worked out when it is first asked for, and is then what FastAPI would have made of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Query
from fastapi.exceptions import FastAPIError
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from gladius.server.api import _FIRST_ASKED, PREFIX, LateRoute, api_router, work_out_the_first
from gladius.server.app import ROUTERS
from gladius.wire.base import Body, Wire


class Wish(Body):
    """A body."""

    times: int


class Told(Wire):
    """An answer."""

    text: str


async def look(name: str, times: Annotated[int, Query(ge=1)] = 1) -> Told:
    """Look."""
    return Told(text=name * times)


async def make(name: str, wish: Wish) -> Told:
    """Make."""
    return Told(text=name * wish.times)


def app_of(router: APIRouter) -> FastAPI:
    app = FastAPI()
    router.get("/{name}")(look)
    router.put("/{name}", status_code=201, response_model=Told)(make)
    app.router.routes.extend(router.routes)
    return app


def worked_out(app: FastAPI) -> list[Callable[..., Any]]:
    return [one.endpoint for one in app.routes if isinstance(one, APIRoute) and "dependant" in vars(one)]


def test_a_request_works_its_own_route_out_and_no_other() -> None:
    app = app_of(api_router("late"))
    client = TestClient(app)
    refused = client.delete(f"{PREFIX}/ab")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert client.get("/elsewhere").status_code == 404
    assert worked_out(app) == []
    assert client.get(f"{PREFIX}/ab?times=2").json() == {"text": "abab"}
    assert worked_out(app) == [look]
    assert client.get(f"{PREFIX}/ab?times=0").status_code == 422
    assert client.put(f"{PREFIX}/ab", json={"times": 3}).json() == {"text": "ababab"}
    assert client.put(f"{PREFIX}/ab", json={"times": 3, "often": True}).status_code == 422
    assert worked_out(app) == [look, make]


def test_it_is_described_as_an_ordinary_route_is() -> None:
    late, usual = app_of(api_router("late")), app_of(APIRouter(prefix=PREFIX, tags=["late"]))
    assert late.openapi() == usual.openapi()
    ones, others = ([one for one in app.routes if isinstance(one, APIRoute)] for app in (late, usual))
    made_anew = {"app", "path_regex", "dependant", "body_field", "response_field", "param_convertors"}
    made_anew |= {"_flat_dependant", "secure_cloned_response_field"}  # of older FastAPI
    assert len(ones) == 2
    for one, other in zip(ones, others, strict=True):
        assert set(vars(one)) == set(vars(other))
        for name in set(vars(one)) - made_anew:
            assert vars(one)[name] == vars(other)[name], name


def test_a_wrong_signature_is_found_by_who_asks_for_it() -> None:
    async def wrong(many: Annotated[dict[str, Wish], Query()]) -> Told:
        return Told(text=str(many))

    app = FastAPI()
    router = api_router("late")
    router.get("/wrong")(wrong)
    app.router.routes.extend(router.routes)
    for _ in range(2):
        with pytest.raises((AssertionError, FastAPIError, NameError)):
            app.openapi()
    (route,) = (one for one in app.routes if isinstance(one, LateRoute))
    assert route.endpoint is wrong and "dependant" not in vars(route)


def test_what_no_route_has_is_missing_as_anywhere() -> None:
    (route, _) = (one for one in app_of(api_router("late")).routes if isinstance(one, LateRoute))
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = route.no_such_thing


def test_annotations_that_are_text_are_looked_up_where_they_were_written() -> None:
    (route, _) = (one for one in app_of(api_router("late")).routes if isinstance(one, LateRoute))
    assert route.dependant.call.__globals__ is look.__globals__, "FastAPI before 0.125 resolves them there"  # type: ignore[union-attr]


def test_what_a_page_shows_first_is_worked_out_before_it_is_asked_for() -> None:
    async def runs() -> Told:
        return Told(text="all")

    router = api_router("late")
    router.get("/runs")(runs)
    app = app_of(router)
    asyncio.run(work_out_the_first(app.routes))
    assert worked_out(app) == [runs]
    assert TestClient(app).get(f"{PREFIX}/runs").json() == {"text": "all"}


def test_what_is_shown_first_is_there() -> None:
    paths = {
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, LateRoute) and route.methods == {"GET"}
    }
    assert paths.issuperset(_FIRST_ASKED)
