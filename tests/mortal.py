"""Servers that die between two of their own file operations, and programs that keep books of their own. For random steps with kills.

A moment that is chosen by a clock seldom lies between two lines of a log. Here the server counts what it does to files (opens for
writing, renames, removals, links, folders, programs started) and sends itself SIGKILL before the one that a test names.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forge
import httpx
from console_server import ConsoleServer
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from gladius.pulse.identity import process_state
from gladius.pulse.rundir import Home

_MORTAL = """
import json, mmap, os, signal, struct, sys
options = json.loads(sys.argv[2])
with open(options.pop("doom"), "r+b") as file:
    doom = mmap.mmap(file.fileno(), 8)
changes = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate", "subprocess.Popen"}

def watch(event, args):
    if event not in changes and not (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    (left,) = struct.unpack("q", doom[:])
    if left > 0:
        doom[:] = struct.pack("q", left - 1)
        if left == 1:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
from gladius.compose import up
up(sys.argv[1], on_ready=lambda address: print(address.url, address.token, flush=True), **options)
"""
PROGRAM = """
import os, sys, time

def book(*words):
    line = " ".join(map(str, words)).encode() + b"\\n"
    file = os.open(os.environ["BOOK"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, line)
    os.close(file)

name = sys.argv[1] + "/" + sys.argv[2]
book(name, "began", os.getpid(), time.time())
patience = time.monotonic() + 120
while not os.path.exists(os.path.join(os.environ["GATES"], name.replace("/", "~"))) and time.monotonic() < patience:
    time.sleep(0.01)
with open(os.path.join(os.environ["GATES"], name.replace("/", "~"))) as gate:
    code = int(gate.read())
book(name, "ends", os.getpid(), time.time(), code)
sys.exit(code)
"""
"""Waits at its gate for the exit code that it is to end with; its book is written by nobody else."""


class MortalServer(ConsoleServer):
    """`doom(n)`: it dies before the n-th change that it makes to a file from now on; 0 pardons it."""

    program = _MORTAL

    def __init__(self, spawn: Callable[..., Any], home: Home, **options: Any) -> None:
        self._doom = home.root.parent / "doom"
        self.doom(0)
        super().__init__(spawn, home, doom=str(self._doom), **options)

    def doom(self, changes: int) -> None:
        with self._doom.open("r+b" if self._doom.exists() else "wb") as file:
            file.write(struct.pack("q", changes))

    @property
    def dead(self) -> bool:
        return self.process.poll() is not None

    def ask(self, method: str, path: str, **body: Any) -> httpx.Response | None:
        """The answer; None when the server died over it."""
        try:
            return self.http.request(method, path, json=body or None)
        except httpx.TransportError:
            self.process.wait(20)
            return None


class House:
    """A home, a book that its programs write, the gates that they wait at, and one mortal server after the other."""

    def __init__(self, folder: Path, slots: int) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self._slots = slots
        self.book, self.gates, script = folder / "book", folder / "gates", folder / "program.py"
        self.gates.mkdir()
        self.book.touch()
        script.write_text(PROGRAM)
        self.argv = [sys.executable, "-I", "-S", str(script)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GLADIUS_")}
        self._environment = {**kept, "BOOK": str(self.book), "GATES": str(self.gates)}
        self.server = self._serve()

    def _serve(self) -> MortalServer:
        return MortalServer(self._spawn, self.home, slots=self._slots)

    def _spawn(self, *argv: object, **options: Any) -> Any:
        return forge.start(*argv, env=self._environment, **options)

    def new_server(self) -> None:
        """After SIGKILL, where the last one still lives."""
        self.server.kill()
        self.server = self._serve()

    def open(self, name: str, code: int) -> None:
        """Let the program of this name end with this exit code, now or as soon as it begins."""
        mine = self.gates / f".{name.replace('/', '~')}"
        mine.write_text(str(code))
        mine.replace(self.gates / name.replace("/", "~"))

    def lines(self, name: str, what: str) -> list[list[str]]:
        """The book's lines on one program: pid, time, and the exit code where it ends."""
        told = (line.split(" ") for line in self.book.read_text().splitlines())
        return [rest for one, kind, *rest in told if (one, kind) == (name, what)]

    def close(self) -> None:
        self.server.kill()


def gone(pid: int) -> bool:
    return process_state(pid) in (None, "Z", "X")


def patient(condition: Callable[[], Any], told: Callable[[], Any], timeout: float = 40.0) -> Any:
    """The first true value of `condition`; what is the case instead, where it never comes."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"not true within {timeout:g} s: {told()}")
        time.sleep(0.01)
    return found


def play(world: Any, moves: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Make random moves in a world; `GLADIUS_RANDOM_SEED` repeats them."""
    machine = type("Machine", (moves,), {"world": world})
    how = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    number = int(os.environ.get("GLADIUS_RANDOM_SEED") or random.randrange(2**32))
    print(f"GLADIUS_RANDOM_SEED={number}")
    run_state_machine_as_test(seed(number)(machine), settings=how)
    print(dict(sorted(world.moves.items())))
