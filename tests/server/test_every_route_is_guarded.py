"""Nothing answers without credentials but what is named: by the app's own list of routes, so that none is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.cookies import SimpleCookie

import httpx
import pytest
from console_server import ConsoleServer
from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gladius.compose import build
from gladius.pulse.rundir import Home
from gladius.server.access import NEEDS, SOCKET, Access, every_route
from gladius.server.app import build_api
from gladius.server.credentials import Credentials
from gladius.users.keys import Keys

PUBLIC = {("GET", "/api/v1/health"), ("GET", "/login"), ("POST", "/login")}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def app_of(home: Home) -> FastAPI:
    return build_api(build(home), Credentials(Keys(home), "127.0.0.1", 1))


def routes_of(home: Home) -> list[tuple[str, str]]:
    """(method, path) of each HTTP route, with something in place of the path's parameters."""
    found = [one for one in every_route(app_of(home).routes) if one[0] != SOCKET]
    return [(method, path.replace("{", "").replace("}", "").replace(":path", "")) for method, path in found]


def test_the_list_misses_no_route_of_the_running_app(server: ConsoleServer, home: Home) -> None:
    found = {path.replace(":path", "") for _, path in every_route(app_of(home).routes)}
    described = server.get("/openapi.json")["paths"]
    assert set(described) <= found and len(found) > 60
    assert {path for method, path in NEEDS} == found, "server/access.py names a route that is none"
    assert ("WS", "/api/v1/stream") in NEEDS


@pytest.mark.parametrize("kind", ["route", "socket", "mount", "stranger"])
def test_a_route_that_nobody_declared_keeps_the_server_from_starting(home: Home, kind: str) -> None:
    app = app_of(home)
    router = APIRouter()
    if kind == "route":
        router.add_api_route("/more", lambda: None)
        app.include_router(router, prefix="/api/v1")
    elif kind == "socket":
        router.add_api_websocket_route("/more", lambda websocket: None)
        app.include_router(router)
    elif kind == "mount":
        app.mount("/more", StaticFiles(directory=home.root))
    else:
        app.router.routes.append(object())  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="more|object"):
        Access(every_route(app.routes))


def test_every_route_but_the_named_ones_needs_a_key(server: ConsoleServer, home: Home) -> None:
    routes = routes_of(home)
    paths = {path for _, path in routes}
    for method, path in [*routes, *((method, path) for path in paths for method in METHODS)]:
        answer = server.bare.request(method, path)
        if (method, path) in PUBLIC:
            assert answer.status_code == (401 if method == "POST" else 200), (method, path)
        elif method in ("GET", "HEAD") and not path.startswith("/api/"):
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
            assert method == "HEAD" or answer.json()["code"] == "not_authenticated"


def test_every_route_takes_the_token_and_the_cookie(server: ConsoleServer, home: Home) -> None:
    for headers in ({"authorization": f"Bearer {server.token}"}, {"cookie": server.sign_in(), "origin": server.url}):
        for method, path in routes_of(home):
            if (method, path) in (("DELETE", "/api/v1/session"), ("POST", "/login")):
                continue
            assert server.bare.request(method, path, headers=headers).status_code not in (401, 403), (method, path)


def test_a_cookie_alone_writes_nowhere(server: ConsoleServer, home: Home) -> None:
    cookie = {"cookie": server.sign_in()}
    origins = {"": "origin_missing", "https://evil.example": "origin_not_allowed", "null": "origin_not_allowed"}
    for method, path in routes_of(home):
        if method in ("GET", "HEAD") or (method, path) in PUBLIC:
            continue
        for origin, code in origins.items():
            if origin == "null" and path.startswith("/tensorboard/"):
                continue
            answer = server.bare.request(method, path, headers={**cookie, **({"origin": origin} if origin else {})})
            assert (answer.status_code, answer.json()["code"]) == (403, code), (method, path, origin)
    assert server.bare.get("/api/v1/runs", headers=cookie).status_code == 200


