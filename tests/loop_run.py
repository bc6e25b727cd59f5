"""A real training loop without a framework: it learns one number, obeys every command, and goes on from its checkpoints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console_server import ConsoleServer

from gladius.launch.local import LocalLauncher
from gladius.launch.start import start_command
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home, RunDir

SCRIPT = """
import json, os, sys, time
from pathlib import Path

import gladius

config = {"learning_rate": 0.1, "batch_size": 8, "steps": 100000, "nap": 0.005, "max_length": 256}
source = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].endswith(".yaml") else None

def read(path):
    from ruamel.yaml import YAML
    return {f"{part}.{key}": value for part, inner in YAML(typ="safe", pure=True).load(path.read_text()).items()
            for key, value in inner.items()}

if source is not None:
    config.update({key.partition(".")[2]: value for key, value in read(source).items()})
state = {"rate": config["learning_rate"], "weight": 1.0, "step": -1}

with gladius.start(total_steps=config["steps"], config=config) as run:
    def save(folder):
        (folder / "state.json").write_text(json.dumps(state))
        if os.environ.get("SLOW_SAVE"):
            time.sleep(float(os.environ["SLOW_SAVE"]))

    run.adjustable("learning_rate", get=lambda: state["rate"], set=lambda v: state.update(rate=v), min=0, max=1,
                   key="train.learning_rate" if source else "", label="learning rate")
    run.adjustable("batch_size", get=lambda: config["batch_size"], set=None, min=1, applies="restart",
                   key="train.batch_size" if source else "")
    run.on("checkpoint", save, contents=["model", "optimizer", "counters"])
    run.on("validate", lambda split: {"loss": state["weight"]})
    if source is not None:
        run.on("reload_config", lambda: read(run.dir.root / "config.yaml"))
    if run.resume_from:
        state = json.loads((Path(run.resume_from) / "state.json").read_text())
        run.resumed(run.resume_from, state["step"])
    for step, _ in run.steps(range(config["steps"] - state["step"] - 1)):
        time.sleep(config["nap"])
        state["step"], state["weight"] = step, state["weight"] * (1 - state["rate"] / 1000)
        run.log({"train/loss": state["weight"], "train/learning_rate": state["rate"]})
        if os.environ.get("FAIL_AT") == str(step) and run.attempt == 1:
            raise MemoryError("no room for step %d" % step)
"""
PROFILE = """
name: A loop
engine: script
needs_dataset: false
default_epochs: 1
argv: [{python}, {script}, "{{config}}"]
config:
  train: {{learning_rate: 0.1, batch_size: 8, gradient_accumulation: 1, steps: 100000, nap: 0.005}}
"""
ENDED = ("applied", "rejected", "outcome_unknown")


class LoopRun:
    """The run, and the server through which it is steered. `serve` may be changed for another server."""

    def __init__(self, home: Home, server: ConsoleServer, run: RunDir, until: Callable[..., Any]) -> None:
        self.home, self.server, self.run, self.until = home, server, run, until
        self.run_id = run.run_id

    @property
    def path(self) -> str:
        return f"/runs/{self.run_id}"

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(self.path)
        return found

    @property
    def state(self) -> str:
        return str(self.record["summary"]["state"])

    def wait_for(self, *states: str) -> dict[str, Any]:
        """Wait until the server says that it is in one of these states."""
        self.until(lambda: self.state in states)
        return self.record

    def wait_for_step(self, step: int) -> None:
        self.until(lambda: (self.record["summary"]["step"] or -1) >= step)

    def post(self, command: str, **args: Any) -> str:
        """Post a command and return its id."""
        body = {"command": command, "args": args}
        answer = self.server.http.post(f"{self.path}/commands", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["command_id"])

    def told(self, command_id: str) -> dict[str, Any]:
        """Wait for the answer to a command."""
        self.until(lambda: self.server.get(f"{self.path}/commands/{command_id}")["state"] in ENDED)
        found: dict[str, Any] = self.server.get(f"{self.path}/commands/{command_id}")
        return found

    def tell(self, command: str, **args: Any) -> dict[str, Any]:
        """Post a command and wait until it was applied."""
        answer = self.told(self.post(command, **args))
        assert answer["state"] == "applied", answer
        return answer

    def resume(self, preview: bool = False, **body: Any) -> Any:
        """Ask for a new attempt, or for its preview."""
        return self.server.http.post(f"{self.path}/resume", json=body, params={"preview": preview} if preview else None)

    def fork(self, preview: bool = False, **body: Any) -> Any:
        return self.server.http.post(f"{self.path}/fork", json=body, params={"preview": preview} if preview else None)

    def events(self, type_: str) -> list[dict[str, Any]]:
        """The events of one type that the trainer wrote."""
        return [event for event in EventReader(self.run.events).read_all() if event["type"] == type_]

    def acks(self, command_id: str) -> list[str]:
        return [event["state"] for event in self.events("ack") if event["command_id"] == command_id]

    def trainer(self) -> Identity:
        """The process of the newest attempt."""
        started = [
            event for event in EventReader(self.run.supervisor_events).read_all()
            if event["type"] == "process" and event["event"] == "started"
        ]  # fmt: skip
        found = Identity.from_dict(started[-1])
        assert found is not None
        return found


def start_script(home: Home, folder: Path, name: str = "loop") -> RunDir:
    """Start the loop as any command would be, under a supervisor of its own."""
    script = folder / "loop.py"
    script.write_text(SCRIPT)
    return start_command(home, LocalLauncher(home), [sys.executable, str(script)], name, None)


def write_profile(home: Home, folder: Path) -> str:
    """Make the loop a profile of this home and return its id."""
    script = folder / "loop.py"
    script.write_text(SCRIPT)
    text = PROFILE.format(python=json.dumps(sys.executable), script=json.dumps(str(script)))
    (home.profiles / "loop.yaml").write_text(text)
    return "loop"
