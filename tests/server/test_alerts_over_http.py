"""Alerts and settings as the API tells and takes them, of a real run and a real server."""

from __future__ import annotations

import json
from collections.abc import Callable

from console_server import ConsoleServer
from scripted_run import ScriptedRun

Serve = Callable[..., ConsoleServer]
Train = Callable[..., ScriptedRun]
Until = Callable[..., object]


def test_a_trainers_alert_is_listed_and_can_be_acknowledged_once(serve: Serve, train: Train, until: Until) -> None:
    run, server = train(), serve()
    run.order(events=[["alert", {"level": "warning", "code": "odd", "message": "look here", "value": 2.5}]])
    (alert,) = until(lambda: server.get("/alerts", run_id=run.run_id)["alerts"])  # type: ignore[misc]
    assert (alert["code"], alert["level"], alert["message"], alert["value"]) == ("odd", "warning", "look here", 2.5)
    assert alert["id"] == f"{run.run_id}~trainer~2" and alert["acknowledged_at"] is None
    first = server.http.post(f"/alerts/{alert['id']}/ack").json()
    assert first["acknowledged_at"] >= alert["began_at"] and first["acknowledged_by"] == "api"
    again = server.http.post(f"/alerts/{alert['id']}/ack").json()
    assert again == first == server.get("/alerts")["alerts"][0]
    assert server.get("/alerts", active=True) == {"alerts": []}


def test_an_alert_that_is_not_there_is_a_404_with_its_code(server: ConsoleServer) -> None:
    answer = server.http.post("/alerts/nobody~trainer~1/ack")
    assert (answer.status_code, answer.json()["code"]) == (404, "alert_not_found")
    assert server.http.get("/alerts", params={"run_id": "nobody"}).status_code == 404


def test_settings_hold_at_once_and_survive_the_server(serve: Serve) -> None:
    server = serve()
    settings = server.get("/settings")
    assert settings["alerts"] == settings["defaults"] and settings["home"] == str(server.home.root)
    assert settings["alerts"]["gpu_temperature"] == 80 and settings["alerts"]["expert_imbalance"] == 0.15
    settings["alerts"]["gpu_temperature"] = 72.5
    answer = server.http.put("/settings", json=settings)
    assert answer.status_code == 200, answer.text
    assert answer.json()["alerts"]["gpu_temperature"] == 72.5 and answer.json()["defaults"]["gpu_temperature"] == 80
    server.terminate()
    assert serve().get("/settings")["alerts"]["gpu_temperature"] == 72.5


def test_a_wrong_setting_is_named_and_changes_nothing(server: ConsoleServer) -> None:
    before = server.get("/settings")
    wrong = [
        ({"alerts": {"gpu_temperature": 900}}, "alerts.gpu_temperature"),
        ({"alerts": {"gpu_temperature": "hot"}}, "alerts.gpu_temperature"),
        ({"alerts": {"slow_throughput": 0}}, "alerts.slow_throughput"),
        ({"alerts": {"memory_presure": 0.5}}, "alerts.memory_presure"),
        ({"alerts": {}, "colour": "red"}, "colour"),
        ({"alerts": {}, "home": "/elsewhere"}, "home"),
        ({}, "alerts"),
    ]
    for body, field in wrong:
        answer = server.http.put("/settings", json=body)
        assert answer.status_code == 422, body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert server.http.put("/settings", content='{"alerts": {"gpu_temperature": NaN}}').status_code == 422
    assert server.get("/settings") == before


def test_settings_that_cannot_be_used_are_left_out_and_kept_in_the_file(serve: Serve, home: object) -> None:
    path = home.state / "settings.json"  # type: ignore[attr-defined]
    path.write_text(json.dumps({"alerts": {"gpu_temperature": "hot", "gpu_memory": 0.5}, "other": [1]}))
    server = serve()
    found = server.get("/settings")["alerts"]
    assert (found["gpu_temperature"], found["gpu_memory"]) == (80, 0.5)
    assert server.http.put("/settings", json={"alerts": found}).status_code == 200
    assert json.loads(path.read_text())["other"] == [1]
