"""Two machines that share a home: another name of this one, by the kernel's own means, stands for the second."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer
from scripted_run import ScriptedRun

from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home
from gladius.store.index import local_place
from gladius.store.watch import is_shared

Until = Callable[..., Any]
ELSEWHERE = ["unshare", "--uts", "sh", "-c", 'hostname node-b && exec "$@"', "sh"]


@pytest.fixture
def shared(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """A home that is taken for one on a network file system."""
    if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("another host name cannot be had here: it needs root")
    monkeypatch.setenv("GLADIUS_SHARED_HOME", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return home


def test_a_run_of_the_other_host_is_followed_and_steered_and_its_pid_is_nobodys_here(
    shared: Home, serve: Callable[..., ConsoleServer], spawn: Callable[..., Any], until: Until
) -> None:
    there = ScriptedRun(lambda *argv, **options: spawn(*ELSEWHERE, *argv, **options), shared, "there")
    server = serve()
    inotify = [fd for fd in Path(f"/proc/{server.process.pid}/fd").iterdir() if "inotify" in os.readlink(fd)]
    assert inotify == [], "another machine's writes are found by looking"
    there.order(steps=5)
    until(lambda: server.get(f"/runs/{there.run_id}")["summary"]["step"] == 4)
    health = server.get(f"/runs/{there.run_id}")["summary"]["health"]
    assert (health["code"], health["data"]["host"]) == ("remote", "node-b")

    answer = server.http.post(f"/runs/{there.run_id}/commands", json={"command": "pause", "args": {"mode": "hold"}})
    assert answer.status_code == 202, answer.text
    there.order(obey=True)
    command = f"/runs/{there.run_id}/commands/{answer.json()['command_id']}"
    until(lambda: server.get(command)["state"] == "applied")

    # Its pid is gone, and no process of this name is here: that says nothing of the other host.
    there.process.kill()
    there.process.wait()
    until(lambda: not is_held(there.directory.trainer_lock))
    summary = server.get(f"/runs/{there.run_id}")["summary"]
    assert summary["state"] == "running" and summary["health"]["code"].startswith("remote")
    assert not is_held(there.directory.supervisor_lock), "nor is a supervisor of this host attached"


def test_one_server_at_a_time_and_the_other_host_is_told_where(
    shared: Home, serve: Callable[..., ConsoleServer], tmp_path: Path
) -> None:
    server = serve()
    verb = [*ELSEWHERE, sys.executable, "-m", "gladius.cli.main", "up", "--no-browser", "--port", "0"]
    told = subprocess.run(verb, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode != 0 and f"The console of this home runs on {os.uname().nodename}" in told.stderr
    assert f"-L {server.port}:127.0.0.1:{server.port}" in told.stderr.replace("\n", " ")
    assert not shared.run_index.exists() and list((tmp_path / "cache" / "gladius").rglob("index.sqlite"))


def test_what_is_shared_is_said_or_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_shared(tmp_path) and local_place(tmp_path / "i") == tmp_path / "i"
    monkeypatch.setenv("GLADIUS_SHARED_HOME", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    places = {local_place(tmp_path / one / "i") for one in "ab"}
    assert len(places) == 2 and all(place.is_relative_to(tmp_path / "cache") for place in places)
    monkeypatch.setenv("GLADIUS_SHARED_HOME", "0")
    assert not is_shared(tmp_path)
