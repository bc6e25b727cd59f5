"""Random hands on real runs of flows, with SIGKILL among the moves: no try of a step runs twice, and the log tells what was.

A flow of programs and a training, each of which waits to be told how to end. The server is killed at rest, or between two of its own file
operations (so between any two lines of a log, `mortal.py`); what watches over a program, and the program, are killed too. The programs keep
a book of their own. GLADIUS_RANDOM_EXAMPLES and GLADIUS_RANDOM_SEED as for queues.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from mortal import House, gone, patient, play

from gladius.flows.history import load
from gladius.flows.log import FlowLog
from gladius.flows.warden import Papers
from pulse_wrapper import safe_read_json

EXAMPLES = int(os.environ.get("GLADIUS_RANDOM_EXAMPLES", "3"))
STEPS = 8 if EXAMPLES > 3 else 6
FLOWS = {
    "plain": [("a", "COMMAND", {}), ("b", "COMMAND", {}), ("c", "COMMAND", {})],
    "lenient": [
        ("a", "COMMAND", {"on_failure": "continue"}),
        ("b", "COMMAND", {"on_failure": "retry", "retry": {"times": 1, "delay_s": 0}}),
        ("c", "COMMAND", {}),
    ],
    "training": [("a", "COMMAND", {}), ("b", "TRAIN", {}), ("c", "COMMAND", {})],
}


class World:
    """The house that lasts from example to example."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder, 1)
        self.moves: Counter[str] = Counter()
        argv = self.house.argv
        home = self.house.home
        profile = {"name": "held", "engine": "script", "needs_dataset": False, "default_epochs": 1}
        (home.profiles / "held.yaml").write_text(json.dumps({**profile, "argv": [*argv, "flow", "b"]}))
        for id_, steps in FLOWS.items():
            told = []
            for step, cmd, more in steps:
                args: dict[str, Any] = {"profile": "held"} if cmd == "TRAIN" else {"argv": [*argv, "flow", step]}
                told.append({"id": step, "cmd": cmd, "args": args, **more})
            (home.flows / f"{id_}.json").write_text(json.dumps({"id": id_, "steps": told}))


