"""Whole streets: real commands under real supervisors, and what they leave behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gladius.launch.local import LocalLauncher
from gladius.launch.start import start_command
from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import read_training_status


class Street:
    """Starts commands in one home and looks at them from outside."""

    def __init__(self, home: Home, until: Callable[..., Any], folder: Path) -> None:
        self.home = home
        self.until = until
        self.folder = folder

    def script(self, body: str, name: str = "train.py") -> list[str]:
        path = self.folder / name
        path.write_text(body)
        return [sys.executable, str(path)]

    def start(self, *argv: str, epochs: float | None = None, name: str | None = None) -> RunDir:
        return start_command(self.home, LocalLauncher(self.home), list(argv), name, epochs)

    def events(self, run: RunDir, type_: str | None = None, supervisor: bool = False) -> list[dict[str, Any]]:
        path = run.supervisor_events if supervisor else run.events
        return [event for event in EventReader(path) if type_ in (None, event["type"])]

    def trainer(self, run: RunDir) -> Identity:
        def started() -> list[dict[str, Any]]:
            return [e for e in self.events(run, "process", supervisor=True) if e["event"] == "started"]

        found = Identity.from_dict(self.until(started)[-1])
        assert found is not None
        return found

    def supervisor_pid(self, run: RunDir) -> int:
        holder = self.until(lambda: is_held(run.supervisor_lock) and read_holder(run.supervisor_lock))
        return int(holder["pid"])

    def wait_recorded(self, run: RunDir, timeout: float = 90.0) -> dict[str, Any]:
        """Wait for the complete record; return report.json."""
        self.until(lambda: run.report_json.exists() and not is_held(run.supervisor_lock), timeout)
        report: dict[str, Any] = json.loads(run.report_json.read_text())
        return report

    def exited(self, run: RunDir) -> dict[str, Any]:
        (event,) = [e for e in self.events(run, "process", supervisor=True) if e["event"] == "exited"]
        return event

    def history(self) -> list[dict[str, Any]]:
        if not self.home.history.exists():
            return []
        return [json.loads(line) for line in self.home.history.read_text().splitlines()]

    def steer(self, run: RunDir, command: str, **args: Any) -> str:
        """Put a command into the supervisor's mailbox and return its id."""
        return self._post(run.supervisor_control, command, args)

    def command(self, run: RunDir, command: str, **args: Any) -> str:
        """Put a command into the trainer's mailbox and return its id."""
        return self._post(run.control, command, args)

    def _post(self, folder: Path, command: str, args: dict[str, Any]) -> str:
        id_ = new_command_id()
        Mailbox(folder).post(Command(id_, command, 1, args, 0.0, "ada"))
        return id_

    def acks(self, run: RunDir, id_: str) -> list[str]:
        streams = self.events(run, "ack") + self.events(run, "ack", supervisor=True)
        return [event["state"] for event in streams if event["command_id"] == id_]

    def status(self, run: RunDir) -> dict[str, Any]:
        status = read_training_status(run.status)
        assert status is not None
        return status


@pytest.fixture
def street(home: Home, until: Callable[..., Any], tmp_path: Path) -> Iterator[Street]:
    street = Street(home, until, tmp_path)
    yield street
    assert not list(home.root.rglob("*.tmp")), "no temporary file is left"
