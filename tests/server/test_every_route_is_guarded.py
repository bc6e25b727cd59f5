"""Nothing answers without credentials but what is named: by the app's own list of routes, so that none is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.cookies import SimpleCookie

import httpx
import pytest
from console_server import ConsoleServer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gladius.compose import build
from gladius.pulse.rundir import Home
from gladius.server.app import build_api
from gladius.server.credentials import Credentials

PUBLIC = {("GET", "/api/v1/health"), ("GET", "/login"), ("POST", "/login")}


def every_route(home: Home) -> list[tuple[str, str]]:
    """(method, path) of each HTTP route, with something in place of the path's parameters."""
    app = build_api(build(home), Credentials("x" * 40, "127.0.0.1", 1))

    def walk(routes: object, prefix: str) -> Iterator[tuple[str, str]]:
        for route in routes:  # type: ignore[attr-defined]
            inner = getattr(route, "original_router", None)
            if inner is not None:
                yield from walk(inner.routes, prefix + route.include_context.prefix)
            elif getattr(route, "methods", None):
                for method in sorted(route.methods):
                    yield method, prefix + route.path

    found = sorted(set(walk(app.routes, "")))
    described = set(app.openapi()["paths"])
    assert described <= {path for _, path in found}, "the walk misses routes that the description has"
    return [(method, path.replace("{", "").replace("}", "")) for method, path in found]


def test_every_route_but_the_named_ones_needs_the_token(server: ConsoleServer, home: Home) -> None:
    routes = every_route(home)
    assert len(routes) > 20
    for method, path in routes:
        answer = server.bare.request(method, path)
        if (method.replace("HEAD", "GET"), path) in PUBLIC:
            assert answer.status_code in (200, 401 if path == "/login" and method == "POST" else 200), (method, path)
        elif method in ("GET", "HEAD") and not path.startswith("/api/"):
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
            assert method == "HEAD" or answer.json()["code"] == "not_authenticated"


def test_every_route_takes_the_token_and_the_cookie(server: ConsoleServer, home: Home) -> None:
    cookie = {"cookie": f"gladius_{server.port}={server.token}"}
    for headers in ({"authorization": f"Bearer {server.token}"}, cookie):
        for method, path in every_route(home):
            assert server.bare.request(method, path, headers=headers).status_code != 401 or path == "/login"


@pytest.mark.parametrize("wrong", ["Bearer nonsense", "Basic abc", "bearer", "Bearer täg"])
def test_a_wrong_token_is_none(server: ConsoleServer, wrong: str) -> None:
    assert server.bare.get("/api/v1/runs", headers={"authorization": wrong.encode()}).status_code == 401


def test_the_socket_needs_the_token(server: ConsoleServer) -> None:
    url = server.url.replace("http", "ws", 1) + "/api/v1/stream"
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 401
    with connect(url, proxy=None, additional_headers={"cookie": f"gladius_{server.port}={server.token}"}) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"


def test_unknown_paths_tell_a_stranger_nothing(server: ConsoleServer) -> None:
    assert server.bare.get("/api/v1/nothing").status_code == 401
    assert server.bare.get("/api/v2/runs").status_code == 401
    answer = server.bare.get("/runs/anything")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_printed_url_is_exchanged_for_a_cookie(server: ConsoleServer) -> None:
    answer = server.bare.get("/", params={"token": server.token, "runs": "a,b"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?runs=a%2Cb")
    morsel = SimpleCookie(answer.headers["set-cookie"])[f"gladius_{server.port}"]
    assert morsel["httponly"] and morsel["samesite"].lower() == "strict"
    with httpx.Client(base_url=server.url, cookies={morsel.key: morsel.value}, trust_env=False) as browser:
        assert browser.get("/api/v1/runs").status_code == 200
    assert "set-cookie" not in server.bare.get("/", params={"token": "wrong"}).headers


def test_the_login_page_takes_the_token(server: ConsoleServer) -> None:
    page = server.bare.get("/login")
    assert page.status_code == 200 and "<form" in page.text
    wrong = server.bare.post("/login", data={"token": "wrong"})
    assert wrong.status_code == 401 and "not the token" in wrong.text and "set-cookie" not in wrong.headers
    right = server.bare.post("/login", data={"token": server.token})
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert server.token in right.headers["set-cookie"]


def test_a_cookie_behind_a_tunnel_is_named_after_the_port_that_the_browser_sees(server: ConsoleServer) -> None:
    answer = server.bare.get("/", params={"token": server.token}, headers={"host": "localhost:9001"})
    assert answer.headers["set-cookie"].startswith("gladius_9001=")
