"""Runs of flows before a real server, with real trainings and programs: what each kind of step does, and how it fails."""

from __future__ import annotations

import json
import sys

from flow_house import FlowHouse, python

from gladius.client import Client
from gladius.flows.history import get_flow_history
from gladius.pulse.identity import Identity

ONCE = "import pathlib, sys; f = pathlib.Path('once'); there = f.exists(); f.touch(); print('no luck'); sys.exit(0 if there else 7)"
SLEEP = (
    "import os, subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(os.getpid(), p.pid, flush=True); p.wait()"
)


def test_train_default_trains_checks_and_is_on_record_both_ways(flows: FlowHouse) -> None:
    server = flows.server
    flow_run = flows.run("train_default", profile="quick", epochs=1)
    assert flows.states(flow_run) == ["done", "done", "done"]
    run_id = flows.step(flow_run, "train")["result"]["training_id"]
    record = server.get(f"/runs/{run_id}")
    assert record["run"]["source"] == f"flow:{flow_run}"
    assert (record["run"]["flow_run_id"], record["run"]["flow_step"]) == (flow_run, "train")
    assert flows.step(flow_run, "train")["result"]["eval_loss"] == 0.5
    checked = flows.step(flow_run, "validate")["result"]
    assert checked["checkpoint"] == str(flows.home.run(run_id).checkpoints / "step-2")
    events = [event["type"] for event in flows.events(flow_run)]
    assert (events[0], events[-1]) == ("begun", "ended")
    assert [one.flow_run_id for one in get_flow_history(1, flows.home)] == [flow_run]
    assert server.get("/flow-runs", limit=5)[0] == server.get("/flow-runs/latest") == flows.look(flow_run)

    with Client(home=flows.home) as client:
        again = client.run_flow("train_default", {"profile": "quick"})
        ended = client.wait_for_flow_run(again.flow_run_id, timeout=40)
    assert [step.state for step in ended.steps] == ["done"] * 3
    assert ended.steps[1].result["training_id"] in flows.runs()


def test_index_and_train_makes_a_dataset_of_documents_and_trains_on_it(flows: FlowHouse) -> None:
    folder = flows.home.documents / "manuals"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_text("A lathe turns wood. " * 20)
    (folder / "b.md").write_text("# Saws\n\n" + "A saw cuts wood. " * 20)
    flow_run = flows.run("index_and_train", path=str(folder), profile="quick", epochs=1)
    assert flows.states(flow_run) == ["done"] * 5, flows.look(flow_run)
    made = flows.step(flow_run, "index")["result"]
    assert made["documents"] == 2
    assert flows.step(flow_run, "check")["result"]["records"] == made["records"] > 0
    run = flows.server.get(f"/runs/{flows.step(flow_run, 'train')['result']['training_id']}")["run"]
    assert run["dataset"] == made["dataset_id"]
    again = flows.post("/commands", command_text=f'INDEX KNOWLEDGE\nPATH="{folder}"')
    assert again == {"command": "INDEX KNOWLEDGE", "run_id": None, "index_id": made["index_id"], "state": "running"}
    outside = flows.post("/commands", 422, command_text='INDEX KNOWLEDGE\nPATH="/etc"')
    assert outside["errors"][0]["message"].startswith("line 2: /etc ")


def test_what_cannot_be_begun_says_why(flows: FlowHouse) -> None:
    before = flows.runs()
    assert flows.post("/flows/nothing/runs", 404, args={})["code"] == "flow_not_found"
    (flows.home.flows / "broken.json").write_text('{"steps": [\n]}')
    assert "broken.json, line 1" in flows.post("/flows/broken/runs", 422, args={})["detail"]
    wrong = flows.post("/flows/train_default/runs", 422, args={"profile": "no-such", "epochs": "three", "epoch": 1})
    told = {one["field"]: one["message"] for one in wrong["errors"]}
    assert set(told) == {"args.profile", "args.epochs", "args.epoch"}
    assert "No profile 'no-such'" in told["args.profile"]
    assert "must be given" in flows.post("/flows/index_and_train/runs", 422, args={})["errors"][0]["message"]
    assert flows.post("/flow-runs/nothing/cancel", 404)["code"] == "flow_run_not_found"
    checked = flows.post("/flows/check", 200, text='{"steps": [{"id": "a", "cmd": "TRAIN"}]}', id="mine")
    assert [problem["line"] for problem in checked["problems"]] == [1]
    assert flows.runs() == before


