"""What the routes may use. Upstream: compose. Downstream: routes, socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from gladius.alerts.watch import Watch
from gladius.catalog.dataset_shelf import DatasetShelf
from gladius.catalog.datasets import Datasets
from gladius.catalog.presets import Presets
from gladius.catalog.profile_shelf import ProfileShelf
from gladius.catalog.profiles import Profiles
from gladius.desk.desk import Desk
from gladius.exchange.boards import TensorBoards
from gladius.flows.runner import Runner
from gladius.hub.activities import Activities
from gladius.hub.hub import Hub
from gladius.hub.machine import HostMachine
from gladius.knowledge.indexer import Indexer
from gladius.launch.attach import Attachments
from gladius.launch.preflight import Preflight
from gladius.launch.probe import Probes
from gladius.launch.queue import Queue
from gladius.launch.resume import Resumer
from gladius.pulse.rundir import Home
from gladius.server.flow_services import FlowRooms
from gladius.store.soundness import Soundness
from gladius.store.store import Store
from gladius.store.view import RunView


@dataclass(frozen=True)
class Rooms:
    """The rooms below the server, built by compose."""

    home: Home
    store: Store
    soundness: Soundness
    alerts: Watch
    hub: Hub
    activities: Activities
    machine: HostMachine
    attachments: Attachments
    desk: Desk
    profiles: Profiles
    shelf: ProfileShelf
    datasets: Datasets
    dataset_shelf: DatasetShelf
    indexer: Indexer
    presets: Presets
    queue: Queue
    preflight: Preflight
    probes: Probes
    resumer: Resumer
    boards: TensorBoards
    flow_rooms: FlowRooms
    flows: Runner


def rooms_of(connection: HTTPConnection) -> Rooms:
    """The rooms of the app that answers."""
    return cast(Rooms, connection.app.state.rooms)


async def _rooms_of(connection: HTTPConnection) -> Rooms:
    """For routes: FastAPI sends a function that is not `async` through a thread, for each request."""
    return rooms_of(connection)


async def view_of(run_id: str, connection: HTTPConnection) -> RunView:
    """The run that the path names by id, unique prefix, name or `latest`; raises RunNotFound, AmbiguousRun."""
    store = rooms_of(connection).store
    return await store.view(store.resolve(run_id))


TheRooms = Annotated[Rooms, Depends(_rooms_of)]
TheRun = Annotated[RunView, Depends(view_of)]
