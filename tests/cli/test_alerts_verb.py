"""`gladius alerts` and the client's methods behind it, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from scripted_run import ScriptedRun

from gladius.client import Client
from gladius.errors import RequestRejected
from gladius.pulse.rundir import Home


def gladius(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "gladius.cli.main", *words]
    return forge.run(*argv)


def test_alerts_are_listed_and_acknowledged(
    home: Home, serve: Callable[..., ConsoleServer], train: Callable[..., ScriptedRun], until: Callable[..., Any]
) -> None:
    server, run = serve(), train()
    run.order(events=[["alert", {"level": "warning", "code": "odd", "message": "look here"}]])
    with Client(server.url, server.token) as client:
        (alert,) = until(lambda: client.alerts(run.run_id))
        listed = json.loads(gladius(home, "alerts", "latest", "--json").stdout)
        assert [one["id"] for one in listed] == [alert.id] and listed[0]["message"] == "look here"
        shown = gladius(home, "alerts").stdout
        assert "look here" in shown and alert.id in shown and "warning" in shown
        done = json.loads(gladius(home, "alerts", "--ack", alert.id, "--json").stdout)
        assert done[0]["acknowledged_by"] == "cli"
        assert client.acknowledge(alert.id).acknowledged_by == "cli", "the first one counts"
        assert client.alerts(active=True) == [] and gladius(home, "alerts", "--active").stdout == "No alerts.\n"
        nobody = gladius(home, "alerts", "--ack", "nobody")
        assert nobody.returncode == 1 and "No alert 'nobody'. 'gladius alerts' lists them." in nobody.stderr


def test_thresholds_are_changed_by_name(server: ConsoleServer) -> None:
    with Client(server.url, server.token) as client:
        before = client.settings().alerts
        assert client.change_settings(gpu_temperature=70).alerts.gpu_temperature == 70
        with pytest.raises(RequestRejected, match="gpu_temperature") as caught:
            client.change_settings(gpu_temperature=1000)
        assert caught.value.status == 422
        assert client.change_settings(**before.model_dump()).alerts == before
