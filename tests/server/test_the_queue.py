"""More runs than the machine holds wait their turn; none is lost, none starts twice, whoever dies in between."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer

from gladius.compose import build
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home
from gladius.store.record import Steering, record

Serve = Callable[..., ConsoleServer]
Until = Callable[..., Any]

_TRAINER = """
import os, sys, time
end = time.monotonic() + 60
while not os.path.exists("go") and time.monotonic() < end:
    time.sleep(0.02)
print("step 1 loss 0.5", flush=True)
"""


class Line:
    """A home with a profile whose runs end when they are told to, and its server."""

    def __init__(self, home: Home, serve: Serve, until: Until) -> None:
        self.home, self._serve, self.until = home, serve, until
        script = home.root / "trainer.py"
        script.write_text(_TRAINER)
        self.profile("held", f'argv: ["{{python}}", "{script}"]')
        self.server = serve(slots=1)

    def profile(self, name: str, body: str) -> Path:
        path = self.home.profiles / f"{name}.yaml"
        path.write_text(f"engine: script\nneeds_dataset: false\npython: {sys.executable}\n{body}\n")
        return path

    def start(self, name: str, **said: Any) -> str:
        answer = self.server.http.post("/runs", json={"profile_id": "held", "name": name, **said})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["run_id"])

    def state(self, run_id: str) -> str:
        return str(self.server.get(f"/runs/{run_id}")["summary"]["state"])

    def waiting(self) -> list[str]:
        return [one["name"] for one in self.server.get("/queue")["waiting"]]

    def running(self) -> list[str]:
        return [one["name"] for one in self.server.get("/queue")["running"]]

    def end(self, run_id: str) -> None:
        (self.home.run(run_id).root / "go").touch()
        self.until(lambda: self.state(run_id) == "done")

    def processes(self, run_id: str, event: str) -> list[dict[str, Any]]:
        events = EventReader(self.home.run(run_id).supervisor_events).read_all()
        return [one for one in events if one["type"] == "process" and one["event"] == event]

    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.home.history.read_text().splitlines()]


@pytest.fixture
def line(home: Home, serve: Serve, until: Until) -> Line:
    return Line(home, serve, until)


def test_what_does_not_fit_waits_and_each_end_starts_the_next_by_rank(line: Line) -> None:
    first = line.start("first")
    ids = {name: line.start(name) for name in ("a", "b", "c")}
    urgent = line.start("urgent", priority=5)
    assert line.running() == ["first"] and line.waiting() == ["urgent", "a", "b", "c"]
    assert line.state(ids["a"]) == "queued" and line.home.run(ids["a"]).attempt_numbers() == []
    assert line.server.get("/queue")["slots"] == {"cpu": 1, "cpu_used": 1, "gpus": []}

    moved = line.server.http.patch(f"/queue/{ids['c']}", json={"position": 2}).json()
    assert [one["name"] for one in moved["waiting"]] == ["urgent", "c", "a", "b"]
    line.server.http.patch(f"/queue/{urgent}", json={"priority": -1})
    order = ["c", "a", "b", "urgent"]
    assert line.waiting() == order
    at_once = line.start("now", queue=False)
    assert line.state(at_once) != "queued" and line.waiting() == order

    line.end(at_once)
    assert line.waiting() == order, "it took no room that the others wait for"
    line.end(first)
    line.until(lambda: line.waiting() == order[1:] and line.running() == order[:1])
    taken = next(run_id for name, run_id in ids.items() if name == order[0])
    assert line.processes(taken, "started")[0]["time"] >= line.processes(first, "exited")[0]["time"]
    assert line.server.http.patch(f"/queue/{taken}", json={"priority": 1}).json()["code"] == "not_waiting"
    assert line.server.http.patch(f"/queue/{ids['b']}", json={"position": 0}).status_code == 422


def test_a_run_that_waited_is_cancelled_once_and_can_be_started_after_all(line: Line) -> None:
    first, stopped, deleted = line.start("first"), line.start("stopped"), line.start("deleted")
    told = line.server.http.post(f"/runs/{stopped}/commands", json={"command": "stop"}).json()["command_id"]
    assert line.server.get(f"/runs/{stopped}/commands/{told}")["state"] == "applied"
    pause = line.server.http.post(f"/runs/{deleted}/commands", json={"command": "pause"})
    assert pause.status_code == 422 and "waits to start" in pause.json()["detail"]
    assert line.server.http.delete(f"/queue/{deleted}").json()["waiting"] == []
    assert line.server.http.delete(f"/queue/{deleted}").status_code == 409
    for run_id in (stopped, deleted):
        record = line.server.get(f"/runs/{run_id}")
        assert record["summary"]["state"] == "cancelled" and record["summary"]["started_at"] is None
        assert record["attempts"][0]["evidence"].startswith("Cancelled by "), record["attempts"]
    lines = [(one["training_id"], one["status"], one["started_at"]) for one in line.history()]
    assert lines == [(stopped, "cancelled", None), (deleted, "cancelled", None)]
    assert line.state(first) != "cancelled" and line.processes(stopped, "started") == []

    assert line.server.http.post(f"/runs/{stopped}/resume", json={}).json()["attempt"] == 2
    line.end(stopped)
    line.until(lambda: len(line.history()) == 3)


def test_a_queue_outlives_its_server_and_a_death_between_taking_and_launching(line: Line) -> None:
    first = line.start("first")
    waiting = {name: line.start(name) for name in ("a", "b", "c")}
    damaged = line.start("damaged")
    line.server.http.patch(f"/queue/{waiting['c']}", json={"priority": 1})
    line.server.kill()
    (line.home.queue / f"{damaged}.json").write_bytes(b'{"run_id": "2026\xff')
    # The server died when it had recorded the launch of one and had not even made the directory of another.
    line.home.run(waiting["c"]).write_attempt(1, {"argv": ["true"]})
    gone = line.home.run(waiting["b"]).root
    for path in sorted(gone.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    gone.rmdir()
    # One had been started, and the server died before it crossed it off.
    began = json.loads((line.home.queue / f"{waiting['a']}.json").read_text())
    (line.home.queue / f"{first}.json").write_text(json.dumps({**began, "run_id": first}))

    line.server = line._serve(slots=1)
    assert line.waiting() == ["c", "a", "b"]
    # The store may have looked at its files just before its launch was taken back.
    line.until(lambda: line.state(waiting["c"]) == "queued")
    assert line.state(damaged) == "error", "nobody knows what was asked for: it does not wait for ever"
    assert ".json.damaged" in line.server.get(f"/runs/{damaged}")["attempts"][0]["evidence"]
    line.until(lambda: line.running() == ["first"])
    for name, run_id in (("first", first), *((name, waiting[name]) for name in "cab")):
        line.until(lambda name=name: line.running() == [name])
        line.end(run_id)
        assert len(line.processes(run_id, "started")) == 1, name
    line.until(lambda: len(line.history()) == 5)
    assert [one["status"] for one in line.history()] == ["error", *["done"] * 4]
    line.until(lambda: [path.name for path in line.home.queue.iterdir()] == [f"{damaged}.json.damaged"])


def test_a_launch_that_is_taken_back_holds_no_place_though_the_store_had_seen_it(line: Line) -> None:
    first, waiting = line.start("first"), line.start("waits")
    line.server.kill()
    line.home.run(waiting).write_attempt(1, {"argv": ["true"]})

    async def next_server() -> list[str]:
        rooms = build(line.home, slots=1)
        await rooms.store.open()
        await rooms.store.settled()
        view = await rooms.store.view(waiting)
        assert {one.name for one in rooms.queue.answer().running} == {"first", "waits"}
        assert len(record(view, Steering()).attempts) == 1, "somebody looks at its page"
        await rooms.queue.open()
        deadline = time.monotonic() + 20
        while len(rooms.queue.answer().running) > 1 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await rooms.queue.close()
        await rooms.store.close()
        assert view.state == "queued"
        return [one.name for one in rooms.queue.answer().running]

    assert asyncio.run(next_server()) == ["first"]
    (line.home.run(first).root / "go").touch()
    line.until(line.home.run(first).report_json.exists)


def test_one_that_cannot_start_ends_with_the_cause_and_the_next_has_its_turn(line: Line) -> None:
    gone = line.profile("gone", 'argv: ["{python}", "-c", "pass"]')
    first = line.start("first")
    lost, after = line.start("lost", profile_id="gone"), line.start("after")
    gone.unlink()
    line.end(first)
    line.until(lambda: line.running() == ["after"])
    record = line.server.get(f"/runs/{lost}")
    assert record["summary"]["state"] == "error" and "gone" in record["error"]
    assert [one["status"] for one in line.history() if one["training_id"] == lost] == ["error"]
    line.end(after)
