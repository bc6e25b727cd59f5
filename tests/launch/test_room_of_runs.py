"""A run that is on its way keeps the room it was given, whatever is read of it before it has said a word itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.catalog.presets import Presets
from gladius.catalog.profiles import Profiles
from gladius.launch.local import LocalLauncher
from gladius.launch.queue import Queue
from gladius.launch.slots import Slots
from gladius.launch.start import Starter
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home, RunDir
from gladius.store.store import Store
from gladius.wire.catalog import Resources

EXITED = {"event": "exited", "verdict": "failed", "evidence": "exit code 1"}


class Room:
    """A machine with one place, and the store that tells its queue of the runs."""

    def __init__(self, home: Home) -> None:
        self.store = Store(home)
        datasets, presets = Datasets(home.state, Roots.of(home.datasets)), Presets(home.presets)
        starter = Starter(home, Profiles(home.profiles), datasets, presets, LocalLauncher(home))
        self.queue = Queue(home, starter, self.store, Slots(1))
        self.told: list[tuple[str, int]] = []
        self.store.listen(lambda run_id, _: self.told.append((run_id, self.attempt(run_id))))

    def attempt(self, run_id: str) -> int:
        view = self.store.loaded(run_id)
        return -1 if view is None else view.attempt

    async def taken_by(self, run: RunDir, attempt: int) -> bool:
        """Whether a run has the place once the queue was told of it; `attempt` is the newest that the store knew then."""
        self.told.clear()
        self.store.adopt(run.run_id)
        await self.store.caught_up(run.run_id)
        assert (run.run_id, attempt) in self.told
        running = [one.run_id for one in self.queue.answer().running]
        assert self.queue.place_for(Resources()) == len(running), "who comes next waits for it"
        return running == [run.run_id]


def in_a_room(home: Home, work: Callable[[Room], Awaitable[None]]) -> None:
    async def opened() -> None:
        room = Room(home)
        await room.store.open()
        try:
            await work(room)
        finally:
            await room.store.close()

    asyncio.run(opened())


def tell(run: RunDir, attempt: int, event: dict[str, Any]) -> None:
    """What a supervisor writes of an attempt that it was given."""
    run.write_attempt(attempt, {"argv": ["python"]})
    stream = EventWriter(run.supervisor_events, attempt)
    stream.write("process", event)
    stream.close()


@pytest.fixture
def started(spawn: Callable[..., Any]) -> dict[str, Any]:
    """Of a process that lives as long as the test."""
    return {"event": "started", "argv": ["python"], **Identity.of(spawn("sleep", "600").pid).as_dict()}


def test_a_run_keeps_its_room_while_it_is_resumed_and_only_its_last_attempt_is_known(
    home: Home, started: dict[str, Any]
) -> None:
    async def resumed(room: Room) -> None:
        run = home.new_run("resumed", {"source": "api"})
        tell(run, 1, EXITED)
        with room.queue.room_at_once(run.run_id, Resources()):
            assert await room.taken_by(run, attempt=1), "what is over is the attempt before"
            tell(run, 2, started)
        assert await room.taken_by(run, attempt=2)
        tell(run, 2, EXITED)
        assert not await room.taken_by(run, attempt=2), "now its end counts"

    in_a_room(home, resumed)


def test_a_run_that_was_just_started_keeps_its_room_before_anything_is_known_of_an_attempt(
    home: Home, started: dict[str, Any]
) -> None:
    async def just_started(room: Room) -> None:
        run = home.new_run("started", {"source": "api"})
        with room.queue.room_at_once(run.run_id, Resources()):
            pass
        assert await room.taken_by(run, attempt=0)
        tell(run, 1, started)
        assert await room.taken_by(run, attempt=1)
        tell(run, 1, EXITED)
        assert not await room.taken_by(run, attempt=1)

    in_a_room(home, just_started)
