"""Users, tokens and the audit over HTTP: for admins alone, each change confirmed, and never the last admin's end."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import forge
import httpx
import pytest
from console_server import ConsoleServer
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gladius.pulse.rundir import Home
from gladius.users.audit import Audit, Wanted, read_audit

PASSWORD = "four small plain words"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A server of its own: the shared one has no users."""
    house = Home(tmp_path_factory.mktemp("managed") / "home")
    house.create()

    def spawn(*argv: object, **options: Any) -> subprocess.Popen[Any]:
        return forge.start(*argv, **options)

    running = ConsoleServer(spawn, house)
    yield running
    running.terminate()


@pytest.fixture(autouse=True)
def nobody_left(desk: ConsoleServer) -> Iterator[None]:
    yield
    desk.forget_users()


def added(desk: ConsoleServer, name: str, role: str = "viewer", password: str | None = PASSWORD) -> dict[str, Any]:
    answer = desk.http.post("/users", json={"name": name, "role": role, "password": password})
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1/users/{name}"), answer.text
    return dict(answer.json())


@contextlib.contextmanager
def arrive(desk: ConsoleServer, link: str) -> Iterator[httpx.Client]:
    """A browser that came by a link."""
    origin = {"origin": desk.url}
    with httpx.Client(base_url=f"{desk.url}/api/v1", trust_env=False, headers=origin, timeout=20) as browser:
        browser.get(link)
        yield browser


def known(desk: ConsoleServer, name: str) -> dict[str, Any]:
    return next(one for one in desk.get("/users") if one["name"] == name)


def test_a_user_is_added_by_a_link_that_works_once(desk: ConsoleServer) -> None:
    made = added(desk, "by-link", "operator", None)
    assert made["user"]["has_password"] is False and made["link"]["url"].startswith(f"{desk.url}/?token=")
    with arrive(desk, made["link"]["url"]) as browser, arrive(desk, made["link"]["url"]) as second:
        told = browser.get("/session").json()
        assert (told["name"], told["role"]) == ("by-link", "operator")
        assert second.get("/session").status_code == 401
        # Whoever came by a link chooses a password, and stays.
        assert browser.put("/session/password", json={"password": "short"}).json()["errors"][0]["field"] == "password"
        assert browser.put("/session/password", json={"password": PASSWORD}).status_code == 204
        assert browser.get("/session").json()["name"] == "by-link"
        wrong = browser.put("/session/password", json={"current": "wrong", "password": PASSWORD})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "current")
    assert known(desk, "by-link")["has_password"] is True


def test_a_link_made_before_a_change_opens_nothing(desk: ConsoleServer) -> None:
    added(desk, "shut-out")
    link = desk.http.post("/users/shut-out/link").json()["url"]
    assert desk.http.patch("/users/shut-out", json={"disabled": True}).json()["disabled"] is True
    desk.http.patch("/users/shut-out", json={"disabled": False})
    with arrive(desk, link) as browser:
        assert browser.get("/session").status_code == 401
    assert desk.http.post("/users/nobody/link").json()["code"] == "user_not_found"


def test_who_is_disabled_is_cut_and_not_let_in(desk: ConsoleServer) -> None:
    added(desk, "going", "operator")
    entered = desk.bare.post("/login", data={"name": "going", "password": PASSWORD})
    desk.bare.cookies.clear()
    headers = {"cookie": entered.headers["set-cookie"].partition(";")[0], "origin": desk.url}
    url = desk.url.replace("http", "ws", 1) + "/api/v1/stream"
    with connect(url, proxy=None, additional_headers=headers, compression=None) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"
        assert desk.http.patch("/users/going", json={"disabled": True}).status_code == 200
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    assert desk.bare.post("/login", data={"name": "going", "password": PASSWORD}).status_code == 401
    assert desk.bare.get("/api/v1/runs", headers=headers).status_code == 401
    assert known(desk, "going")["last_seen"] >= known(desk, "going")["created_at"]
    assert desk.http.delete("/users/going").status_code == 204
    assert desk.http.delete("/users/going").status_code == 404


def test_the_last_admin_stays_one(desk: ConsoleServer) -> None:
    added(desk, "only-admin", "admin")
    ways = (
        lambda: desk.http.delete("/users/only-admin"),
        lambda: desk.http.patch("/users/only-admin", json={"role": "operator"}),
        lambda: desk.http.patch("/users/only-admin", json={"disabled": True}),
    )
    for way in ways:
        answer = way()
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin"), answer.text
        assert "last admin" in answer.json()["detail"] and "another user" in answer.json()["hint"]
    assert (known(desk, "only-admin")["role"], known(desk, "only-admin")["disabled"]) == ("admin", False)
    assert desk.http.patch("/users/only-admin", json={"password": "another " + PASSWORD}).status_code == 200
    added(desk, "second-admin", "admin")
    assert desk.http.delete("/users/only-admin").status_code == 204


