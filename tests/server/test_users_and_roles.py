"""Users by name and role: what each may do, and that what is taken away is gone at once."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

import httpx
import pytest
from console_server import ConsoleServer
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gladius.client import Client
from gladius.errors import RequestRejected
from gladius.pulse.rundir import Home
from gladius.server.access import NEEDS, SOCKET
from gladius.users.asker import ROLES
from gladius.users.audit import Wanted, read_audit
from gladius.users.book import Book
from gladius.users.ledger import Ledger

PASSWORD = "four small plain words"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A server with one user of each role, called by it."""
    house = Home(tmp_path_factory.mktemp("guarded") / "home")
    house.create()
    for role in ROLES:
        Book(house.users).add_user(f"the-{role}", role, PASSWORD)

    def spawn(*argv: object, **options: object) -> subprocess.Popen[str]:
        words = [str(word) for word in argv]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)

    running = ConsoleServer(spawn, house)
    yield running
    running.terminate()


@pytest.fixture
def book(guarded: ConsoleServer) -> Book:
    return Book(guarded.home.users)


def own(name: str) -> str:
    """A name that no earlier try of the test has taken."""
    return f"{name}-{token_hex(2)}"


def enter(server: ConsoleServer, name: str, password: str = PASSWORD) -> httpx.Response:
    answer = server.bare.post("/login", data={"name": name, "password": password})
    server.bare.cookies.clear()
    return answer


def browser(server: ConsoleServer, name: str, password: str = PASSWORD) -> dict[str, str]:
    """The headers of a browser that signed in by name."""
    answer = enter(server, name, password)
    assert answer.status_code == 303, answer.text
    return {"cookie": answer.headers["set-cookie"].partition(";")[0], "origin": server.url}


@contextmanager
def listen(server: ConsoleServer, headers: dict[str, str]) -> Iterator[Any]:
    url = server.url.replace("http", "ws", 1) + "/api/v1/stream"
    with connect(url, proxy=None, additional_headers=headers, compression=None) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"
        yield socket


