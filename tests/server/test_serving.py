"""One server per home, one address, and nothing left behind."""

from __future__ import annotations

import json
import socket
import stat
import time
from collections.abc import Callable

import pytest
from console_server import ConsoleServer

from gladius.compose import build
from gladius.errors import ConfigError, LockHeld, PortTaken
from gladius.pulse.rundir import Home
from gladius.server.serve import living_address, serve

Serve = Callable[..., ConsoleServer]


def test_server_json_tells_where_it_is_and_goes_with_it(serve: Serve, home: Home) -> None:
    server = serve()
    known = json.loads(home.server_json.read_text())
    assert (known["url"], known["token"], known["pid"]) == (server.url, server.token, server.process.pid)
    assert abs(known["start_time"] - time.time()) < 60
    assert stat.S_IMODE(home.server_json.stat().st_mode) == 0o600
    assert stat.S_IMODE((home.state / "token").stat().st_mode) == 0o600
    server.terminate()
    assert not home.server_json.exists()


def test_the_token_stays_across_restarts(serve: Serve) -> None:
    first = serve()
    token = first.token
    first.kill()
    assert serve().token == token


def test_a_second_server_on_one_home_is_told_of_the_first(serve: Serve, home: Home) -> None:
    server = serve()
    with pytest.raises(LockHeld):
        from_here(home, port=0)
    address = living_address(home)
    assert address is not None and address.url == server.url
    link = address.new_link()
    assert link.startswith(f"{server.url}/?token=") and server.token not in link
    assert "set-cookie" in server.bare.get(link).headers


def from_here(home: Home, **options: object) -> None:
    serve_now = serve
    serve_now(build(home), **options)  # type: ignore[arg-type]


def test_a_taken_port_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port} .*--port"):
            from_here(home, port=port)
    assert not home.server_json.exists()


@pytest.mark.parametrize("base", ["/a/../b", "/a b", "/<x>", "/a?b"])
def test_a_base_path_must_be_one(home: Home, base: str) -> None:
    with pytest.raises(ConfigError):
        from_here(home, port=0, base_path=base)


def test_a_base_path_works_with_and_without_a_proxy_that_strips_it(serve: Serve) -> None:
    server = serve(base_path="proxy/8642/")
    assert server.url.endswith("/proxy/8642")
    bearer = {"authorization": f"Bearer {server.token}"}
    root = server.url.removesuffix("/proxy/8642")
    for url in (server.url, root):
        assert server.bare.get(f"{url}/api/v1/health").status_code == 200
        assert server.bare.get(f"{url}/api/v1/runs").status_code == 401
        assert server.bare.get(f"{url}/api/v1/runs", headers=bearer).status_code == 200
    answer = server.bare.get(server.link())
    assert answer.headers["location"] == "/proxy/8642/" and "Path=/proxy/8642;" in answer.headers["set-cookie"]
    server.bare.cookies.clear()
    assert server.bare.get(f"{server.url}/runs").headers["location"] == "/proxy/8642/login"
    assert 'action="/proxy/8642/login"' in server.bare.get(f"{server.url}/login").text
    with server.connect() as stream:
        assert "hello" in str(stream.recv(timeout=10))
