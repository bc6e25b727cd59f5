"""Random hands in a real queue, with SIGKILL among the moves: each run starts once, in its order, beside no more than there is room for.

A model keeps the line as it was asked for. The server is killed at rest, or between two of its own file operations while it carries
out a move (`mortal.py`); supervisors and programs are killed too. What was asked of a server that died over it may have happened or not,
never by half. The programs keep a book of their own, and that is compared with the order, the record and the history.
GLADIUS_RANDOM_EXAMPLES sets how many examples there are (`make random`), GLADIUS_RANDOM_SEED repeats them.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from mortal import House, gone, patient, play

from gladius.pulse.events import EventReader
from gladius.pulse.lock import is_held, read_holder

EXAMPLES = int(os.environ.get("GLADIUS_RANDOM_EXAMPLES", "3"))
STEPS = 8 if EXAMPLES > 3 else 6
ROOM = 2


@dataclass
class Asked:
    """One run as the model knows it."""

    run_id: str
    name: str
    priority: int
    ends_as: frozenset[str] = frozenset()
    unobserved: bool = False
    killed_at: float | None = None


class World:
    """The house that lasts from example to example."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder, ROOM)
        self.moves: Counter[str] = Counter()
        self.count = 0
        argv = [*self.house.argv, "{name}", "1"]
        profile = {"name": "held", "engine": "script", "needs_dataset": False, "default_epochs": 1}
        for number in range(40):
            told = {**profile, "argv": [str(number) if word == "{name}" else word for word in argv]}
            (self.house.home.profiles / f"p{number}.yaml").write_text(json.dumps(told))


