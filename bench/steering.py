"""How fast a run obeys, and what it costs a step to be able to. Upstream: a real server and trainer. Downstream: rows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gladius
from bench.rows import Row
from bench.server import running_server
from gladius.client import Client
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home

ROUNDS, CALLS = 25, 20_000
COMMANDS, STEP_S = 40, 0.05
_TRAINER = f"""
import time, gladius
rate = [0.1]
with gladius.start(total_epochs=1, steps_per_epoch=100_000) as run:
    run.adjustable("learning_rate", get=lambda: rate[0], set=lambda value: rate.__setitem__(0, value), min=0)
    for step, _ in run.steps(range(100_000)):
        time.sleep({STEP_S})
        run.log({{"train/loss": 1.0, "bench/step_ended": time.time()}})
"""


def measure() -> list[Row]:
    """Take the cost of a boundary in this process, and the time to obey from a server and a trainer of their own."""
    return [*_boundary_cost(), *_time_to_obey()]


def _boundary_cost() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GLADIUS_RUN_DIR"] = str(Path(folder) / "run")
        run = gladius.start(total_epochs=1, steps_per_epoch=ROUNDS * CALLS)
        run.on("checkpoint", lambda _: None, every_steps=10**9, every_minutes=10**6)
        run.adjustable("learning_rate", get=lambda: 0.1, set=lambda _: None)
        run.boundary(0)
        samples = []
        for turn in range(ROUNDS):
            start = time.perf_counter_ns()
            for step in range(turn * CALLS, (turn + 1) * CALLS):
                run.boundary(step)
            samples.append((time.perf_counter_ns() - start) / CALLS / 1000)
        run.finish()
        del os.environ["GLADIUS_RUN_DIR"]
    how = f"{ROUNDS} rounds of {CALLS} calls, nothing to obey, periodic checkpoints on"
    return [Row("boundary check", "us", samples, 2, how=how)]


def _time_to_obey() -> list[Row]:
    accepted_ms: list[float] = []
    boundaries: list[float] = []
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        trainer = subprocess.Popen([sys.executable, "-c", _TRAINER], env={**os.environ, "GLADIUS_HOME": folder})
        with Client(server.url, server.token) as client:
            directory = _first_run(Home(folder))
            run = client.run(directory.run_id)
            while not list(EventReader(directory.events)) or run.summary().step is None:
                time.sleep(0.1)
            for number in range(COMMANDS):
                # Not in step with the trainer's heart or loop.
                time.sleep(0.05 + 0.013 * number % 0.1)
                sent = time.time()
                command_id = str(run.set("learning_rate", 0.1 + number / 1000, wait=False))
                acks = _acks(directory, command_id)
                accepted_ms.append((acks["accepted"] - sent) * 1000)
                boundaries.append(float(_steps_between(directory, acks)))
        trainer.terminate()
        trainer.wait(timeout=20)
    how = f"{COMMANDS} `set` over HTTP to a trainer with {STEP_S * 1000:.0f} ms steps, by the clock of its acks"
    return [
        Row("command to accepted", "ms", accepted_ms, 150, how=how),
        Row("command to accepted, p99", "ms", accepted_ms, None, "p99", how=how),
        Row("steps that end between accepted and applied", "", boundaries, 1, "max", how=how),
    ]


def _first_run(home: Home) -> Any:
    while True:
        for directory in home.all_runs():
            return directory
        time.sleep(0.05)


def _acks(directory: Any, command_id: str) -> dict[str, float]:
    """Wait for both answers and return when they were written."""
    while True:
        acks = {
            event["state"]: float(event["time"])
            for event in EventReader(directory.events)
            if event["type"] == "ack" and event["command_id"] == command_id
        }
        if "applied" in acks:
            return acks
        time.sleep(0.01)


def _steps_between(directory: Any, acks: dict[str, float]) -> int:
    ended = [event["time"] for event in EventReader(directory.events) if event["type"] == "metrics"]
    return sum(1 for time_ in ended if acks["accepted"] < time_ <= acks["applied"])