def test_a_command_has_its_folder_its_output_its_time_and_its_exit_code(flows: FlowHouse) -> None:
    server = flows.server
    flows.write(
        "programs",
        {"id": "say", "cmd": "COMMAND", "args": python("import sys; print(sys.argv[1:]); open('made', 'w')", "${args.x} $HOME; ls")},
        {"id": "again", "cmd": "COMMAND", "on_failure": "retry", "retry": {"times": 2, "delay_s": 0}, "args": python(ONCE)},
        {"id": "late", "cmd": "COMMAND", "on_failure": "continue", "args": {**python(SLEEP), "timeout_s": 0.5}},
        {"id": "none", "cmd": "COMMAND", "on_failure": "continue", "args": {"argv": ["no-such-program"]}},
        {"id": "read", "cmd": "COMMAND", "args": python("print(open('made').read(), ${args.n})")},
        {"id": "bad", "cmd": "COMMAND", "args": python("raise SystemExit('all is lost')")},
        {"id": "never", "cmd": "STATUS"},
        args={"x": "a", "n": 7},
    )  # fmt: skip
    flow_run = flows.run("programs", n=8)
    assert flows.states(flow_run) == ["done", "done", "failed", "failed", "done", "failed", "skipped"]
    run = flows.look(flow_run)
    assert run["state"] == "failed"
    steps = {step["id"]: step for step in run["steps"]}
    assert server.get(f"/flow-runs/{flow_run}/steps/say/output")["text"] == "['a $HOME; ls']\n"
    assert (flows.home.flow_work / flow_run / "made").is_file()
    assert (steps["again"]["tries"], steps["again"]["result"]["exit_code"]) == (2, 0)
    assert "took longer than 0.5 s" in steps["late"]["cause"]
    assert "no program 'no-such-program'" in steps["none"]["cause"]
    assert server.get(f"/flow-runs/{flow_run}/steps/read/output")["text"] == " 8\n"
    assert steps["bad"]["cause"].endswith("ended with exit code 1: all is lost.")


def test_going_on_after_a_failure_is_incomplete_and_a_retry_keeps_what_was_done(flows: FlowHouse) -> None:
    flows.write(
        "two",
        {"id": "train", "cmd": "TRAIN", "args": {"profile": "quick"}},
        {"id": "once", "cmd": "COMMAND", "on_failure": "continue", "args": python(ONCE)},
        {"id": "last", "cmd": "STATUS"},
    )
    flow_run = flows.run("two")
    assert flows.states(flow_run) == ["done", "failed", "done"]
    assert flows.look(flow_run)["state"] == "incomplete"
    assert "exit code 7: no luck" in flows.step(flow_run, "once")["cause"]
    flows.post(f"/flow-runs/{flow_run}/retry", 200)
    assert flows.states(flow_run) == ["done", "done", "done"]
    assert flows.look(flow_run)["state"] == "done"
    assert [event["type"] for event in flows.events(flow_run) if event.get("step") == "train"].count("step_begun") == 1
    assert flows.post(f"/flow-runs/{flow_run}/retry", 409)["code"] == "flow_run_ended"
    assert flows.post(f"/flow-runs/{flow_run}/cancel", 409)["code"] == "flow_run_ended"


def test_cancel_stops_the_training_with_a_checkpoint_and_ends_a_program_with_its_group(flows: FlowHouse) -> None:
    server = flows.server
    flows.write(
        "long", {"id": "train", "cmd": "TRAIN", "args": {"profile": "endless"}}, {"id": "after", "cmd": "STATUS"}
    )
    flows.write("wait", {"id": "sleep", "cmd": "COMMAND", "args": python(SLEEP)})
    training, program = flows.run("long"), flows.run("wait")
    run_id = flows.until(lambda: flows.step(training, "train")["result"].get("training_id"))
    flows.until(lambda: (server.get(f"/runs/{run_id}")["summary"]["step"] or 0) > 2)
    said = flows.until(lambda: server.get(f"/flow-runs/{program}/steps/sleep/output")["text"].split())
    processes = [Identity.of(int(pid)) for pid in said]
    assert flows.post(f"/flow-runs/{training}/retry", 409)["code"] == "flow_run_lives"
    for flow_run in (training, program):
        assert flows.post(f"/flow-runs/{flow_run}/cancel", 200)["cancelling"]
    assert flows.states(program) == ["cancelled"]
    flows.until(lambda: not any(process.alive() for process in processes))
    assert flows.states(training) == ["cancelled", "skipped"]
    assert flows.look(training)["state"] == "cancelled"
    summary = server.get(f"/runs/{run_id}")["summary"]
    assert summary["state"] == "cancelled"
    assert summary["last_checkpoint"]["path"]


