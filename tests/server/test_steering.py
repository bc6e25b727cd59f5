"""Commands to a real loop over HTTP and the socket: each once, and true only when the trainer did it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from console_server import ConsoleServer, Listener
from loop_run import LoopRun

Loop = Callable[..., LoopRun]
Serve = Callable[..., ConsoleServer]
Listen = Callable[..., Listener]
Until = Callable[..., object]


def test_one_loop_obeys_everything_and_the_audit_tells_it(loop: Loop) -> None:
    run = loop()
    assert run.record["pause_modes"] == ["hold", "release"] and run.record["splits"] == ["eval"]
    assert run.record["disabled"]["validate:test"] and "reload_config" in run.record["disabled"]

    held = run.tell("pause", mode="hold")
    saved = run.tell("checkpoint")
    run.tell("set", name="learning_rate", value=0.5)
    run.wait_for("paused")
    assert saved["step"] == held["step"], "a held loop makes no step, and still obeys"
    run.tell("resume")
    assert "eval/loss" in run.tell("validate", split="eval")["detail"]
    refused = run.told(run.post("set", name="learning_rate", value=7))
    assert refused["state"] == "rejected" and "between 0 and 1" in refused["detail"]
    assert run.record["adjustable"]["learning_rate"]["value"] == 0.5
    run.tell("stop")
    run.wait_for("cancelled")

    listed = run.server.get(f"{run.path}/commands")
    told = [(one["command"], one["state"], one["issued_by"]) for one in listed]
    assert told == [
        ("pause", "applied", "api"), ("checkpoint", "applied", "api"), ("set", "applied", "api"),
        ("resume", "applied", "api"), ("validate", "applied", "api"), ("set", "rejected", "api"), ("stop", "applied", "api"),
    ]  # fmt: skip
    assert [one["command_id"] for one in listed] == sorted(one["command_id"] for one in listed), (
        "ids are in order of time"
    )
    lines = run.server.http.get(f"{run.path}/commands", params={"format": "jsonl"}).text.splitlines()
    assert [json.loads(line) for line in lines] == listed
    exported = run.server.http.get(f"{run.path}/commands", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert exported.headers["content-type"].startswith("text/csv")
    assert [(row["command"], row["state"]) for row in rows] == [(one["command"], one["state"]) for one in listed]
    assert all(float(row["time"]) <= float(row["accepted_at"]) <= float(row["answered_at"]) for row in rows)


def test_a_change_is_reverted_by_one_call(loop: Loop) -> None:
    run = loop()
    answer = run.server.http.post(f"{run.path}/revert", json={"name": "learning_rate"})
    assert answer.status_code == 422 and "not changed" in answer.json()["detail"]
    run.tell("set", name="learning_rate", value=0.25)
    reverted = run.server.http.post(f"{run.path}/revert", json={"name": "learning_rate", "id": "the-revert-1"})
    assert reverted.json() == {"command_id": "the-revert-1"}
    assert run.told("the-revert-1")["args"] == {"name": "learning_rate", "value": 0.1}
    again = run.server.http.post(f"{run.path}/revert", json={"name": "learning_rate", "id": "the-revert-1"})
    assert again.status_code == 202, "the same id is the same revert"
    changes = [(one["old"], one["new"], one["by"]) for one in run.record["hyperparameters"]]
    assert changes == [(0.1, 0.25, "api"), (0.25, 0.1, "api")]


@pytest.mark.parametrize("moment", ["before it is read", "before its ack is read"])
def test_a_server_killed_around_a_command_leaves_it_applied_once(
    loop: Loop, serve: Serve, until: Until, moment: str
) -> None:
    run = loop()
    command_id = run.post("set", name="learning_rate", value=0.3)
    if moment == "before its ack is read":
        until(lambda: "applied" in run.acks(command_id))
    run.server.kill()
    until(lambda: "applied" in run.acks(command_id))
    run.server = serve()
    body = {"command": "set", "args": {"name": "learning_rate", "value": 0.3}, "id": command_id}
    assert run.server.http.post(f"{run.path}/commands", json=body).json() == {"command_id": command_id}
    assert run.told(command_id)["state"] == "applied"
    assert run.record["adjustable"]["learning_rate"]["value"] == 0.3
    run.tell("checkpoint")
    assert run.acks(command_id) == ["accepted", "applied"]
    assert len(run.events("hyperparameters")) == 1


def test_an_id_belongs_to_its_command_also_after_a_restart_of_the_server(loop: Loop, serve: Serve) -> None:
    run = loop()
    body = {"command": "pause", "args": {"mode": "hold"}, "id": "client-chosen-1"}
    assert run.server.http.post(f"{run.path}/commands", json=body).status_code == 202
    run.told("client-chosen-1")
    run.server.terminate()
    run.server = serve()
    assert run.server.http.post(f"{run.path}/commands", json=body).status_code == 202
    other = {**body, "command": "resume", "args": {}}
    assert run.server.http.post(f"{run.path}/commands", json=other).json()["code"] == "command_conflict"
    assert len(list(run.run.control.glob("*.json"))) == 1


def test_a_hold_survives_a_restart_of_the_server(loop: Loop, serve: Serve) -> None:
    run = loop()
    step = run.tell("pause", mode="hold")["step"]
    run.server.kill()
    run.server = serve()
    assert run.wait_for("paused")["summary"]["health"]["code"] == "paused"
    assert run.tell("resume")["step"] == step
    run.wait_for_step(step + 1)


def test_a_command_goes_over_the_socket_and_what_is_wrong_with_it_is_told(
    loop: Loop, listen: Listen, until: Until
) -> None:
    run = loop()
    heard = listen(run.server, [run.run_id], ["events"])
    wrong = [
        {"run_id": "nobody", "command": "pause", "id": "wrong-run-1"},
        {"run_id": run.run_id, "command": "explode"},
        {"run_id": run.run_id, "command": "pause", "args": {"mode": "loudly"}},
        {"run_id": run.run_id, "command": "pause", "args": [1]},
    ]
    for message in wrong:
        heard.socket.send(json.dumps({"type": "command", **message}))
    until(lambda: len(heard.of("error")) == len(wrong))
    codes = [(one["code"], one["command_id"]) for one in heard.of("error")]
    assert codes == [
        ("run_not_found", "wrong-run-1"),
        ("command_invalid", None),
        ("command_invalid", None),
        (None, None),
    ]

    heard.socket.send(json.dumps({"type": "command", "run_id": "loop", "command": "pause", "id": "over-the-socket"}))
    until(lambda: heard.of("command"))
    assert heard.of("command")[0] == {
        "type": "command", "run_id": run.run_id, "command_id": "over-the-socket", "state": "requested",
    }  # fmt: skip
    until(lambda: [e["state"] for e in heard.events() if e["type"] == "ack"] == ["accepted", "applied"])
    assert run.server.get(f"{run.path}/commands/over-the-socket")["issued_by"] == "socket"


def test_force_stop_ends_an_instrumented_loop_and_it_is_no_kill(loop: Loop, until: Until) -> None:
    run = loop()
    run.tell("pause", mode="hold")
    told = run.told(run.post("terminate", grace_s=0))
    assert told["state"] == "applied"
    record = run.wait_for("cancelled")
    assert record["attempts"][0]["verdict"] == "killed" and record["attempts"][0]["signal"] in ("SIGTERM", "SIGKILL")
    until(lambda: run.server.get("/history"))
    assert run.server.get("/history")[0]["status"] == "cancelled"


def test_who_asked_is_on_record(loop: Loop) -> None:
    run = loop()
    agents = {"gladius-cli/1": "cli", "gladius-python/1": "python", "curl/8": "api", "not-gladius-cli/1": "api"}
    for place, (agent, who) in enumerate(agents.items()):
        body = {"command": "checkpoint", "id": f"who-asked-{place}"}
        run.server.http.post(f"{run.path}/commands", json=body, headers={"user-agent": agent})
        assert run.told(f"who-asked-{place}")["issued_by"] == who
    cookie = {"cookie": run.server.sign_in(), "origin": run.server.url}
    body = {"command": "checkpoint", "id": "who-asked-cookie"}
    assert run.server.bare.post(f"/api/v1{run.path}/commands", json=body, headers=cookie).status_code == 202
    assert run.told("who-asked-cookie")["issued_by"] == "browser"
