"""What the server itself starts (searches, readers, wardens, indexings, supervisors) ends or is killed, and leaves no zombie with it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from flow_house import FlowHouse

from gladius.pulse.rundir import Home

Until = Callable[..., Any]


class Helpers:
    """The children of one server, by the kernel's own list."""

    def __init__(self, server: int) -> None:
        self._server = psutil.Process(server)
        self.seen: set[psutil.Process] = set()

    def all(self) -> list[psutil.Process]:
        found = self._server.children()
        self.seen.update(found)
        return found

    def of(self, word: str) -> list[psutil.Process]:
        """Those that live and have this word on their command line."""
        found = []
        for one in self.all():
            try:
                if any(word in part for part in one.cmdline()):
                    found.append(one)
            except psutil.NoSuchProcess:
                continue
        return found


@pytest.fixture
def house(home: Home, spawn: Callable[..., Any], until: Until) -> Iterator[FlowHouse]:
    house = FlowHouse(home, spawn, until)
    house.up()
    yield house
    house.down()


def command(id_: str, *argv: str) -> dict[str, Any]:
    return {"id": id_, "cmd": "COMMAND", "args": {"argv": list(argv)}}


def test_what_ends_by_itself_and_what_is_killed_leave_no_zombie(house: FlowHouse, until: Until) -> None:
    server, helpers = house.server, Helpers(house.server.process.pid)
    run = house.home.new_run("searched", {"source": "script"})
    run.console_log.write_text("a" * 40 + "\n")

    # To its own end: a training and its supervisor, a program and its warden, a reader of a dataset, an indexing.
    started = house.post("/runs", status=201, profile_id="quick")
    house.write("well", command("say", "true"))
    well = house.run("well")
    (house.home.datasets / "few.jsonl").write_text('{"text": "a"}\n' * 10)
    assert server.get("/datasets/few/check")["records"] == 10
    papers = house.home.documents / "papers"
    papers.mkdir(parents=True)
    (papers / "a.txt").write_text("A document of some thirty characters.")
    assert server.http.post("/knowledge", json={"path": "papers"}).status_code == 202
    house.wait_for_step(well, "say", "done")
    until(lambda: server.get("/knowledge/papers")["state"] == "done")
    until(lambda: server.get(f"/runs/{started['run_id']}/status")["status"] == "done", timeout=60)
    assert server.get(f"/runs/{run.run_id}/console/search", q="a")[0]["line"] == 1

    # Killed over its work: a search that hangs, a warden, and a program that is cancelled.
    told: list[int] = []

    def ask() -> None:
        hanging = {"q": "(a+)+$c", "regex": "true"}
        told.append(server.http.get(f"/runs/{run.run_id}/console/search", params=hanging).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: helpers.of("/store/grep.py"), every=0.01)[0].kill()
    asking.join(30)
    assert told and 200 <= told[0] < 500
    house.write("long", command("sleep", sys.executable, "-c", "import time; time.sleep(600)"))
    killed, cancelled = house.run("long"), house.run("long")
    wardens = until(lambda: len(found := helpers.of("gladius.flows.warden")) == 2 and found)
    programs = until(lambda: len(found := [child for one in wardens for child in one.children()]) == 2 and found)
    mine = next(one for one in wardens if killed in " ".join(one.cmdline()))
    for one in (mine, *mine.children()):
        one.kill()
    assert server.http.post(f"/flow-runs/{cancelled}/cancel").is_success
    until(lambda: {house.look(one)["state"] for one in (killed, cancelled)} == {"failed", "cancelled"})

    until(lambda: helpers.all() == [], timeout=20)
    assert len(helpers.seen) >= 3
    # Here nobody may be there to reap what is an orphan: of the programs it is asked that they are dead.
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in programs))
    assert not any(one.is_running() for one in helpers.seen), "a number that is still taken"
    assert server.terminate() in (0, -15)
