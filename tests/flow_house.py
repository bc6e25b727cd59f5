"""A home whose flows can be run for real: a profile of ten lines of Python, and what a test asks the server about flows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console_server import ConsoleServer

from gladius.pulse.rundir import Home

SCRIPT = """
import os, sys, time
import gladius

steps, nap, gate = int(float(sys.argv[1])), float(sys.argv[2]), sys.argv[3]
with gladius.start(total_epochs=1, steps_per_epoch=steps) as run:
    run.on("checkpoint", lambda folder: (folder / "weights.txt").write_text("1.0"), every_steps=steps)
    for step, _ in run.steps(range(steps)):
        time.sleep(nap)
        while os.path.exists(gate):
            time.sleep(0.02)
        run.log({"train/loss": 2.0 / (step + 1)})
    run.log({"eval/loss": 0.5})
"""


class FlowHouse:
    """The home, and one server after the other on it."""

    server: ConsoleServer

    def __init__(self, home: Home, spawn: Callable[..., Any], until: Callable[..., Any]) -> None:
        self.home, self._spawn, self.until = home, spawn, until
        self.gate = home.root / "gate"
        """While it exists, no training takes a step."""
        script = home.root / "trainer.py"
        script.write_text(SCRIPT)
        for name, steps, nap in (("quick", 3, 0), ("endless", 100_000, 0.02)):
            argv = [sys.executable, str(script), "{train.steps}", "{train.nap}", str(self.gate)]
            profile = {
                "name": name, "engine": "script", "needs_dataset": False, "default_epochs": 1, "argv": argv,
                "config": {"train": {"steps": steps, "nap": nap}},
            }  # fmt: skip
            (home.profiles / f"{name}.yaml").write_text(json.dumps(profile))

    def up(self, **options: Any) -> ConsoleServer:
        """Start a server, after the one before it has gone."""
        self.server = ConsoleServer(self._spawn, self.home, **options)
        return self.server

    def kill(self) -> None:
        self.server.kill()

    def down(self) -> None:
        if self.server.process.poll() is None:
            self.server.terminate()

    def write(self, id_: str, *steps: dict[str, Any], **more: Any) -> str:
        """Put a flow into the home."""
        (self.home.flows / f"{id_}.json").write_text(json.dumps({"id": id_, "steps": list(steps), **more}))
        return id_

    def post(self, path: str, status: int = 201, **body: Any) -> Any:
        answer = self.server.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def run(self, flow: str, **args: Any) -> str:
        """Begin a run of a flow and return its id."""
        return str(self.post(f"/flows/{flow}/runs", args=args)["flow_run_id"])

    def look(self, flow_run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(f"/flow-runs/{flow_run_id}")
        return found

    def step(self, flow_run_id: str, step: str) -> dict[str, Any]:
        return next(one for one in self.look(flow_run_id)["steps"] if one["id"] == step)

    def wait_for_step(self, flow_run_id: str, step: str, *states: str) -> dict[str, Any]:
        self.until(lambda: self.step(flow_run_id, step)["state"] in states)
        return self.step(flow_run_id, step)

    def end(self, flow_run_id: str) -> dict[str, Any]:
        """Wait until it has ended."""
        self.until(lambda: self.look(flow_run_id)["state"] != "running", timeout=40)
        return self.look(flow_run_id)

    def states(self, flow_run_id: str) -> list[str]:
        """How each step ended."""
        return [step["state"] for step in self.end(flow_run_id)["steps"]]

    def events(self, flow_run_id: str) -> list[dict[str, Any]]:
        """The flow run's log as it stands on the disk."""
        return [json.loads(line) for line in self.log(flow_run_id).read_text().splitlines()]

    def log(self, flow_run_id: str) -> Path:
        return self.home.flow_logs / f"{flow_run_id}.jsonl"

    def runs(self) -> list[str]:
        """Every training there is."""
        return [run.run_id for run in self.home.all_runs()]


def python(code: str, *arguments: str) -> dict[str, Any]:
    """The arguments of a COMMAND that runs a few lines of Python."""
    return {"argv": [sys.executable, "-c", code, *arguments]}


# What is another for each run of a flow.
OWN = ("training_id", "checkpoint", "free_gb")


def told(run: dict[str, Any]) -> list[tuple[Any, ...]]:
    """A run of a flow as two of the same kind must be alike."""
    return [
        (step["id"], step["cmd"], step["state"], step["tries"], step["cause"],
         {key: value for key, value in step["result"].items() if key not in OWN})
        for step in run["steps"]
    ]  # fmt: skip
