"""TensorBoard behind the login: who gets in, what its page may do, and when it ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from console_server import ConsoleServer
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home

Serve = Callable[..., ConsoleServer]
Until = Callable[..., Any]


@pytest.fixture
def run(home: Home) -> Written:
    written = Written(home, Identity.current())
    written.begin(1, total_epochs=1).steps(0, 20)
    return written


def start(server: ConsoleServer, run: Written) -> str:
    answer = server.http.post(f"/runs/{run.directory.run_id}/tensorboard", timeout=100)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def boards(server: ConsoleServer) -> list[psutil.Process]:
    """The processes of TensorBoard, their data servers among them."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [child for child in children if "gladius.exchange.board" in child.cmdline()]


def test_it_is_opened_by_who_is_signed_in_and_its_page_can_use_nothing_else(
    serve: Serve, run: Written, until: Until
) -> None:
    pytest.importorskip("tensorboard")
    server = serve(base_path="/lab")
    root = server.url.removesuffix("/lab")
    url = start(server, run)
    assert url.startswith(f"/lab/tensorboard/{run.directory.run_id}/") and start(server, run) == url
    (board,) = boards(server)
    assert url.split("/")[-2] not in " ".join(board.cmdline()), "a command line is everybody's to read"

    page = server.http.get(root + url)
    assert page.status_code == 200 and "gladius.js" in page.text
    policies = page.headers["content-security-policy"]
    assert "sandbox allow-scripts" in policies and "allow-same-origin" not in policies
    data = f"{root}{url}data/plugin/scalars/scalars?run=gladius&tag=train/loss"
    stranger = {"origin": "null"}
    until(lambda: server.bare.get(data, headers=stranger).status_code == 200, timeout=60)
    answer = server.bare.get(data, headers=stranger)
    assert len(answer.json()) == 20 and answer.headers["access-control-allow-origin"] == "null"
    asked = {**stranger, "access-control-request-headers": "x-tensorboard-feature-flags"}
    preflight = server.bare.options(data, headers=asked)
    assert preflight.headers["access-control-allow-headers"] == "x-tensorboard-feature-flags"

    # Without the cookie there is no page, without the key nothing at all, and a foreign page gets neither.
    assert server.bare.get(root + url).headers["location"] == "/lab/login"
    reload = server.bare.get(root + url, headers={"sec-fetch-site": "cross-site"})
    assert f'content="0; url={url}"' in reload.text and "script" not in reload.text, "asked again, with the cookie"
    wrong = f"{root}{url[:-6]}wrong/data/environment"
    assert server.bare.get(wrong).status_code == 303 and server.bare.get(wrong, headers=stranger).status_code == 403
    assert server.http.get(wrong).status_code == 404
    assert server.bare.get(data, headers={"origin": "https://evil.example"}).status_code == 403
    assert server.http.get("/runs", headers=stranger).status_code == 403
    assert server.http.post(f"/runs/{run.directory.run_id}/commands", headers=stranger, json={}).status_code == 403
    # What it is told of us is only the path.
    doors = [one for one in board.net_connections(kind="inet") if one.status == psutil.CONN_LISTEN]
    assert doors and {one.laddr.ip.removeprefix("::ffff:") for one in doors} == {"127.0.0.1"}

    run.steps(20, 30)
    until(lambda: len(server.bare.get(data).json()) == 30, timeout=60)
    family = board.children(recursive=True)
    board.kill()
    # A zombie would still be one of its children; what is nobody's child any more is for init to reap.
    until(lambda: board not in psutil.Process(server.process.pid).children())
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
    assert server.http.get(root + url).status_code == 404
    assert server.terminate() in (0, -15)


def test_it_ends_when_nobody_looks_and_when_the_server_is_killed(serve: Serve, run: Written, until: Until) -> None:
    pytest.importorskip("tensorboard")
    server = serve(tensorboard_idle_s=1.0)
    url = start(server, run)
    (board,) = boards(server)
    until(lambda: not board.is_running(), timeout=30)
    over = server.http.get(server.url + url)
    assert over.status_code == 404 and "has ended" in over.text
    assert "sandbox" in over.headers["content-security-policy"]

    start(server, run)
    (board,) = boards(server)
    family = [board, *board.children(recursive=True)]
    server.kill()
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family), timeout=30)


def test_without_its_package_it_says_what_to_type(
    serve: Serve, run: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.machinery as m\nreal = m.PathFinder.find_spec\n"
        "m.PathFinder.find_spec = staticmethod(\n"
        "    lambda name, path=None, target=None: None if name == 'tensorboard' else real(name, path, target)\n)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    server = serve()
    answer = server.http.post("/runs/latest/tensorboard")
    assert (answer.status_code, answer.json()["code"]) == (409, "tensorboard_missing")
    assert "pip install 'gladius-console[tensorboard]'" in answer.json()["hint"]
    assert "pip install" in server.get("/runs/latest")["disabled"]["tensorboard"]


def test_one_that_does_not_come_up_is_told_with_its_reason(
    serve: Serve, run: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    server = serve()
    run.directory.tensorboard.write_text("a file where the folder should be")
    answer = server.http.post("/runs/latest/tensorboard", timeout=100)
    assert (answer.status_code, answer.json()["code"]) == (502, "tensorboard_failed")
    assert "tensorboard" in answer.json()["detail"] and answer.json()["hint"].endswith(".log")
