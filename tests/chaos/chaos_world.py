"""What lasts from round to round: a home, a server and the next one after it, and who lives because of them.

Upstream: nothing. Downstream: rounds.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forge
from console_server import ConsoleServer
from steered import TRAINER

from gladius.pulse.events import EventReader
from gladius.pulse.identity import process_state
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.rundir import Home, RunDir

SERVER, SUPERVISOR, TRAINING = "server", "supervisor", "trainer"
SHORT_STEPS = 300
_COUNT = "import pathlib; pathlib.Path('count').open('a').write('x')"


class NotTrueInTime(AssertionError):
    """What must become true did not."""


def until(condition: Callable[[], Any], timeout: float = 60.0, every: float = 0.02) -> Any:
    """The first true value of `condition`; patient, because the machine may have other work."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() >= deadline:
            raise NotTrueInTime(f"not true within {timeout:g} s: {condition.__qualname__}")
        time.sleep(every)
    return found


class World:
    """One home, in which one training at a time has room. `new_server` follows `kill_server`."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self._write_catalog(folder)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GLADIUS_")}
        self._environment = {**kept, "TINY_JOURNAL": "1", "GLADIUS_SLOTS": "1"}
        self.server = self._serve()

    def _write_catalog(self, folder: Path) -> None:
        config = folder / "tiny.json"
        config.write_text("{}")
        for name, steps in (("tiny", 1_000_000), ("short", SHORT_STEPS)):
            argv = [sys.executable, str(TRAINER), str(config), "{train.steps}"]
            profile = {
                "name": name, "engine": "script", "needs_dataset": False, "default_epochs": 1, "argv": argv,
                "config": {"train": {"steps": steps}},
            }  # fmt: skip
            (self.home.profiles / f"{name}.yaml").write_text(json.dumps(profile))
        steps = [
            {"id": "train", "cmd": "TRAIN", "args": {"profile": "short"}},
            {"id": "count", "cmd": "COMMAND", "args": {"argv": [sys.executable, "-c", _COUNT]}},
        ]
        (self.home.flows / "chain.json").write_text(json.dumps({"id": "chain", "steps": steps}))

    def _serve(self) -> ConsoleServer:
        return ConsoleServer(functools.partial(forge.start, env=self._environment), self.home)

    def kill_server(self) -> None:
        os.kill(self.server.process.pid, signal.SIGKILL)

    def new_server(self) -> None:
        self.server.kill()
        self.server = self._serve()

    def close(self) -> None:
        self.server.kill()

    # Who lives

    def supervisor(self, run: RunDir) -> int | None:
        """The pid of whoever holds the supervisor's lock now."""
        holder = read_holder(run.supervisor_lock) if is_held(run.supervisor_lock) else None
        return None if holder is None else int(holder["pid"])

    def strays(self) -> dict[int, str]:
        """Processes that have to do with this home and are not its server: nobody else may live when all has ended."""
        ours, mine = {os.getpid(), self.server.process.pid}, os.fsencode(self.home.root)
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in ours and _concerns(entry, mine):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return found


def _concerns(process: Path, home: bytes) -> bool:
    try:
        if process_state(int(process.name)) in (None, "Z", "X"):
            return False
        told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        return home in told or os.fsencode(os.readlink(process / "cwd")).startswith(home)
    except OSError:
        return False


def started(run: RunDir) -> list[dict[str, Any]]:
    """The processes that were started for a run, as its supervisors tell."""
    return [one for one in EventReader(run.supervisor_events) if one["type"] == "process" and one["event"] == "started"]
