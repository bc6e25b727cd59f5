"""A server that is killed in the middle of flows: the next one goes on, does nothing twice, and says what it cannot know."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from flow_house import FlowHouse, python

from gladius.flows.log import FlowLog
from gladius.flows.warden import Papers
from gladius.pulse.identity import process_state
from gladius.pulse.rundir import new_run_id
from pulse_wrapper import safe_read_json

LONG = """import os, pathlib, time
pathlib.Path('count').open('a').write('x')
while not os.path.exists('go'): time.sleep(0.02)
print('counted')"""
COUNT = "import pathlib, time; pathlib.Path('count').open('a').write('x'); time.sleep({nap}); print('counted')"

FAILS = {"id": "fail", "cmd": "COMMAND", "args": python("raise SystemExit(1)"), "on_failure": "continue"}


class Killed:
    """What was under way when the server was killed, each by its flow run's id; a new server is up."""

    def __init__(self, flows: FlowHouse) -> None:
        self.flows = flows
        self.long = self.program("long", LONG)
        self.short = self.program("short", f"{LONG}; raise SystemExit(3)")
        self.orphaned = self.program("orphaned", COUNT.replace("{nap}", "60"))
        self.cancelled = self.program("cancelled", COUNT.replace("{nap}", "60"), FAILS)
        self.waiting = flows.run(flows.write("waiting", {
            "id": "fail", "cmd": "COMMAND", "args": python("raise SystemExit(1)"), "on_failure": "retry",
            "retry": {"times": 1, "delay_s": 600},
        }))  # fmt: skip
        finished = flows.post("/runs", profile_id="quick")["run_id"]
        flows.until(lambda: flows.server.get(f"/runs/{finished}")["summary"]["state"] == "done")
        for one in (self.long, self.short, self.orphaned, self.cancelled):
            flows.until(lambda one=one: self.papers(one).child.is_file() and self.counted(one).is_file())
        flows.wait_for_step(self.waiting, "fail", "retrying")
        self.next_try_at = flows.step(self.waiting, "fail")["next_try_at"]
        flows.gate.touch()
        self.training = flows.run("train_default", profile="quick")
        self.run_id = flows.until(lambda: flows.step(self.training, "train")["result"].get("training_id"))
        flows.kill()
        self.when_killed = flows.events(self.training)[-1]["type"]
        with flows.log(self.training).open("ab") as log:
            log.write(b'{"type": "step_ended", "step": "tra')
        for paper in (self.papers(self.orphaned).begun, self.papers(self.orphaned).child):
            os.kill((safe_read_json(paper) or {})["pid"], signal.SIGKILL)
        FlowLog(flows.log(self.cancelled)).append("cancel_asked", by="cli")
        self.unheard, self.submitted = self.begun_alone(), self.begun_alone()
        self.finished = finished
        path = flows.home.run(finished).run_json
        facts = {"flow_run_id": self.submitted, "flow_step": "train", "flow_try": 1}
        path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
        self.let_go(self.short)
        flows.until(self.papers(self.short).ended.is_file)
        flows.up()
        flows.gate.unlink()
        self.at_once = {one: flows.look(one) for one in (self.long, self.waiting)}

    def program(self, id_: str, code: str, *before: dict[str, Any]) -> str:
        step = {"id": "count", "cmd": "COMMAND", "args": python(code)}
        return self.flows.run(self.flows.write(id_, *before, step))

    def papers(self, flow_run: str) -> Papers:
        return Papers(self.flows.home.flow_work / flow_run, "count-1")

    def counted(self, flow_run: str) -> Path:
        return self.flows.home.flow_work / flow_run / "count"

    def let_go(self, flow_run: str) -> None:
        """Let a program end that waits for that."""
        self.counted(flow_run).with_name("go").touch()

    def begun_alone(self) -> str:
        """A try of TRAIN that was about to be asked for when the server died: the log says no more."""
        flow_run = new_run_id("one", time.time())
        log = FlowLog(self.flows.log(flow_run))
        step = {"id": "train", "cmd": "TRAIN", "args": {"profile": "quick"}}
        log.append("begun", flow={"id": "one", "name": "one", "steps": [step]}, args={}, asked_by="cli")
        log.append("step_begun", step="train")
        return flow_run

    def trainings(self, flow_run: str) -> list[str]:
        """The runs that say that this flow's run asked for them."""
        return [run.run_id for run in self.flows.home.all_runs() if run.read_run().get("flow_run_id") == flow_run]

    def step(self, flow_run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.flows.end(flow_run)["steps"][-1]
        return found


@pytest.fixture(scope="module")
def killed(flows: FlowHouse) -> Killed:
    return Killed(flows)


def test_a_training_under_way_is_waited_for_and_the_flow_ends_as_if_nothing_had_been(killed: Killed) -> None:
    assert killed.when_killed == "step_told"
    assert killed.flows.states(killed.training) == ["done", "done", "done"]
    step = killed.flows.step(killed.training, "train")
    assert (step["result"]["training_id"], step["tries"]) == (killed.run_id, 1)
    assert killed.trainings(killed.training) == [killed.run_id]


def test_a_program_outlives_its_server_is_found_again_and_runs_once(killed: Killed) -> None:
    assert killed.at_once[killed.long]["steps"][0]["state"] == "running"
    killed.let_go(killed.long)
    assert killed.step(killed.long)["result"]["exit_code"] == 0
    assert killed.counted(killed.long).read_text() == "x"
    assert killed.flows.server.get(f"/flow-runs/{killed.long}/steps/count/output")["text"] == "counted\n"


def test_a_program_that_ended_while_no_server_was_there_is_told_by_its_warden(killed: Killed) -> None:
    assert "exit code 3: counted" in killed.step(killed.short)["cause"]


def test_a_program_whose_warden_was_killed_has_an_unknown_outcome_and_is_not_repeated(killed: Killed) -> None:
    assert "unknown, and it was not repeated" in killed.step(killed.orphaned)["cause"]
    assert killed.counted(killed.orphaned).read_text() == "x"


def test_a_training_that_was_submitted_before_the_log_said_so_is_found_and_not_started_again(killed: Killed) -> None:
    assert killed.step(killed.submitted)["result"]["training_id"] == killed.finished
    assert killed.trainings(killed.submitted) == [killed.finished]


def test_a_training_that_was_not_submitted_yet_is_started_once(killed: Killed) -> None:
    assert killed.step(killed.unheard)["state"] == "done"
    assert killed.trainings(killed.unheard) == [killed.step(killed.unheard)["result"]["training_id"]]


def test_a_cancel_that_was_asked_for_is_carried_out_whatever_failed_before(killed: Killed) -> None:
    assert killed.step(killed.cancelled)["state"] == "cancelled"
    child = (safe_read_json(killed.papers(killed.cancelled).child) or {})["pid"]
    assert process_state(child) in (None, "Z")
    assert killed.flows.look(killed.cancelled)["state"] == "cancelled"


def test_the_time_of_the_next_try_stays_and_a_cancel_ends_the_waiting(killed: Killed) -> None:
    step = killed.at_once[killed.waiting]["steps"][0]
    assert (step["state"], step["tries"]) == ("retrying", 1)
    assert step["next_try_at"] == killed.next_try_at
    killed.flows.post(f"/flow-runs/{killed.waiting}/cancel", 200)
    assert killed.step(killed.waiting)["state"] == "cancelled"


def test_a_log_with_half_a_line_is_read_and_written_on(tmp_path: Path) -> None:
    log = FlowLog(tmp_path / "a.jsonl")
    log.append("begun", flow={})
    with log.path.open("ab") as file:
        file.write(b'{"type": "st')
    assert log.unfinished()
    log.append("ended", state="done")
    assert [event["type"] for event in log.read()] == ["begun", "ended"]
    assert not log.unfinished()


def test_a_second_warden_of_the_same_try_does_nothing(tmp_path: Path) -> None:
    from gladius.flows import warden

    papers = Papers(tmp_path, "a-1")
    order = {"argv": [sys.executable, "-c", "open('made', 'a').write('x')"], "timeout_s": None}
    papers.order.write_text(json.dumps(order))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert [warden.main([str(tmp_path), "a-1"]) for _ in range(2)] == [0, 0]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (tmp_path / "made").read_text() == "x"
    assert (safe_read_json(papers.ended) or {})["code"] == 0
