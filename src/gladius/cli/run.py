"""`gladius run -- COMMAND`: supervise any command and show its output. Upstream: the person. Downstream: launch.

It only watches: closing the terminal or killing it leaves the command running under its supervisor.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gladius.cli.say import say
from gladius.errors import LaunchError
from gladius.launch.local import LocalLauncher
from gladius.launch.start import start_command
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.signals import send_group

_BLOCK = 1 << 16
_PAUSE_S = 0.05
_ADOPT_PATIENCE_S = 5.0


class Follower:
    """Follows a command from outside: its output, its process, its end, and attempts that follow without a pause."""

    def __init__(self, home: Home, run: RunDir, attempt: int) -> None:
        self._home = home
        self._run = run
        self._attempt = attempt
        self._events = EventReader(run.supervisor_events)
        self._offset = 0
        self.trainer: Identity | None = None
        self.exited: dict[str, Any] | None = None

    def follow(self) -> int:
        """Copy the output until the command has ended; return its exit code, 128 + n for signal n."""
        supervisor_gone_since: float | None = None
        with _interrupts_go_to(self):
            while True:
                self._read_events()
                copied = self._copy_output()
                supervised = is_held(self._run.supervisor_lock)
                if self.exited is not None and not copied and not supervised:
                    return exit_code(self.exited)
                supervisor_gone_since = None if supervised else self._replace_supervisor(supervisor_gone_since)
                if not copied:
                    time.sleep(_PAUSE_S)

    def interrupt(self) -> None:
        """Send Ctrl+C on to the command's process group."""
        self._read_events()
        if self.trainer is not None:
            send_group(self.trainer, signal.SIGINT)

    def _read_events(self) -> None:
        for event in self._events.read_new():
            if event["type"] == "process" and event["attempt"] >= self._attempt:
                if event.get("event") == "started":
                    self.trainer, self.exited = Identity.from_dict(event), None
                    self._attempt = event["attempt"]
                else:
                    self.exited = event

    def _copy_output(self) -> bool:
        try:
            with self._run.console_log.open("rb") as file:
                file.seek(self._offset)
                block = file.read(_BLOCK)
        except FileNotFoundError:
            return False
        self._offset += len(block)
        view = memoryview(block)
        while view:
            select.select([], [1], [])
            view = view[os.write(1, view) :]
        return bool(block)

    def _replace_supervisor(self, since: float | None) -> float | None:
        """Give the command a new supervisor when its own was killed, so that its end is recorded."""
        now = time.monotonic()
        if since is None:
            return now
        if self.exited is None and now - since >= _ADOPT_PATIENCE_S:
            try:
                LocalLauncher(self._home).adopt(self._run, self._attempt)
            except LaunchError:
                # A server may have been faster; but where nobody can, the command's end would never be known.
                if not is_held(self._run.supervisor_lock) and not (self.trainer and self.trainer.alive()):
                    raise
            return None
        return since


def exit_code(exited: dict[str, Any]) -> int:
    """Return what a shell would: the command's own code, 128 + n for a signal, 1 when nobody can know."""
    if isinstance(exited.get("code"), int):
        return int(exited["code"])
    name = str(exited.get("signal", ""))
    with contextlib.suppress(KeyError):
        return 128 + signal.Signals[name].value
    return 0 if exited.get("verdict") == "finished" else 1


def _folder_exists() -> bool:
    try:
        return Path.cwd().is_dir()
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _interrupts_go_to(follower: Follower) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, lambda *_: follower.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def add_to(app: typer.Typer) -> None:
    """Add the verb `run`."""
    app.command(
        "run",
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        help="Supervise any command, instrumented or not: gladius run -- python train.py",
    )(run)


def run(
    command: Annotated[
        list[str], typer.Argument(help="The command and its arguments, after --", metavar="-- COMMAND...")
    ],
    name: Annotated[
        str | None, typer.Option(help="The run's name; else that of the script, or of the program.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(min=0.0, help="Planned epochs, for a command that does not say.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Home folder; else GLADIUS_HOME.")] = None,
) -> int:
    """Start the command under a supervisor, show its output, return its exit code."""
    house = Home(home)
    house.create()
    if not _folder_exists():
        raise LaunchError("The current folder is gone.", "Change to one that exists.")
    directory = start_command(house, LocalLauncher(house), command, name, epochs)
    say(f"gladius: run {directory.run_id}, recorded in {directory.root}", err=True)
    follower = Follower(house, directory, attempt=1)
    code = follower.follow()
    if follower.trainer is None and follower.exited is not None:
        say(f"gladius: {follower.exited.get('evidence')}", err=True)
    return code
