"""A browser's session: who it is told to be, and that signing out takes the cookie away."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from console_server import ConsoleServer


@contextmanager
def signed_in(server: ConsoleServer) -> Iterator[httpx.Client]:
    """A client with a cookie jar that came by the printed address, as a browser does."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as browser:
        assert browser.get(server.link()).status_code == 303
        yield browser


def test_a_session_tells_whose_server_it_is(server: ConsoleServer) -> None:
    with signed_in(server) as browser:
        session = browser.get("/api/v1/session").json()
    assert (session["by"], session["machine"]) == ("cookie", socket.gethostname())
    assert session["account"] == getpass.getuser()
    assert server.get("/session")["by"] == "token"


def test_signing_out_takes_the_cookie_away(server: ConsoleServer) -> None:
    with signed_in(server) as browser, signed_in(server) as other:
        copied = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        answer = browser.delete("/api/v1/session", headers={"origin": server.url})
        assert (answer.status_code, answer.content) == (204, b"")
        assert server.bare.get("/api/v1/runs", headers={"cookie": copied}).status_code == 401, "a copy of it opened"
        assert "max-age=0" in answer.headers["set-cookie"].lower()
        assert not browser.cookies
        assert browser.get("/api/v1/runs").status_code == 401
        assert browser.get("/").headers["location"] == "/login"
        assert other.get("/api/v1/runs").status_code == 200


def test_a_foreign_page_cannot_sign_anybody_out(server: ConsoleServer) -> None:
    with signed_in(server) as browser:
        refused = browser.delete("/api/v1/session", headers={"origin": "https://evil.example"})
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
        assert browser.get("/api/v1/runs").status_code == 200


def test_signing_out_works_under_a_base_path(serve: Callable[..., ConsoleServer]) -> None:
    server = serve(base_path="/user/me/gladius")
    with signed_in(server) as browser:
        assert browser.get("/api/v1/runs").status_code == 200
        browser.delete("/api/v1/session", headers={"origin": server.url.removesuffix("/user/me/gladius")})
        assert browser.get("/api/v1/runs").status_code == 401