@pytest.mark.parametrize("wrong", ["Bearer nonsense", "Basic abc", "bearer", "Bearer täg"])
def test_a_wrong_token_is_none(server: ConsoleServer, wrong: str) -> None:
    assert server.bare.get("/api/v1/runs", headers={"authorization": wrong.encode()}).status_code == 401
    beside = {"authorization": wrong.encode(), "cookie": server.sign_in().encode()}
    assert server.bare.get("/api/v1/runs", headers=beside).status_code == 401


def test_the_socket_needs_a_key_and_of_a_browser_the_own_origin(server: ConsoleServer) -> None:
    url = server.url.replace("http", "ws", 1) + "/api/v1/stream"
    cookie = {"cookie": server.sign_in()}
    for headers, status in (
        ({}, 401), ({"origin": server.url}, 401), (cookie, 403), ({**cookie, "origin": "https://evil.example"}, 403),
    ):  # fmt: skip
        with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None, additional_headers=headers):
            pass
        assert refused.value.response.status_code == status
    with connect(url, proxy=None, additional_headers={**cookie, "origin": server.url}) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"


def test_unknown_paths_tell_a_stranger_nothing(server: ConsoleServer) -> None:
    assert server.bare.get("/api/v1/nothing").status_code == 401
    assert server.bare.get("/api/v2/runs").status_code == 401
    answer = server.bare.get("/runs/anything")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_link_signs_one_browser_in_and_no_second(server: ConsoleServer) -> None:
    link = server.http.post("/session/link").json()["url"]
    assert link.startswith(f"{server.url}/?token=") and server.token not in link
    answer = server.bare.get(f"{link}&runs=a,b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?runs=a%2Cb")
    morsel = SimpleCookie(answer.headers["set-cookie"])[f"gladius_{server.port}"]
    assert morsel["httponly"] and morsel["samesite"].lower() == "strict"
    assert morsel.value != server.token and morsel.value not in link
    assert server.bare.get("/api/v1/runs", headers={"authorization": f"Bearer {morsel.value}"}).status_code == 401
    server.bare.cookies.clear()
    again = server.bare.get(link)
    assert again.headers["location"] == "/login?used" and "set-cookie" not in again.headers
    assert "used already" in server.bare.get("/login?used").text
    with httpx.Client(base_url=server.url, cookies={morsel.key: morsel.value}, trust_env=False) as browser:
        assert browser.get("/api/v1/runs").status_code == 200
        assert browser.get(link).headers["location"] == "/", "the browser that used it finds its way"
    assert "set-cookie" not in server.bare.get("/", params={"token": "wrong"}).headers


def test_a_browser_stays_signed_in_when_the_server_dies(serve: Callable[..., ConsoleServer], home: Home) -> None:
    first = serve()
    cookie = {"cookie": first.sign_in()}
    assert (home.sessions.stat().st_mode & 0o777) == 0o600
    assert cookie["cookie"].partition("=")[2] not in home.sessions.read_text()
    port = first.port
    first.kill()
    assert serve(port=port).bare.get("/api/v1/runs", headers=cookie).status_code == 200


def test_the_login_page_takes_the_token(server: ConsoleServer) -> None:
    page = server.bare.get("/login")
    assert page.status_code == 200 and "<form" in page.text and "Password" not in page.text
    wrong = server.bare.post("/login", data={"token": "wrong"})
    assert wrong.status_code == 401 and "not the token" in wrong.text and "set-cookie" not in wrong.headers
    right = server.bare.post("/login", data={"token": server.token})
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert "set-cookie" in right.headers and server.token not in right.headers["set-cookie"]
    server.bare.cookies.clear()


def test_a_cookie_behind_a_tunnel_is_named_after_the_port_that_the_browser_sees(server: ConsoleServer) -> None:
    answer = server.bare.get(server.link(), headers={"host": "localhost:9001"})
    assert answer.headers["set-cookie"].startswith("gladius_9001=")
    server.bare.cookies.clear()
