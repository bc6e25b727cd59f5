"""A server, trainers and socket clients for the tests that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import forge
import pytest
from console_server import ConsoleServer, Listener
from scripted_run import ScriptedRun

from gladius.pulse.rundir import Home


@pytest.fixture
def serve(home: Home, spawn: Callable[..., object]) -> Iterator[Callable[..., ConsoleServer]]:
    started: list[ConsoleServer] = []

    def start(**options: object) -> ConsoleServer:
        started.append(ConsoleServer(spawn, home, **options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.terminate()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """One server for all tests that leave it as it was: it has no runs."""
    house = Home(tmp_path_factory.mktemp("shared") / "home")
    house.create()

    running = ConsoleServer(forge.start, house)
    yield running
    running.terminate()


@pytest.fixture
def train(home: Home, spawn: Callable[..., object]) -> Callable[..., ScriptedRun]:
    return lambda name="scripted", **hello: ScriptedRun(spawn, home, name, **hello)


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    opened: list[Listener] = []

    def start(*args: object, **options: object) -> Listener:
        opened.append(Listener(*args, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()
