"""A steerable training before a browser: the script started through a profile of its own, and its console opened."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from signed_in import Visit

from gladius.pulse.rundir import Home

SCRIPT = Path(__file__).with_name("steered_script.py")
PROFILE = """
name: Steered
engine: script
needs_dataset: false
default_epochs: 40
config:
  train: {{learning_rate: 0.002, weight_decay: 0.01, batch_size: 16, eval_steps: 1000}}
argv: ["{python}", "{script}", "{{run_dir}}", "{pause}", "{size}"]
"""


def start_training(server: ConsoleServer, pause: float, size: int = 45_200, script: Path = SCRIPT) -> str:
    """Start the script through a profile of its own; the run's id."""
    text = PROFILE.format(python=sys.executable, script=script, pause=pause, size=size)
    folder = server.home.root / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / "steered.yaml").write_text(text)
    started = server.http.post("/runs", json={"profile_id": "steered", "epochs": 40})
    assert started.status_code == 201, started.text
    return str(started.json()["run_id"])


class Steered:
    """A run before a browser: what the page says, and what the server has on record."""

    def __init__(self, server: ConsoleServer, guest: Any, run_id: str) -> None:
        self.server, self.guest, self.run_id = server, guest, run_id
        self.directory = server.home.run(run_id)
        self.gate = self.directory.root / "gate"
        """While it exists, a save or a validation that has begun does not end."""
        self.page = guest.open(f"/runs/{run_id}")

    @property
    def record(self) -> Any:
        return self.server.get(f"/runs/{self.run_id}")

    @property
    def state(self) -> str:
        return str(self.guest.state)

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def dialog(self, name: str) -> Any:
        return self.page.get_by_role("dialog", name=name)

    def text(self, region: str) -> str:
        return str(self.page.get_by_role("region", name=region).inner_text())

    def reload(self) -> None:
        self.page.reload()
        self.page.get_by_role("status").wait_for()

    def events(self, type_: str) -> list[Any]:
        """The trainer's events of one type, as its stream has them."""
        return list(self.server.get(f"/runs/{self.run_id}/events", type=type_, limit=1000)["events"])

    def live(self, name: str) -> Any:
        """What the trainer last told of a hyperparameter."""
        changes = [one for one in self.record["hyperparameters"] if one["name"] == name]
        return changes[-1]["new"] if changes else self.record["adjustable"][name]["value"]


@pytest.fixture
def steer(
    serve: Callable[..., ConsoleServer], visit: Callable[..., Any], until: Callable[..., Any]
) -> Callable[..., Steered]:
    """Start the steered script through a profile of its own, and open its console."""

    def start(pause: float = 0.1, size: int = 45_200, script: Path = SCRIPT, **options: Any) -> Steered:
        server = serve()
        run_id = start_training(server, pause, size, script)
        steered = Steered(server, visit(server, **options), run_id)
        until(lambda: steered.page.get_by_role("status").count() == 1)
        return steered

    return start


@pytest.fixture
def steered(steer: Callable[..., Steered], until: Callable[..., Any]) -> Steered:
    run = steer()
    until(lambda: run.state == "Training", timeout=40)
    until(lambda: run.button("Save checkpoint").is_enabled())
    return run


class Guest(Visit):
    """One signed-in tab before one run, for all tests of a module."""

    def __init__(self, context: Any, server: ConsoleServer, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(context, server)

    def console(self) -> Any:
        return self.open(f"/runs/{self.run_id}")


class SteeredHome:
    """A home with a server and the steered script in training, for all tests of a module."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.home = Home(root)
        self.home.create()
        self._environment = environment
        self.server = ConsoleServer(self._spawn, self.home)
        self.run_id = start_training(self.server, pause=0.1)

    def _spawn(self, *argv: object, **options: Any) -> subprocess.Popen[str]:
        return forge.start(*argv, env=self._environment, **options)

    def visit(self, context: Any) -> Guest:
        return Guest(context, self.server, self.run_id)

    def close(self) -> None:
        self.server.http.post(f"/runs/{self.run_id}/commands", json={"command": "terminate", "args": {"grace_s": 0}})
        deadline = time.monotonic() + 30
        while not self.server.get(f"/runs/{self.run_id}")["summary"]["finished_at"] and time.monotonic() < deadline:
            time.sleep(0.1)
        self.server.terminate()


@pytest.fixture(scope="module")
def steered_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SteeredHome]:
    root = tmp_path_factory.mktemp("steered") / "home"
    hidden = ("GLADIUS_RUN_DIR", "GLADIUS_ATTEMPT", "GLADIUS_URL", "GLADIUS_TOKEN", "RANK", "LOCAL_RANK")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    opened = SteeredHome(root, {**environment, "GLADIUS_HOME": str(root)})
    yield opened
    opened.close()
