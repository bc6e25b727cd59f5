"""A status file of another program over HTTP and the command line: watched live, over a restart, until it is detached."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer

from gladius.cli import attach as cli
from gladius.client import Client
from gladius.errors import RequestRejected
from pulse_wrapper import write_done_status, write_running_status

Serve = Callable[..., ConsoleServer]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "shelf" / "own" / "training_status.json"
    found.parent.mkdir(parents=True)
    write_running_status(found, 1.0, 3.0, 0.75, "epoch 2/3")
    return found


def summary(server: ConsoleServer, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/runs/{run_id}")["summary"]
    return found


def test_a_file_is_watched_over_a_restart_until_it_is_detached(
    serve: Serve, file: Path, tmp_path: Path, until: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = [str(tmp_path / "shelf")]
    server = serve(datasets_in=shelf)
    refused = server.http.post("/attach", json={"path": "/etc/hostname"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "path")
    made = server.http.post("/attach", json={"path": str(file), "name": "theirs"})
    assert made.status_code == 201, made.text
    run_id = made.json()["run_id"]
    until(lambda: summary(server, run_id)["loss"] == 0.75 and summary(server, run_id)["state"] == "running")
    seen = summary(server, run_id)
    assert (seen["state"], seen["name"], seen["source"], seen["epoch"], seen["total_epochs"]) == (
        "running", "theirs", "attached", 1.0, 3.0,
    )  # fmt: skip
    refused = server.http.post(f"/runs/{run_id}/commands", json={"command": "pause", "args": {}})
    assert refused.status_code == 422 and "a status file takes no commands" in refused.text
    write_done_status(file, 3.0, 3.0, 0.25)
    until(lambda: summary(server, run_id)["state"] == "done")
    until(lambda: [one["training_id"] for one in server.get("/history")] == [run_id])

    server.kill()
    write_running_status(file, 0.5, 3.0, 0.7, "anew")
    server = serve(datasets_in=shelf)
    until(lambda: summary(server, run_id)["state"] == "running" and summary(server, run_id)["loss"] == 0.7)
    assert summary(server, run_id)["attempt"] == 2, "the next training in the file shows also after a restart"
    with Client(home=server.home) as client:
        assert client.attach(file).id == run_id, "one file is one run"
        assert client.detach(run_id).state == "unknown"
        with pytest.raises(RequestRejected, match="detached already"):
            client.detach(run_id)
    assert os.listdir(file.parent) == [file.name], "nothing is written beside it"

    elsewhere = tmp_path / "elsewhere.json"
    write_running_status(elsewhere, 1.0, 3.0, 0.5, "epoch 2/3")
    assert cli.attach(elsewhere, "by hand") == 0
    run_id = capsys.readouterr().out.strip()
    until(lambda: any(one["run_id"] == run_id and one["loss"] == 0.5 for one in server.get("/runs")["runs"]))
    assert cli.detach("by hand") == 0
    assert "watched no more" in capsys.readouterr().out
