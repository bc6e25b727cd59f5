"""An address that others reach: with a password and encrypted, or not at all, or loudly."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from console_server import ConsoleServer

from gladius.client import Client
from gladius.compose import up
from gladius.errors import ConfigError, DoorOpen
from gladius.pulse.rundir import Home
from gladius.server.door import is_loopback, what_lacks
from gladius.server.serve import living_address
from gladius.users.book import Book


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate for a name under which nobody asks here."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    words += [
        "-subj",
        "/CN=console.example",
        "-addext",
        "subjectAltName=DNS:console.example",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return {"tls_cert": str(cert), "tls_key": str(key)}


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("", False), ("10.0.0.1", False), ("localhost.example", False), ("console.example", False)],
)  # fmt: skip
def test_only_loopback_is_this_machine_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
    assert what_lacks(host, False, False, None) == ([] if alone else ["password", "encryption"])
    assert what_lacks(host, True, False, "https://console.example") == []
    assert what_lacks(host, True, False, "http://console.example") == ([] if alone else ["encryption"])


def test_others_are_let_in_neither_without_a_password_nor_unencrypted(home: Home, pem: dict[str, str]) -> None:
    with pytest.raises(
        DoorOpen, match=r"no password and no encryption.*gladius user add.*--tls-cert.*--insecure-listen"
    ):
        up(home.root, "0.0.0.0", 0)
    with pytest.raises(DoorOpen, match="there is no password"):
        up(home.root, "0.0.0.0", 0, tls_cert=Path(pem["tls_cert"]), tls_key=Path(pem["tls_key"]))
    Book(home.users).add_user("anna", "viewer", "four small words")
    with pytest.raises(DoorOpen, match="there is no encryption"):
        up(home.root, "0.0.0.0", 0)
    assert not home.server_json.exists()


def test_the_override_is_loud(
    home: Home, spawn: Callable[..., subprocess.Popen[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    server = ConsoleServer(spawn, home, host="0.0.0.0", insecure_listen=True)
    assert server.http.get("/runs").status_code == 200
    server.terminate()
    assert "WARNING: --insecure-listen" in capfd.readouterr().err


@pytest.mark.parametrize("given", [{"tls_cert": "cert"}, {"tls_key": "key"}, {"tls_cert": "no", "tls_key": "no"}])
def test_a_certificate_and_its_key_come_together_and_can_be_read(
    home: Home, pem: dict[str, str], given: dict[str, str]
) -> None:
    paths = {name: Path(pem.get(f"tls_{value}", value)) for name, value in given.items()}
    with pytest.raises(ConfigError, match="certificate"):
        up(home.root, port=0, **paths)


def test_a_server_with_a_certificate_answers_encrypted_and_our_own_clients_trust_it(
    home: Home, serve: Callable[..., ConsoleServer], pem: dict[str, str]
) -> None:
    server = serve(**pem)
    assert server.url.startswith("https://")
    with pytest.raises(httpx.ConnectError, match="(?i)certificate"):
        server.bare.get("/api/v1/health")
    with Client() as client:
        assert client.session().role == "admin"
        assert next(iter(client.stream(["latest"], ["runs"]))).type == "hello"
    link = living_address(home)
    assert link is not None
    trust = ssl.create_default_context(cafile=pem["tls_cert"])
    trust.check_hostname = False
    with httpx.Client(verify=trust, trust_env=False) as browser:
        cookie = browser.get(link.new_link()).headers["set-cookie"]
    assert "; Secure" in cookie and "HttpOnly" in cookie


def test_a_cookie_is_marked_as_secret_behind_a_proxy_that_encrypts(serve: Callable[..., ConsoleServer]) -> None:
    server = serve(public_url="https://console.example")
    outside = server.bare.get(server.link(), headers={"host": "console.example"})
    assert "; Secure" in outside.headers["set-cookie"]
    inside = server.bare.get(server.link())
    assert "; Secure" not in inside.headers["set-cookie"], "a browser would not send it to http"
