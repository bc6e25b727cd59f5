"""`gladius demo`: a real small model, trained live in the console. Upstream: the person. Downstream: compose, client."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from gladius.cli.follow import follow
from gladius.cli.output import errors
from gladius.cli.up import HomeFolder, NoBrowser, Port, announce
from gladius.client import Client
from gladius.errors import GladiusError, LockHeld
from gladius.pulse.rundir import Home

if TYPE_CHECKING:
    from gladius.server.serve import Address

PROFILE, DATASET = "tiny-moe", "stdlib-docs"


def add_to(app: typer.Typer) -> None:
    """Add the verb `demo`."""
    app.command()(demo)


def demo(
    no_browser: NoBrowser = False,
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="Exit 0 when the run is done, 1 otherwise.")
    ] = False,
    home: HomeFolder = None,
    port: Port = None,
) -> int:
    """Start the console and train the built-in profile on the built-in dataset."""
    from gladius.server.serve import living_address

    house = Home(home)
    show = Demonstration(house, open_browser=not no_browser, exit_when_done=exit_when_done)
    try:
        _serve(house, port, show)
    except LockHeld:
        address = living_address(house)
        if address is None:
            raise
        return show.run(address)
    return show.code if exit_when_done else 0


def _serve(home: Home, port: int | None, show: Demonstration) -> None:
    """Serve until Ctrl+C, which is also how the demonstration itself ends the server."""
    from gladius import compose
    from gladius.errors import PortTaken

    with contextlib.suppress(KeyboardInterrupt):
        try:
            compose.up(home.root, port=port, on_ready=show.begin)
        except PortTaken:
            compose.up(home.root, port=0, on_ready=show.begin)


class Demonstration:
    """Starts the run once the server answers, and follows it beside the server."""

    def __init__(self, home: Home, open_browser: bool, exit_when_done: bool) -> None:
        self._home = home
        self._open_browser = open_browser
        self._exit_when_done = exit_when_done
        self._thread: threading.Thread | None = None
        self.code = 1

    def begin(self, address: Address) -> None:
        """Work in a thread of its own: the server has this one."""
        self._thread = threading.Thread(target=self._beside_the_server, args=(address,), name="demo", daemon=True)
        self._thread.start()

    def run(self, address: Address) -> int:
        """Start the training, follow it, say how it ended; return the exit code."""
        with Client(url=address.url, token=address.token) as client:
            run = client.start(PROFILE, DATASET)
            announce(address, self._open_browser)
            errors.print(f"Training {PROFILE} on {DATASET}: run {run.name}", soft_wrap=True)
            summary = follow(run)
        errors.print(f"The run is {summary.state}: {summary.message}")
        self.code = 0 if summary.state == "done" else 1
        return self.code

    def _beside_the_server(self, address: Address) -> None:
        try:
            self.run(address)
        except GladiusError as error:
            errors.print(f"gladius: {error}", soft_wrap=True)
            os.kill(os.getpid(), signal.SIGINT)
            return
        if self._exit_when_done:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            errors.print("The console stays; Ctrl+C ends it (a training would go on).")
