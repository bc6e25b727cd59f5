"""A tunnel that ends at another port, and a reverse proxy that shows the console below a path."""

from __future__ import annotations

import re
from collections.abc import Iterator

import forge
import httpx
import pytest
from console_server import ConsoleServer
from front import Front, tunnel
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from written_run import Written

from gladius.client import Client
from gladius.errors import ConfigError
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.server.door import base_of


def test_a_tunnel_to_another_port_needs_no_setting(server: ConsoleServer) -> None:
    link = server.http.post("/session/link").json()["url"]
    with tunnel(server.port) as front, httpx.Client(base_url=front.url, trust_env=False) as browser:
        # What a person does: the printed link, with the port at this end of the tunnel.
        answer = browser.get(link.replace(server.url, front.url))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert list(browser.cookies) == [f"gladius_{front.port}"], "two tunnels do not sign each other out"
        assert browser.get("/api/v1/runs").status_code == 200
        own, others = {"origin": front.url}, {"origin": server.url}
        assert browser.post("/api/v1/runs", json={}, headers=own).status_code == 422
        assert browser.post("/api/v1/runs", json={}, headers=others).json()["code"] == "origin_not_allowed"
        assert _hears(front, browser, front.url)
        with pytest.raises(InvalidStatus):
            _hears(front, browser, server.url)


def _hears(front: Front, browser: httpx.Client, origin: str) -> bool:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = front.url.replace("http", "ws", 1) + "/api/v1/stream"
    with connect(url, additional_headers={"cookie": cookie, "origin": origin}, proxy=None) as socket:
        return "hello" in str(socket.recv(timeout=10))


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, ConsoleServer]]:
    """A proxy that shows the console at /lab/gladius, and a server that was told of nothing but that address."""
    home = Home(tmp_path_factory.mktemp("proxied") / "home")
    home.create()
    Written(home, Identity.current()).begin(1, total_epochs=1).steps(0, 20)
    front = Front("/lab/gladius")
    server = ConsoleServer(forge.start, home, public_url=front.url)
    front.target = server.port
    yield front, server
    server.terminate()
    front.close()


@pytest.mark.parametrize("keeps_host", [True, False])
@pytest.mark.parametrize("strips", [True, False])
def test_a_proxy_may_strip_the_prefix_or_keep_it_and_the_host_too(
    proxied: tuple[Front, ConsoleServer], strips: bool, keeps_host: bool
) -> None:
    front, server = proxied
    front.strips, front.keeps_host = strips, keeps_host
    with Client(home=server.home) as client:
        link = client.sign_in_link().url
    assert link.startswith(f"{front.url}/?token="), "the public address, whoever asks for the link"
    with httpx.Client(trust_env=False) as browser:
        assert browser.get(f"{front.url}/runs").headers["location"] == "/lab/gladius/login"
        assert 'action="/lab/gladius/login"' in browser.get(f"{front.url}/login").text
        entered = browser.get(link)
        assert entered.headers["location"] == "/lab/gladius/" and "Path=/lab/gladius;" in entered.headers["set-cookie"]
        page = browser.get(front.url)
        assert page.status_code in (200, 503) and "/lab/gladius/" in page.text
        for asset in re.findall(r'(?:src|href)="\./([^"]+)"', page.text):
            assert browser.get(f"{front.url}/{asset}").status_code == 200, asset
        api, own = f"{front.url}/api/v1", {"origin": f"http://127.0.0.1:{front.port}"}
        run = browser.get(f"{api}/runs").json()["runs"][0]["run_id"]
        assert b"train/loss" in browser.get(f"{api}/runs/{run}/export?format=csv").content
        assert browser.patch(f"{api}/runs/{run}", json={"notes": "seen"}, headers=own).status_code == 200
        assert browser.patch(f"{api}/runs/{run}", json={}, headers={"origin": "http://evil.example"}).status_code == 403
        assert _hears(front, browser, own["origin"])
        assert browser.delete(f"{api}/session", headers=own).status_code == 204
        assert browser.get(f"{api}/runs").status_code == 401
        assert browser.get(f"http://127.0.0.1:{front.port}/api/v1/health").status_code == 404, "not ours"


def test_who_comes_by_a_name_that_nobody_told_of_reads_what_to_type(proxied: tuple[Front, ConsoleServer]) -> None:
    _, server = proxied
    refused = server.http.get("/runs", headers={"host": "gpu7.example:9000"}).json()
    assert refused["code"] == "host_not_allowed"
    assert refused["hint"].endswith("gladius up --public-url https://gpu7.example:9000/lab/gladius")
    refused = server.http.post("/runs", headers={"origin": "https://gpu7.example"}, json={}).json()
    assert refused["hint"].endswith("gladius up --public-url https://gpu7.example/lab/gladius")


@pytest.mark.parametrize(
    ("base", "public", "found"),
    [
        ("", None, ""),
        ("lab/", None, "/lab"),
        ("", "https://a.example/lab/x/", "/lab/x"),
        ("/lab", "https://a.example", "/lab"),
    ],
)
def test_the_public_address_names_the_path(base: str, public: str | None, found: str) -> None:
    assert base_of(base, public) == found


@pytest.mark.parametrize(
    "public", ["a.example", "ftp://a.example", "https://", "https://a.example/?x", "https://a/../b"]
)
def test_a_public_address_must_be_one(public: str) -> None:
    with pytest.raises(ConfigError):
        base_of("", public)
    with pytest.raises(ConfigError, match="the public URL has the path /b"):
        base_of("/a", "https://a.example/b")