def cut(socket: Any) -> int:
    """Wait until the server closes it, and return why."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def test_each_route_is_closed_to_every_role_below_the_one_that_it_needs(guarded: ConsoleServer) -> None:
    for role in ROLES:
        headers = browser(guarded, f"the-{role}")
        for (method, route), need in NEEDS.items():
            if method == SOCKET or need == "public" or (method, route) == ("DELETE", "/api/v1/session"):
                continue
            answer = guarded.bare.request(method, route.replace("{", "").replace("}", ""), headers=headers)
            if ROLES.index(role) < ROLES.index(need):
                assert (answer.status_code, answer.json()["code"]) == (403, "role_needed"), (role, method, route)
                assert f"the role {need}" in answer.json()["detail"]
            else:
                assert answer.status_code not in (401, 403), (role, method, route)


def test_a_session_says_who_and_as_what(guarded: ConsoleServer) -> None:
    told = guarded.bare.get("/api/v1/session", headers=browser(guarded, "the-viewer")).json()
    assert (told["name"], told["role"], told["by"], told["users"]) == ("the-viewer", "viewer", "cookie", True)
    owner = guarded.get("/session")
    assert (owner["name"], owner["role"]) == (None, "admin")


def test_a_viewer_sends_no_command_by_the_socket(guarded: ConsoleServer) -> None:
    with listen(guarded, browser(guarded, "the-viewer")) as socket:
        socket.send(json.dumps({"type": "command", "run_id": "any", "command": "stop", "args": {}, "id": "by-viewer"}))
        told = json.loads(socket.recv(timeout=10))
    assert (told["type"], told["code"]) == ("error", "role_needed")


@pytest.mark.parametrize("what", ["role", "password", "removal", "sign-out", "token"])
def test_what_is_taken_away_cuts_what_it_held_open(guarded: ConsoleServer, book: Book, what: str) -> None:
    name = own(f"gone-by-{what}")
    secret, _ = book.create_token(f"{name}-token", "operator", None)
    book.add_user(name, "operator", PASSWORD)
    headers = {"authorization": f"Bearer {secret}"} if what == "token" else browser(guarded, name)
    take_away = {
        "role": lambda: book.change_user(name, "viewer"),
        "password": lambda: book.change_user(name, password="another " + PASSWORD),
        "removal": lambda: book.remove_user(name),
        "sign-out": lambda: guarded.bare.delete("/api/v1/session", headers=headers),
        "token": lambda: book.revoke(f"{name}-token"),
    }[what]
    with listen(guarded, browser(guarded, "the-viewer")) as bystander, listen(guarded, headers) as socket:
        take_away()
        assert cut(socket) == 4401
        again = guarded.bare.get("/api/v1/session", headers=headers)
        assert again.status_code == (200 if what == "role" else 401)
        bystander.ping().wait(5)


def test_what_is_taken_away_is_cut_within_a_second_of_the_answer(guarded: ConsoleServer, book: Book) -> None:
    name = own("soon-out")
    book.add_user(name, "operator", PASSWORD)
    held: list[tuple[str, str, Any, dict[str, str]]] = [
        ("PATCH", f"/users/{name}", {"disabled": True}, browser(guarded, name))
    ]
    for _ in range(4):
        secret, told = book.create_token(own("soon"), "operator", None)
        held.append(("DELETE", f"/tokens/{told.id}", None, {"authorization": f"Bearer {secret}"}))
    waits = []
    for method, path, body, headers in held:
        with listen(guarded, headers) as socket:
            assert guarded.http.request(method, path, json=body).status_code < 300
            answered = time.monotonic()
            assert cut(socket) == 4401
            waits.append(time.monotonic() - answered)
    # Each is taken away just after the server looked, and waits for its next look. The quickest of five is what the
    # server takes; a machine may stop for longer than that.
    assert min(waits) < 1.0, waits


def test_a_token_that_is_over_holds_nothing_open(guarded: ConsoleServer, book: Book) -> None:
    secret, told = book.create_token(own("passing"), "operator", 600)
    with listen(guarded, {"authorization": f"Bearer {secret}"}) as socket:
        with Ledger(guarded.home.users).change() as held:
            held["tokens"][told.id]["expires_at"] = time.time() + 1
        assert cut(socket) == 4401


def test_a_token_does_what_its_scope_says_until_it_is_over(guarded: ConsoleServer, book: Book) -> None:
    name = own("nightly")
    secret, told = book.create_token(name, "viewer", 3600)
    assert secret not in guarded.home.users.read_text() and secret.startswith("gladius_")
    with Client(guarded.url, secret) as client:
        assert client.session().name == name and client.runs() == []
        with pytest.raises(RequestRejected, match="the role operator"):
            client.start("tiny-moe")
    short, _ = book.create_token(own("short"), "viewer", 0.001)
    assert guarded.bare.get("/api/v1/runs", headers={"authorization": f"Bearer {short}"}).status_code == 401
    with guarded.bare.stream("GET", "/", params={"token": secret}) as answer:
        assert "set-cookie" not in answer.headers, "a scoped token opens no browser as the owner"
    assert told.expires_at is not None


def test_wrong_tries_are_slowed_down_honestly(guarded: ConsoleServer, until: Any) -> None:
    name = own("nobody")
    assert [enter(guarded, name, "wrong").status_code for _ in range(4)] == [401] * 4
    # How long the server takes for a try is its own affair; the waits outgrow it.
    slowed = until(lambda: (one := enter(guarded, name, "wrong")).status_code == 429 and one, timeout=60)
    assert int(slowed.headers["retry-after"]) >= 1 and f"Wait {slowed.headers['retry-after']} s" in slowed.text
    assert enter(guarded, "the-viewer").status_code == 303, "another name from the same address"


def test_the_audit_tells_who_did_what_and_holds_no_secret(guarded: ConsoleServer) -> None:
    headers = browser(guarded, "the-operator")
    body = {"profile_id": "no-such-profile-7", "name": "a-name-in-a-body"}
    guarded.bare.post("/api/v1/runs", json=body, headers=headers)
    guarded.bare.request("DELETE", "/api/v1/runs/some-run?x=in-a-query", headers=headers)
    guarded.bare.delete("/api/v1/trash/my-entry", headers=headers)
    guarded.bare.get("/api/v1/runs", headers=headers)
    told = read_audit(guarded.home.audit, Wanted("the-operator"), 4)[::-1]
    assert [(one.method, one.route, one.run, one.outcome) for one in told] == [
        ("POST", "/login", None, 303), ("POST", "/api/v1/runs", None, 422),
        ("DELETE", "/api/v1/runs/{run_id}", "some-run", 404), ("DELETE", "/api/v1/trash/{entry}", None, 403),
    ]  # fmt: skip
    assert {(one.role, one.caller, one.address) for one in told} == {("operator", "browser", "127.0.0.1")}
    text = guarded.home.audit.read_text()
    for secret in (
        PASSWORD,
        guarded.token,
        headers["cookie"].partition("=")[2],
        "no-such-profile",
        "a-name",
        "a-query",
    ):
        assert secret not in text
    assert guarded.home.audit.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_of_users_lets_nobody_in_but_the_owner(guarded: ConsoleServer) -> None:
    headers, whole = browser(guarded, "the-admin"), guarded.home.users.read_bytes()
    guarded.home.users.write_bytes(whole[: len(whole) // 2])
    try:
        assert guarded.bare.get("/api/v1/runs", headers=headers).status_code == 401
        assert guarded.http.get("/runs").status_code == 200
    finally:
        guarded.home.users.write_bytes(whole)
    assert guarded.bare.get("/api/v1/runs", headers=headers).status_code == 200


def test_a_command_is_signed_by_its_sender(loop: Callable[..., Any]) -> None:
    run = loop()
    server, book = run.server, Book(run.server.home.users)
    book.add_user("anna", "operator", PASSWORD)
    secret, _ = book.create_token("nightly", "operator", None)
    for headers, name in ((browser(server, "anna"), "anna"), ({"authorization": f"Bearer {secret}"}, "nightly")):
        body = {"command": "checkpoint", "id": f"asked-by-{name}"}
        assert server.bare.post(f"/api/v1{run.path}/commands", json=body, headers=headers).status_code == 202
        assert run.told(f"asked-by-{name}")["issued_by"] == name
