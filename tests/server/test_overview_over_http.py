"""What the overview asks for beside its runs: what happened, the machine, watched files; over HTTP, the socket and the verbs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from written_run import Written

from gladius.client import Client
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from pulse_wrapper import write_done_status, write_running_status


@pytest.fixture
def living(home: Home, spawn: Any) -> Iterator[Written]:
    """A run whose process sleeps: its events are written by hand, its supervisor's lock is held."""
    home.create()
    run = (
        Written(home, Identity.of(spawn("sleep", "600").pid))
        .begin(1, total_epochs=3, capabilities=["checkpoint", "set"])
        .started()
    )
    guard = FileLock(run.directory.supervisor_lock)
    guard.acquire()
    run.trainer.write("state", {"state": "running"})
    yield run
    guard.release()


def kinds(server: ConsoleServer, run_id: str | None = None) -> list[str]:
    found = server.get("/activities")["activities"]
    return [one["kind"] for one in found if run_id in (None, one["run_id"])]


def test_what_happened_is_told_live_once_and_again_after_a_restart(
    home: Home, living: Written, serve: Any, listen: Any, until: Any
) -> None:
    server = serve()
    listener = listen(server, ["*"], ["activities", "runs"])
    run_id = living.directory.run_id
    until(lambda: kinds(server) == ["started"])
    until(lambda: listener.of("hello"))
    Mailbox(living.directory.control).post(
        Command(id="a" * 12, command="checkpoint", attempt=1, args={}, issued_at=time.time(), issued_by="browser")
    )
    living.steps(0, 20)
    living.trainer.write("checkpoint", {"step": 5, "path": "/x", "bytes": 1000, "kind": "manual"})
    living.trainer.write("checkpoint", {"step": 6, "failed": "disk full"})
    living.trainer.write("ack", {"command_id": "a" * 12, "state": "accepted"})
    living.trainer.write("ack", {"command_id": "a" * 12, "state": "applied", "step": 5})
    living.trainer.write("hyperparameters", {"name": "lr", "old": 0.1, "new": 0.01, "step": 7, "by": "cli"})
    living.supervisor.write("alert", {"level": "warning", "code": "odd", "message": "something is odd"})
    happened = ["alert_raised", "changed", "applied", "checkpoint_failed", "checkpoint_saved", "started"]
    until(lambda: kinds(server) == happened)
    live = until(lambda: len(listener.of("activity")) >= 5 and listener.of("activity"))
    assert {one["activity"]["kind"] for one in live} == set(happened) - {"started"}
    applied = next(one for one in server.get("/activities")["activities"] if one["kind"] == "applied")
    assert (applied["data"]["command"], applied["data"]["by"], applied["name"]) == ("checkpoint", "browser", "written")
    before = server.get("/activities")
    living.exited("failed", code=1, evidence="exit code 1")
    until(lambda: kinds(server)[0] == "ended")
    server.terminate()
    again = serve()
    until(lambda: len(kinds(again, run_id)) == len(happened) + 1)
    after = again.get("/activities")
    assert [one["id"] for one in after["activities"]][1:] == [one["id"] for one in before["activities"]]
    assert after["activities"][0]["data"]["state"] == "error"
    assert len(again.get("/activities", limit=2)["activities"]) == 2


def test_the_machine_is_measured_while_somebody_looks(server: ConsoleServer, listen: Any, until: Any) -> None:
    sample = server.get("/machine")
    assert sample["ram"]["total"] > sample["ram"]["used"] > 0
    assert 0 <= sample["cpu"] <= 100
    assert sample["cores"] == os.cpu_count()
    listener = listen(server, ["*"], ["machine"])
    told = until(lambda: len(listener.of("machine")) >= 2 and listener.of("machine"))
    assert told[1]["sample"]["time"] > told[0]["sample"]["time"] >= sample["time"]


def test_a_watched_file_lives_dies_and_is_detached_over_a_restart(
    home: Home, tmp_path: Path, serve: Any, until: Any
) -> None:
    home.create()
    inside, outside = home.datasets / "training_status.json", tmp_path / "training_status.json"
    for file in (inside, outside):
        write_running_status(file, 1.0, 4.0, 0.9, "at work")
    server = serve()
    refused = server.http.post("/attach", json={"path": str(outside)})
    assert (refused.status_code, refused.json()["code"]) == (422, "config_error")
    assert "gladius attach" in refused.json()["hint"]
    (home.datasets / "link.json").symlink_to(outside)
    assert server.http.post("/attach", json={"path": str(home.datasets / "link.json")}).status_code == 422
    assert server.http.post("/attach", json={"path": str(home.datasets / "none.json")}).status_code == 422
    made = server.http.post("/attach", json={"path": str(inside), "name": "theirs"})
    assert made.status_code == 201
    run_id = made.json()["run_id"]
    # The loss is recorded a moment before the state that came with it.
    until(lambda: server.get(f"/runs/{run_id}")["summary"]["state"] == "running")
    until(lambda: server.get(f"/runs/{run_id}")["summary"]["loss"] == 0.9)
    record = server.get(f"/runs/{run_id}")
    assert set(record["disabled"]) >= {"pause", "stop", "checkpoint", "set", "terminate"}
    assert server.http.post(f"/runs/{run_id}/commands", json={"command": "stop"}).status_code == 422
    server.kill()
    write_done_status(inside, 4.0, 4.0, 0.4)
    again = serve()
    until(lambda: again.get(f"/runs/{run_id}")["summary"]["state"] == "done")
    assert again.get(f"/runs/{run_id}/status")["loss"] == 0.4
    until(lambda: kinds(again, run_id) == ["ended", "attached"])
    env = {**os.environ, "GLADIUS_HOME": str(home.root)}
    verb = [sys.executable, "-m", "gladius.cli.main", "attach", str(outside), "--name", "any", "--json"]
    other = json.loads(forge.run(*verb, env=env).stdout)["run_id"]
    until(lambda: again.get(f"/runs/{other}")["summary"]["state"] == "running")
    with Client(url=again.url, token=again.token) as client:
        assert client.detach(other).state == "unknown"
        assert client.activities(1)[0].kind == "detached"
        assert client.machine().host
    assert again.http.delete(f"/attach/{other}").status_code == 409
    write_running_status(outside, 2.0, 4.0, 0.1, "nobody looks")
    assert again.get(f"/runs/{other}")["summary"]["loss"] == 0.9