class RandomQueues(RuleBasedStateMachine):
    """`line` waits, in order; `running` are those that have room. Between two moves both are as they will be.

    A move that there is not now is another one instead: what is drawn next never depends on what the machine did.
    """

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.house = self.world.house
        self.book = self.house.book
        self.book.write_text("")
        for gate in self.house.gates.iterdir():
            gate.unlink()
        self.line: list[Asked] = []
        self.running: list[Asked] = []
        self.over: list[Asked] = []
        self.started: list[str] = []
        self.known = {run.run_id for run in self.house.home.all_runs()}
        self.asked = 0

    @initialize()
    def full(self) -> None:
        """Nobody waits for a machine that has room."""
        for _ in range(ROOM + 2):
            self.ask(0, 0)

    # Asking

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = self.house.server.get("/queue")
        return found

    def state(self, asked: Asked) -> str:
        return str(self.house.server.get(f"/runs/{asked.run_id}")["summary"]["state"])

    def over_it(self, after: int, method: str, path: str, **body: Any) -> int | None:
        """Ask a server that may die over it; None when it did. `after` changes of files are its last ones, 0: it lives."""
        self.house.server.doom(after)
        answer = self.house.server.ask(method, path, **body)
        return None if answer is None else answer.status_code

    def settle(self) -> None:
        """Wait until who has room, who waits and what was begun are as the model says; a dead server has a next one."""
        self.advance()
        patient(self.is_so, self.told)
        for one in self.running:
            patient(lambda one=one: self.house.lines(f"{one.name}/1", "began"), self.told)
        self.house.server.doom(0)

    def advance(self) -> None:
        while self.line and len(self.running) < ROOM:
            self.running.append(self.line.pop(0))
            self.started.append(self.running[-1].run_id)

    def is_so(self) -> bool:
        if self.house.server.dead:
            self.world.moves["died over it"] += 1
            self.house.new_server()
        try:
            told = self.look()
        except Exception:
            if self.house.server.process.wait(20) == 0:
                raise
            return False
        running = {one["run_id"] for one in told["running"]}
        waiting = [one["run_id"] for one in told["waiting"]]
        return running == {one.run_id for one in self.running} and waiting == [one.run_id for one in self.line]

    def told(self) -> Any:
        model = {"running": [one.run_id for one in self.running], "line": [one.run_id for one in self.line]}
        return {"model": model, "told": self.look(), "book": self.book.read_text()}

    def pick(self, some: list[Asked], which: int) -> Asked:
        return some[which % len(some)]

    # Moves

    where = st.integers(0, 40)
    deaths = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22])

    @rule(priority=st.sampled_from([0, 0, 0, 1, -1]), after=deaths)
    def ask(self, priority: int, after: int) -> None:
        self.world.moves["ask"] += 1
        name = str(self.asked)
        self.asked += 1
        body = {"profile_id": f"p{name}", "name": f"n{name}", "priority": priority}
        answer = self.over_it(after, "POST", "/runs", **body)
        assert answer in (201, None), answer
        new = self.new_runs()
        assert len(new) == 1 if answer is not None else len(new) <= 1, "one request, one run"
        for run_id in new:
            self.known.add(run_id)
            place = sum(one.priority >= priority for one in self.line)
            self.line.insert(place, Asked(run_id, name, priority))
        self.settle()

    def new_runs(self) -> set[str]:
        """What the request that was made last came to: a directory, or a place in the queue that will have one."""
        if self.house.server.dead:
            self.world.moves["died over it"] += 1
            self.house.new_server()
        waiting = {path.stem for path in self.house.home.queue.glob("*.json")}
        return ({run.run_id for run in self.house.home.all_runs()} | waiting) - self.known

    @rule(which=where, after=deaths, by=st.sampled_from(["DELETE", "stop"]))
    def cancel(self, which: int, after: int, by: str) -> None:
        if not self.line:
            self.ask(0, after)
            return
        self.world.moves["cancel"] += 1
        one = self.pick(self.line, which)
        if by == "DELETE":
            answer = self.over_it(after, "DELETE", f"/queue/{one.run_id}")
        else:
            answer = self.over_it(after, "POST", f"/runs/{one.run_id}/commands", command="stop")
        assert answer in (200, 202, None), answer
        if answer is None:
            self.house.new_server()
            self.world.moves["died over it"] += 1
            if any(told["run_id"] == one.run_id for told in self.look()["waiting"]):
                self.settle()
                return
        self.line.remove(one)
        self.over.append(one)
        one.ends_as = frozenset({"cancelled"})
        self.settle()

    @rule(which=where, position=st.integers(1, 5), after=deaths)
    def move(self, which: int, position: int, after: int) -> None:
        if len(self.line) < 2:
            self.ask(0, after)
            return
        self.world.moves["move"] += 1
        one = self.pick(self.line, which)
        answer = self.over_it(after, "PATCH", f"/queue/{one.run_id}", position=position)
        assert answer in (200, None), answer
        others = [other for other in self.line if other is not one]
        wanted = [*others[: position - 1], one, *others[position - 1 :]]
        if answer is None:
            self.house.new_server()
            self.world.moves["died over it"] += 1
        told = self.look()["waiting"]
        names = [row["run_id"] for row in told]
        if answer is not None or names != [other.run_id for other in self.line]:
            assert names == [other.run_id for other in wanted], (names, wanted)
        self.take_line(told)

    @rule(which=where, priority=st.integers(-2, 2), after=deaths)
    def prefer(self, which: int, priority: int, after: int) -> None:
        if not self.line:
            self.ask(priority % 2, after)
            return
        self.world.moves["prefer"] += 1
        one = self.pick(self.line, which)
        answer = self.over_it(after, "PATCH", f"/queue/{one.run_id}", priority=priority)
        assert answer in (200, None), answer
        if answer is None:
            self.house.new_server()
            self.world.moves["died over it"] += 1
        told = self.look()["waiting"]
        mine = next(row for row in told if row["run_id"] == one.run_id)
        assert mine["priority"] == priority or (answer is None and mine["priority"] == one.priority)
        others = [row["run_id"] for row in told if row["run_id"] != one.run_id]
        assert others == [other.run_id for other in self.line if other is not one]
        self.take_line(told)

    def take_line(self, told: list[dict[str, Any]]) -> None:
        """The order and the priorities as they are told now, which fit each other."""
        by_id = {one.run_id: one for one in self.line}
        assert set(by_id) == {row["run_id"] for row in told}, "nobody is lost"
        for row in told:
            by_id[row["run_id"]].priority = row["priority"]
        self.line = [by_id[row["run_id"]] for row in told]
        assert [one.priority for one in self.line] == sorted((one.priority for one in self.line), reverse=True)
        self.settle()

    @rule(which=where, code=st.sampled_from([0, 0, 3]), after=deaths)
    def end(self, which: int, code: int, after: int) -> None:
        """One ends by itself; the server may die over what it must do then."""
        if not self.running:
            self.ask(0, after)
            return
        self.world.moves["end"] += 1
        one = self.pick(self.running, which)
        self.running.remove(one)
        self.over.append(one)
        # Only its parent hears a program's exit code.
        one.ends_as = frozenset({"unknown"} if one.unobserved else {"done" if code == 0 else "error"})
        self.house.server.doom(after)
        self.house.open(f"{one.name}/1", code)
        patient(lambda: self.house.lines(f"{one.name}/1", "ends"), self.told)
        self.settle()

    @rule(which=where)
    def kill_program(self, which: int) -> None:
        if not self.running:
            self.kill_server()
            return
        self.world.moves["program killed"] += 1
        one = self.pick(self.running, which)
        self.running.remove(one)
        self.over.append(one)
        one.ends_as = frozenset({"unknown"} if one.unobserved else {"killed"})
        one.killed_at = time.time()
        os.kill(self.pid(one), signal.SIGKILL)
        self.settle()

    @rule(which=where)
    def kill_supervisor(self, which: int) -> None:
        """The program goes on, takes its room as before, and has another observer."""
        if all(one.unobserved for one in self.running):
            self.kill_server()
            return
        self.world.moves["supervisor killed"] += 1
        one = self.pick([one for one in self.running if not one.unobserved], which)
        one.unobserved = True
        pid = patient(lambda: self.supervisor(one), self.told)
        os.kill(pid, signal.SIGKILL)
        patient(lambda: self.supervisor(one) not in (None, pid), self.told)
        self.settle()

    @rule()
    def kill_server(self) -> None:
        self.world.moves["server killed"] += 1
        self.house.new_server()
        self.settle()

    def pid(self, one: Asked) -> int:
        return int(self.house.lines(f"{one.name}/1", "began")[0][0])

    def supervisor(self, one: Asked) -> int | None:
        """Who holds the lock; None at the moment in which it has not written who it is."""
        lock = self.house.home.run(one.run_id).supervisor_lock
        holder = read_holder(lock) if is_held(lock) else None
        return None if holder is None else int(holder["pid"])

    # At the end

    def teardown(self) -> None:
        """Let all come to its turn and end; then each book tells the same."""
        while self.running:
            self.end(0, 0, 0)
        for one in self.over:
            patient(lambda one=one: self.state(one) in one.ends_as, lambda one=one: (one, self.state(one)))
            assert not is_held(self.house.home.run(one.run_id).supervisor_lock) or self.closes(one)
        self.each_started_once_in_order()
        self.never_too_many()
        self.one_end_each()
        assert not list(self.house.home.queue.glob("*.json"))
        note(str(dict(self.world.moves)))

    def closes(self, one: Asked) -> bool:
        return bool(patient(lambda: not is_held(self.house.home.run(one.run_id).supervisor_lock), self.told))

    def each_started_once_in_order(self) -> None:
        for one in self.over:
            began = self.house.lines(f"{one.name}/1", "began")
            events = list(EventReader(self.house.home.run(one.run_id).supervisor_events))
            started = [event for event in events if event["type"] == "process" and event["event"] == "started"]
            wanted = 0 if one.run_id not in self.started else 1
            assert (len(began), len(started)) == (wanted, wanted), (one, began, started)
        told = {one.run_id: self.house.home.run(one.run_id) for one in self.over if one.run_id in self.started}
        times = {run_id: run.read_attempt(1)["asked_at"] for run_id, run in told.items()}
        assert sorted(self.started, key=lambda run_id: times[run_id]) == self.started, "the order of the line"

    def never_too_many(self) -> None:
        """By the programs' own book; one that was killed counts until just before that."""
        spans = []
        for one in self.over:
            for (pid, began), *_ in [self.house.lines(f"{one.name}/1", "began") or [("", None)]]:
                if began is not None:
                    ends = self.house.lines(f"{one.name}/1", "ends")
                    spans.append((float(began), float(ends[0][1]) if ends else one.killed_at or 0.0))
                    assert gone(int(pid))
        for began, _ in spans:
            assert sum(first <= began < last for first, last in spans) <= ROOM, spans

    def one_end_each(self) -> None:
        history = [json.loads(line) for line in self.house.home.history.read_text().splitlines()]
        for one in self.over:
            run = self.house.home.run(one.run_id)
            ends = [told for told in EventReader(run.supervisor_events) if told.get("event") == "exited"]
            assert len(ends) == 1, (one, ends)
            assert json.loads(run.report_json.read_text())["state"] in one.ends_as
            lines = [told["status"] for told in history if told["training_id"] == one.run_id]
            assert len(lines) == 1, (one, lines)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.house.close()


@pytest.mark.slow
def test_random_hands_in_a_queue_lose_nothing_and_start_nothing_twice(world: World, until: Callable[..., Any]) -> None:
    play(world, RandomQueues, EXAMPLES, STEPS)
