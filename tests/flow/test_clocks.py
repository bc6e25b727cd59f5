"""Server, supervisor and trainer under clocks that are set, and stopped all together as a sleeping machine stops them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer
from settable_clock import SettableClock

from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity, process_state
from gladius.pulse.rundir import RunDir

_TRAIN = """
import time
import gladius
with gladius.start(total_epochs=1, steps_per_epoch=1_000_000) as run:
    for step, _ in run.steps(range(1_000_000)):
        run.log({"train/loss": 1.0})
        time.sleep(0.03)
"""
_LONG = "GLADIUS_CLOCKS" in os.environ
_JUMPS = [1, 60, 3600, 86_400, 31_536_000, 315_360_000] if _LONG else [60, 315_360_000]
_SLEEPS = [60, 600, 3600, 28_800, 86_400] if _LONG else [60, 86_400]


class Watched:
    """A training, and the server that shows it, all under one clock."""

    def __init__(self, street: Any, clock: SettableClock, server: ConsoleServer, run: RunDir) -> None:
        self.street, self.clock, self.server, self.run = street, clock, server, run
        self.trainer: Identity = street.trainer(run)

    def look(self) -> dict[str, Any]:
        """What the API says of it; never that it gave no sign, and never of a time that cannot be."""
        told: dict[str, Any] = self.server.get(f"runs/{self.run.run_id}")["summary"]
        assert told["health"]["code"] not in ("no_sign", "stalled", "remote"), told["health"]
        assert (told["state"] in ("running", "paused"), told["stalled"], told["suspended"]) == (True, False, False)
        return told

    def goes_on(self) -> dict[str, Any]:
        """Wait for some steps more, looking all the time."""
        begun = self.look()["step"] or 0
        return self.street.until(lambda: (told := self.look()) and (told["step"] or 0) > begun + 3 and told)

    def obeys(self, command: str) -> None:
        """A command is applied, and never called timed out meanwhile."""
        answer = self.server.http.post(f"runs/{self.run.run_id}/commands", json={"command": command, "args": {}})
        assert answer.is_success, answer.text
        path = f"runs/{self.run.run_id}/commands/{answer.json()['command_id']}"

        def applied() -> bool:
            state = self.server.get(path)["state"]
            assert state in ("requested", "accepted", "applied"), state
            return bool(state == "applied")

        self.street.until(applied)


@pytest.fixture
def watched(
    street: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., Any]
) -> Iterator[Watched]:
    clock = SettableClock(tmp_path / "clock")
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    run = street.start(*street.script(_TRAIN))

    def spawn(*argv: Any, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([str(one) for one in argv], text=True, start_new_session=True, **options)

    server = ConsoleServer(spawn, street.home)
    until(lambda: server.http.get(f"runs/{run.run_id}").is_success)
    found = Watched(street, clock, server, run)
    until(lambda: (server.get(f"runs/{run.run_id}")["summary"]["step"] or 0) > 25)
    yield found
    server.kill()


def test_a_clock_that_is_set_alarms_nobody_and_stops_nothing(watched: Watched) -> None:
    for jump in (sign * size for size in _JUMPS for sign in (1, -1)):
        watched.clock.set(wall=jump)
        told = watched.goes_on()
        assert told["eta_seconds"] is not None and told["eta_seconds"] < 86_400 * 10
        if abs(jump) > 3600:
            watched.obeys("pause")
            watched.obeys("resume")
        watched.clock.set()
        watched.goes_on()
    in_order(watched)


def test_a_sleep_makes_nothing_stale_when_everybody_wakes(watched: Watched) -> None:
    everybody = [watched.server.process.pid, watched.street.supervisor_pid(watched.run), watched.trainer.pid]
    slept = 0
    for seconds in _SLEEPS:
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        watched.street.until(lambda: {process_state(pid) for pid in everybody} == {"T"})
        slept += seconds
        watched.clock.set(wall=slept, steady=slept)
        # The worst order: who watches wakes first.
        for pid in everybody[:2]:
            os.kill(pid, signal.SIGCONT)
        seen = watched.server.get(f"runs/{watched.run.run_id}")["summary"]
        assert seen["health"]["code"] not in ("no_sign", "stalled"), seen["health"]
        os.kill(watched.trainer.pid, signal.SIGCONT)
        watched.street.until(lambda: not watched.server.get(f"runs/{watched.run.run_id}")["summary"]["suspended"])
        watched.goes_on()
    in_order(watched)


def in_order(watched: Watched) -> None:
    """Nothing is missing in the streams, nobody was alarmed, and what is shown is in the order of steps."""
    for path in (watched.run.events, watched.run.supervisor_events):
        events = EventReader(path).read_all()
        assert [event["seq"] for event in events] == list(range(len(events)))
        assert not [event for event in events if event["type"] in ("stall", "alert")]
    shown = watched.server.get(f"runs/{watched.run.run_id}/metrics", names="train/loss")
    steps = shown["series"]["train/loss"]["step"]
    assert len(steps) > 25 and steps == sorted(steps)
    assert watched.server.get("alerts", run_id=watched.run.run_id)["alerts"] == []
