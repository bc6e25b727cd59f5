"""A home with flows and profiles that train in a moment, and one server after another for a whole module."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flow_house import FlowHouse

from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory, until: Callable[..., Any]) -> Iterator[FlowHouse]:
    """The server is up. What a test begins, it waits for."""
    home = Home(tmp_path_factory.mktemp("flows") / "home")
    home.create()
    started: list[subprocess.Popen[str]] = []

    def spawn(*argv: object, **options: Any) -> subprocess.Popen[str]:
        given = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True, **options}
        started.append(subprocess.Popen([str(word) for word in argv], **given))
        return started[-1]

    house = FlowHouse(home, spawn, until)
    house.up()
    yield house
    house.down()
    for process in started:
        process.communicate()
    for run in home.all_runs():
        for event in EventReader(run.supervisor_events).read_all() if run.supervisor_events.exists() else ():
            trainer = Identity.from_dict(event) if event.get("event") == "started" else None
            if trainer is not None and trainer.alive():
                os.killpg(trainer.pid, signal.SIGKILL)