def test_a_result_that_is_not_as_wanted_fails_with_its_reason(flows: FlowHouse) -> None:
    server = flows.server
    (flows.home.datasets / "bad.jsonl").write_text('{"instruction": "a"}\n')
    (flows.home.datasets / "good.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    run = "${steps.train.training_id}"
    going = {"on_failure": "continue"}
    flows.write(
        "checks",
        {"id": "train", "cmd": "TRAIN", "args": {"profile": "quick"}},
        {"id": "near", "cmd": "VALIDATE", "args": {"run": run, "max": 0.6}},
        {"id": "far", "cmd": "VALIDATE", "args": {"run": run, "max": 0.4}, **going},
        {"id": "unknown", "cmd": "VALIDATE", "args": {"run": run, "metric": "eval/accuracy", "max": 1}, **going},
        {"id": "damage", "cmd": "COMMAND", "args": python(
            "import pathlib, sys; (pathlib.Path(sys.argv[1]) / 'weights.txt').write_text('2.0')", "${steps.near.checkpoint}")},
        {"id": "damaged", "cmd": "VALIDATE", "args": {"run": run}, **going},
        {"id": "dataset", "cmd": "VALIDATE", "args": {"dataset": "good"}},
        {"id": "bad_dataset", "cmd": "VALIDATE", "args": {"dataset": "bad"}, **going},
        {"id": "export", "cmd": "EXPORT", "args": {"run": run, "format": "csv", "output": "sub/numbers.csv"}},
        {"id": "outside", "cmd": "EXPORT", "args": {"run": run, "output": "../../numbers.csv"}, **going},
        {"id": "no_run", "cmd": "EXPORT", "args": {"run": "20200101-000000-x-0000"}, **going},
        {"id": "no_disk", "cmd": "STATUS", "args": {"min_free_gb": 1e9, "gpus": 64}, **going},
        {"id": "no_profile", "cmd": "TRAIN", "args": {"profile": "nothing", "epochs": -1}, **going},
    )  # fmt: skip
    steps = {step["id"]: step for step in flows.end(flows.run("checks"))["steps"]}
    done = {id_ for id_, step in steps.items() if step["state"] == "done"}
    assert done == {"train", "near", "damage", "dataset", "export"}
    told = {
        "far": "eval/loss of the run is 0.5; at most 0.4", "unknown": "eval/accuracy of the run is no value",
        "damaged": "weights.txt was changed", "bad_dataset": "line 1", "outside": "leads out of the folders of exports",
        "no_run": "No run '20200101-000000-x-0000'", "no_disk": "64 are wanted", "no_profile": "No profile 'nothing'",
    }  # fmt: skip
    for id_, words in told.items():
        assert words in steps[id_]["cause"], steps[id_]
    exported = flows.home.exports / "sub/numbers.csv"
    assert steps["export"]["result"] == {"path": str(exported), "bytes": exported.stat().st_size}
    run_id = steps["train"]["result"]["training_id"]
    assert exported.read_bytes() == server.http.get(f"/runs/{run_id}/export").content


def test_a_training_that_fails_is_its_steps_failure_with_the_trainers_cause(flows: FlowHouse) -> None:
    profile = {
        "name": "failing", "engine": "script", "needs_dataset": False,
        "argv": [sys.executable, "-c", "import gladius\nwith gladius.start(): raise ValueError('the data is odd')"],
    }  # fmt: skip
    (flows.home.profiles / "failing.yaml").write_text(json.dumps(profile))
    flow_run = flows.run("train_default", profile="failing")
    assert flows.states(flow_run) == ["done", "failed", "skipped"]
    step = flows.step(flow_run, "train")
    assert step["cause"].startswith("The training ended with an error: ")
    assert "the data is odd" in step["cause"]
    assert step["result"]["training_id"] in step["hint"]


def test_text_commands_train_and_name_their_wrong_lines(flows: FlowHouse) -> None:
    server = flows.server
    (flows.home.datasets / "mine.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    text = 'TRAIN AGENT\nPROFILE="quick"\nDATA_PATH="mine.jsonl"\nEPOCHS="1"\nMODE="script"\n'
    answer = flows.post("/commands", command_text=text)
    assert answer["command"] == "TRAIN AGENT"
    run = server.get(f"/runs/{answer['run_id']}")["run"]
    assert (run["profile"], run["dataset"], run["total_epochs"]) == ("quick", "mine", 1.0)
    wrong = 'TRAIN AGENT\nPROFILE="quickk"\nDATA_PATH="/etc/passwd"\nEPOCHS="5000"'
    told = [one["message"] for one in flows.post("/commands", 422, command_text=wrong)["errors"]]
    assert told[0].startswith("line 2: No profile 'quickk'")
    assert "line 3: /etc/passwd leads out of the folders of datasets" in told[1]
    bounds = text.replace('"1"', '"5000"').replace("script", "transformers")
    told = [one["message"] for one in flows.post("/commands", 422, command_text=bounds)["errors"]]
    assert told[0].startswith("line 4: Profile 'quick' trains 1 to")
    assert told[1].startswith("line 5: MODE is 'transformers', and 'quick' has the engine 'script'")
    flows.until(lambda: server.get(f"/runs/{answer['run_id']}")["summary"]["state"] == "done")
