"""Who may address the server by which name, and which pages may act."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from console_server import ConsoleServer
from websockets.exceptions import InvalidStatus

GOOD_HOSTS = ["localhost", "localhost:9999", "127.0.0.1:1", "[::1]:8642", "LOCALHOST:80", "127.0.0.2"]
BAD_HOSTS = ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "evil.example:8642", "10.0.0.1", "a b"]


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_loopback_names_are_allowed_on_any_port(server: ConsoleServer, host: str) -> None:
    assert server.http.get("/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_other_names_are_refused_even_with_the_token(server: ConsoleServer, host: str) -> None:
    for path in ("/runs", "/health"):
        answer = server.http.get(path, headers={"host": host})
        assert answer.status_code in (400, 403)
        if answer.status_code == 403:
            assert answer.json()["code"] == "host_not_allowed"


def test_the_public_url_is_allowed(serve: Callable[..., ConsoleServer]) -> None:
    server = serve(public_url="https://console.example:8443")
    assert server.http.get("/runs", headers={"host": "console.example:8443"}).status_code == 200
    assert server.http.get("/runs", headers={"host": "console.example"}).status_code == 403
    origin = {"host": "127.0.0.1:1", "origin": "https://console.example:8443"}
    assert server.http.post("/runs", headers=origin, json={}).status_code == 422


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example", ""]
)
def test_a_foreign_page_may_not_act(server: ConsoleServer, origin: str) -> None:
    answer = server.http.post("/runs", headers={"origin": origin}, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert server.http.get("/runs", headers={"origin": origin}).status_code == 403
    with pytest.raises(InvalidStatus) as refused, server.connect(origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_the_own_page_may_act(server: ConsoleServer) -> None:
    assert server.http.post("/runs", headers={"origin": server.url}, json={}).status_code == 422
    with server.connect(origin=server.url) as socket:
        assert "hello" in str(socket.recv(timeout=10))


def test_security_headers_are_on_every_answer(server: ConsoleServer) -> None:
    for path in ("/api/v1/health", "/login", "/", "/api/v1/runs", "/api/v1/nothing"):
        headers = server.bare.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert server.http.get("/runs").headers["cache-control"] == "no-store"
    assert (
        "access-control-allow-origin" not in server.http.get("/runs", headers={"origin": "https://a.example"}).headers
    )