class RandomFlows(RuleBasedStateMachine):
    """One run of a flow at a time. `at` is the step whose program waits at its gate, None when the run has ended.

    A move that there is not now is another one instead: what is drawn next never depends on what the machine did.
    """

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.house = self.world.house
        self.clear()
        self.id = ""
        self.at: str | None = None
        self.cancelled = False

    def clear(self) -> None:
        self.house.book.write_text("")
        for gate in self.house.gates.iterdir():
            gate.unlink()

    @initialize(flow=st.sampled_from(sorted(FLOWS)), after=st.sampled_from([0, 0, 0, 2, 3, 4, 6, 9]))
    def begin(self, flow: str, after: int) -> None:
        """A request whose answer was lost may have begun a run or not; then it is asked again."""
        self.steps = {step: (cmd, more) for step, cmd, more in FLOWS[flow]}
        logs = self.house.home.flow_logs
        known = set(logs.glob("*.jsonl")) if logs.is_dir() else set()
        self.house.server.doom(after)
        answer = self.house.server.ask("POST", f"/flows/{flow}/runs", args={})
        self.revive()
        new = {log.stem for log in set(logs.glob("*.jsonl")) - known if list(FlowLog(log).read())}
        assert len(new) == 1 if answer is not None else len(new) <= 1, "one request, one run"
        if not new:
            self.id = self.house.server.http.post(f"/flows/{flow}/runs", json={"args": {}}).json()["flow_run_id"]
        else:
            (self.id,) = new
        self.settle()

    # Asking

    def revive(self) -> None:
        if self.house.server.dead:
            self.world.moves["died over it"] += 1
            self.house.new_server()

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = self.house.server.get(f"/flow-runs/{self.id}")
        return found

    def told(self) -> Any:
        return {"at": self.at, "told": self.look(), "book": self.house.book.read_text()}

    def alive(self) -> list[tuple[str, int]]:
        """The programs that began and live: (step, pid)."""
        lines = (line.split(" ") for line in self.house.book.read_text().splitlines())
        began = [(name.partition("/")[2], int(pid)) for name, what, pid, *_ in lines if what == "began"]
        return [(step, pid) for step, pid in began if not gone(pid)]

    def settle(self) -> None:
        """Until a program waits at its gate, or the run has ended; a dead server has a next one."""
        patient(self.is_still, self.told)
        self.house.server.doom(0)
        self.revive()
        alive = self.alive()
        assert len(alive) <= 1, "one step at a time"
        self.at = alive[0][0] if alive else None

    def is_still(self) -> bool:
        self.revive()
        try:
            run = self.look()
        except Exception:
            if self.house.server.process.wait(20) == 0:
                raise
            return False
        if run["state"] != "running":
            return not self.alive()
        if run["cancelling"]:
            return False
        now = [one["id"] for one in run["steps"] if one["state"] == "running"]
        return len(now) == 1 and [step for step, _ in self.alive()] == now

    def papers(self) -> Papers:
        step = next(one for one in self.look()["steps"] if one["id"] == self.at)
        return Papers(self.house.home.flow_work / self.id, f"{self.at}-{step['tries']}")

    # Moves

    deaths = st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17])

    @rule(code=st.sampled_from([0, 0, 0, 3]), after=deaths)
    def end(self, code: int, after: int) -> None:
        """The program under way ends; what the server does then it may die over. Its gate is shut for the next try."""
        if self.at is None:
            self.retry(after)
            return
        self.world.moves["ended"] += 1
        step, pid = self.alive()[0]
        self.house.server.doom(after)
        gate = self.house.gates / f"flow~{step}"
        self.house.open(f"flow/{step}", code)
        patient(lambda: gone(pid), self.told)
        gate.unlink()
        self.settle()

    @rule(after=deaths)
    def cancel(self, after: int) -> None:
        if self.at is None:
            self.retry(after)
            return
        self.world.moves["cancelled"] += 1
        self.house.server.doom(after)
        answer = self.house.server.ask("POST", f"/flow-runs/{self.id}/cancel")
        assert answer is None or answer.status_code == 200, answer.text
        if answer is None:
            self.revive()
            if not self.look()["cancelling"] and self.look()["state"] == "running":
                self.settle()
                return
        self.settle()
        assert self.at is None and self.look()["state"] in ("cancelled", "done")

    @rule(after=deaths)
    def retry(self, after: int) -> None:
        if self.at is not None:
            self.end(0, after)
            return
        self.world.moves["retried"] += 1
        done = self.look()["state"] == "done"
        self.house.server.doom(after)
        answer = self.house.server.ask("POST", f"/flow-runs/{self.id}/retry")
        assert answer is None or answer.status_code == (409 if done else 200), answer.text
        self.settle()

    @rule()
    def kill_server(self) -> None:
        self.world.moves["server killed"] += 1
        self.house.new_server()
        self.settle()

    @rule()
    def kill_program(self) -> None:
        if self.at is None:
            self.kill_server()
            return
        self.world.moves["program killed"] += 1
        os.kill(self.alive()[0][1], signal.SIGKILL)
        self.settle()

    @rule()
    def kill_warden(self) -> None:
        """Nobody can say any more how the program ended: it is waited for, and not repeated by itself."""
        if self.at is None or self.steps[self.at][0] != "COMMAND":
            self.kill_server()
            return
        self.world.moves["warden killed"] += 1
        begun = patient(lambda: safe_read_json(self.papers().begun), self.told)
        patient(lambda: safe_read_json(self.papers().child), self.told)
        if not gone(begun["pid"]):
            os.kill(begun["pid"], signal.SIGKILL)
        patient(lambda: gone(begun["pid"]), self.told)

    # At the end

    def teardown(self) -> None:
        """Let it end; then the programs' book, the log, and what the API says agree."""
        if not self.id:
            return
        while self.at is not None:
            self.end(0, 0)
        run = self.look()
        assert load(self.house.home, self.id).wire().model_dump(mode="json") == run
        self.each_try_ran_once(run)
        self.the_log_is_lawful()

    def each_try_ran_once(self, run: dict[str, Any]) -> None:
        lines = [line.split(" ") for line in self.house.book.read_text().splitlines()]
        for step in run["steps"]:
            began = [int(pid) for name, what, pid, *_ in lines if (name, what) == (f"flow/{step['id']}", "began")]
            good = [
                rest
                for name, what, _, *rest in lines
                if (name, what) == (f"flow/{step['id']}", "ends") and rest[1] == "0"
            ]
            assert len(began) <= step["tries"], (step, began)
            assert len(good) <= 1 or step["cmd"] == "COMMAND", step
            if step["state"] == "done":
                assert good, f"{step} is called done, and its program never said so"
            if step["cmd"] != "COMMAND":
                continue
            papers = [
                Papers(self.house.home.flow_work / self.id, f"{step['id']}-{number + 1}")
                for number in range(step["tries"])
            ]
            pids = [told["pid"] for one in papers if (told := safe_read_json(one.child)) is not None]
            assert set(began) <= set(pids) and len(pids) == len(set(pids)), "each program belongs to one try"

    def the_log_is_lawful(self) -> None:
        """Nothing begins twice or out of turn, and what is done is not done again, but for what a retry opens."""
        events = list(FlowLog(self.house.home.flow_logs / f"{self.id}.jsonl").read())
        kinds = [event["type"] for event in events]
        assert kinds[0] == "begun" and kinds.count("begun") == 1 and kinds[-1] == "ended"
        open_step, done, ended, tries, order = None, set[str](), False, Counter[str](), list(self.steps)
        for event in events[1:]:
            kind, step = event["type"], event.get("step", "")
            if kind == "retry_asked":
                assert ended, "only what has ended is retried"
                # From the first that was not done on, all is open again.
                ended, tries, done = False, Counter(), set(itertools.takewhile(done.__contains__, order))
                continue
            assert not ended, (kind, "after the end")
            if kind == "step_begun":
                assert open_step is None and step not in done, (event, open_step, done)
                assert done >= {
                    one for one in order[: order.index(step)] if self.steps[one][1].get("on_failure") != "continue"
                }
                open_step = step
                tries[step] += 1
                assert tries[step] <= 1 + (self.steps[step][1].get("on_failure") == "retry"), (step, tries)
            elif kind == "step_ended":
                assert step == open_step or (open_step is None and event["state"] == "cancelled"), (event, open_step)
                open_step = None
                done |= {step} if event["state"] == "done" else set()
            elif kind == "step_told":
                assert step == open_step, (event, open_step)
            elif kind == "ended":
                assert open_step is None
                assert (event["state"] == "done") == (done == set(order)), (event, done)
                ended = True


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.house.close()


@pytest.mark.slow
def test_random_hands_on_flows_run_no_try_twice(world: World) -> None:
    play(world, RandomFlows, EXAMPLES, STEPS)