def test_what_cannot_be_is_said_and_nothing_is_half_done(desk: ConsoleServer) -> None:
    added(desk, "taken")
    before = desk.home.users.read_bytes()
    for body, code in (
        ({"name": "taken"}, "name_taken"), ({"name": "Two Words"}, "config_error"), ({"name": "owner"}, "config_error"),
        ({"name": "x", "password": "short"}, "config_error"), ({"name": "x", "role": "king"}, "fields_invalid"),
    ):  # fmt: skip
        answer = desk.http.post("/users", json=body)
        assert 400 <= answer.status_code < 500 and answer.json()["code"] == code, answer.text
        assert answer.json()["errors"][0]["field"] in ("name", "password", "role")
    answer = desk.http.patch("/users/taken", json={"role": "admin", "password": "short"})
    assert answer.status_code == 422 and desk.home.users.read_bytes() == before


def test_a_token_is_told_once_and_cut_when_it_is_revoked(desk: ConsoleServer) -> None:
    made = desk.http.post("/tokens", json={"name": "nightly", "scope": "operate", "expires_in": 3600}).json()
    secret, id_ = made["secret"], made["token"]["id"]
    assert made["token"]["last_used"] is None
    assert desk.bare.get("/api/v1/runs", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    (listed,) = desk.get("/tokens")
    assert (listed["role"], listed["name"]) == ("operator", "nightly") and listed["last_used"] >= listed["created_at"]
    assert secret not in desk.http.get("/tokens").text + desk.home.users.read_text()
    assert desk.http.delete(f"/tokens/{id_}").status_code == 204
    assert desk.bare.get("/api/v1/runs", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    assert desk.http.delete(f"/tokens/{id_}").json()["code"] == "token_not_found"


def test_the_home_token_opens_no_browser_by_an_address(desk: ConsoleServer) -> None:
    answer = desk.bare.get("/", params={"token": desk.token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?used")
    assert "set-cookie" not in answer.headers


def test_the_audit_names_what_was_changed_and_is_filtered(desk: ConsoleServer) -> None:
    added(desk, "watched", "operator")
    prying = f"prying-{token_hex(2)}"  # the audit keeps what an earlier try did
    token = desk.http.post("/tokens", json={"name": prying, "scope": "read", "expires_in": None}).json()
    desk.http.patch("/users/watched", json={"role": "viewer"})
    desk.bare.get("/api/v1/users", headers={"authorization": f"Bearer {token['secret']}"})
    newest = desk.get("/audit", limit=4)
    assert newest["more"] is True
    assert [(one["method"], one["route"], one["about"], one["outcome"], one["name"]) for one in newest["entries"]] == [
        ("GET", "/api/v1/users", None, 403, prying),
        ("PATCH", "/api/v1/users/{name}", "watched", 200, None),
        ("POST", "/api/v1/tokens", token["token"]["id"], 201, None),
        ("POST", "/api/v1/users", "watched", 201, None),
    ]
    assert [one["outcome"] for one in desk.get("/audit", name=prying)["entries"]] == [403]
    assert {one["name"] for one in desk.get("/audit", name="owner")["entries"]} == {None}
    assert all(one["outcome"] >= 400 for one in desk.get("/audit", refused=True)["entries"])
    older = desk.get("/audit", before=newest["entries"][-1]["time"], limit=1000)["entries"]
    assert older and older[0]["time"] < newest["entries"][-1]["time"]
    text = desk.home.audit.read_text()
    assert PASSWORD not in text and token["secret"] not in text


def test_a_long_audit_is_read_from_its_end(tmp_path: Any) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    for number in range(3000):
        audit.note(None, "browser", "POST", "/login", f"run-{number}", 401, "10.0.0.9")
    assert [one.run for one in read_audit(tmp_path / "audit.jsonl", limit=3)] == ["run-2999", "run-2998", "run-2997"]
    assert [one.run for one in read_audit(tmp_path / "audit.jsonl", Wanted(run="run-0"))] == ["run-0"]
    assert len(read_audit(tmp_path / "audit.jsonl", limit=9999)) == 3000, "no line is cut at a block's edge"
