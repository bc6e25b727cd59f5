"""The built-in flows begun from a terminal and over HTTP come to the same; what waits or works is cancelled and goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from documents import slow_html
from flow_house import FlowHouse, told


def from_the_terminal(flows: FlowHouse, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "GLADIUS_HOME": str(flows.home.root)}
    argv = [sys.executable, "-m", "gladius.cli.main", "flow", "run", *words, "--follow", "--json"]
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)


def test_a_built_in_flow_comes_to_the_same_from_the_terminal_and_over_http(flows: FlowHouse) -> None:
    folder = flows.home.documents / "manuals"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_text("A lathe turns wood. " * 20)
    begun = {
        "train_default": flows.run("train_default", profile="quick", epochs=1),
        "index_and_train": flows.run("index_and_train", path=str(folder), profile="quick", epochs=1),
    }
    over_http = {flow: flows.end(flow_run) for flow, flow_run in begun.items()}
    typed = {
        "train_default": from_the_terminal(flows, "train_default", "--set", "profile=quick", "--set", "epochs=1"),
        "index_and_train": from_the_terminal(
            flows, "index_and_train", "--set", f"path={folder}", "--set", "profile=quick", "--set", "epochs=1"
        ),
    }
    for flow, process in typed.items():
        run = json.loads(process.communicate(timeout=60)[0])
        assert (process.returncode, run["state"], run["asked_by"]) == (0, "done", "cli")
        assert run == flows.look(run["flow_run_id"])
        assert run["args"] == over_http[flow]["args"]
        assert told(run) == told(over_http[flow])
        trained = next(step["result"]["training_id"] for step in run["steps"] if step["cmd"] == "TRAIN")
        record = flows.server.get(f"/runs/{trained}")["run"]
        assert (record["flow_run_id"], record["profile"], record["total_epochs"]) == (run["flow_run_id"], "quick", 1.0)
    wrong = from_the_terminal(flows, "train_default", "--set", "profile=failing-not-there")
    assert wrong.communicate(timeout=60)[0] == "" and wrong.returncode in (1, 2)


def test_an_indexing_fails_is_tried_again_cancelled_in_the_middle_and_then_done(flows: FlowHouse) -> None:
    folder = flows.home.documents / "late"
    shutil.rmtree(folder, ignore_errors=True)
    flow_run = flows.run("index_and_train", path=str(folder), profile="quick")
    assert flows.states(flow_run) == ["done", "failed", "skipped", "skipped", "skipped"]
    assert str(folder) in flows.step(flow_run, "index")["cause"]
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("A saw cuts wood, and a plane makes it smooth. " * 5)
    (folder / "slow.html").write_bytes(slow_html())
    flows.post(f"/flow-runs/{flow_run}/retry", 200)
    index = flows.until(lambda: flows.step(flow_run, "index")["result"].get("index_id"))
    flows.until(lambda: "slow.html" in json.dumps(flows.server.get(f"/knowledge/{index}")))
    flows.post(f"/flow-runs/{flow_run}/cancel", 200)
    assert flows.states(flow_run) == ["done", "cancelled", "skipped", "skipped", "skipped"]
    flows.until(lambda: flows.server.get(f"/knowledge/{index}")["state"] == "cancelled")
    (folder / "slow.html").unlink()
    flows.post(f"/flow-runs/{flow_run}/retry", 200)
    assert flows.states(flow_run) == ["done"] * 5, flows.look(flow_run)
    begun = [event["step"] for event in flows.events(flow_run) if event["type"] == "step_begun"]
    assert begun == ["status", "index", "index", "index", "check", "train", "validate"]
    kinds = [one["kind"] for one in flows.server.get("/activities")["activities"] if one["flow_run_id"] == flow_run]
    assert kinds.count("flow_ended") == 3 and kinds.count("flow_retried") == 2 and "flow_started" in kinds


def test_a_training_that_waits_in_the_queue_is_cancelled_before_it_ever_began(flows: FlowHouse) -> None:
    flows.down()
    flows.up(slots=1)
    first = flows.run("train_default", profile="endless")
    holds = flows.until(lambda: flows.step(first, "train")["result"].get("training_id"))
    flows.until(lambda: flows.server.get(f"/runs/{holds}")["summary"]["state"] == "running")
    second = flows.run("train_default", profile="quick")
    waits = flows.until(lambda: flows.step(second, "train")["result"].get("training_id"))
    assert flows.server.get(f"/runs/{waits}")["summary"]["state"] == "queued"
    flows.post(f"/flow-runs/{second}/cancel", 200)
    assert flows.states(second) == ["done", "cancelled", "skipped"]
    assert flows.server.get(f"/runs/{waits}")["summary"]["state"] == "cancelled"
    assert not flows.home.run(waits).console_log.exists(), "nothing of it was ever started"
    flows.post(f"/flow-runs/{first}/cancel", 200)
    assert flows.states(first) == ["done", "cancelled", "skipped"]
