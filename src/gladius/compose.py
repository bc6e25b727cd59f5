"""The only place that builds the rooms and joins them. Upstream: cli. Downstream: server and all below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gladius.alerts.watch import Watch
from gladius.catalog.dataset_roots import Roots
from gladius.catalog.dataset_shelf import DatasetShelf
from gladius.catalog.datasets import Datasets
from gladius.catalog.environments import Environments
from gladius.catalog.presets import Presets
from gladius.catalog.profile_shelf import ProfileShelf
from gladius.catalog.profiles import Profiles
from gladius.desk.desk import Desk
from gladius.exchange.boards import IDLE_S, TensorBoards
from gladius.flows.runner import Runner
from gladius.flows.shelf import Flows
from gladius.hub.activities import Activities
from gladius.hub.hub import Hub
from gladius.hub.machine import HostMachine
from gladius.knowledge.indexer import Indexer
from gladius.launch.attach import Attachments
from gladius.launch.local import LocalLauncher
from gladius.launch.preflight import Preflight
from gladius.launch.probe import Probes
from gladius.launch.queue import Queue
from gladius.launch.resume import Resumer
from gladius.launch.slots import Slots
from gladius.launch.start import Starter
from gladius.pulse.rundir import Home
from gladius.server.door import tls_of
from gladius.server.flow_activities import flow_activity, past_flow_activities
from gladius.server.flow_services import FlowRooms, FlowServices
from gladius.server.rooms import Rooms
from gladius.server.serve import DEFAULT_PORT, Address, serve
from gladius.store.soundness import Soundness
from gladius.store.store import Store
from gladius.wire.messages import ActivityMessage
from gladius.wire.overview import Activity


def build(
    home: Home, tensorboard_idle_s: float = IDLE_S, datasets_in: Sequence[Path] = (), slots: int | None = None
) -> Rooms:
    """Build every room of a home; nothing is opened or started yet. `datasets_in`: more folders that datasets lie in.

    `slots`: how many runs without a GPU train at once, else GLADIUS_SLOTS, else 1. Raises ConfigError.
    """
    launcher = LocalLauncher(home)
    store = Store(home, attach=launcher.adopt)
    alerts = Watch(home, store)
    profiles = Profiles(home.profiles, Environments.of(home))
    presets = Presets(home.presets)
    roots = Roots.of(home.datasets, datasets_in)
    datasets = Datasets(home.state, roots)
    starter = Starter(home, profiles, datasets, presets, launcher)
    queue = Queue(home, starter, store, Slots.of_this_machine(slots))
    desk = Desk(store, queue.withdraw)
    indexer = Indexer(home, datasets)
    flow_rooms = FlowRooms(home, store, desk, profiles, datasets, presets, queue, indexer)
    hub, activities = Hub(store, alerts), Activities(store, alerts)
    activities.listen(lambda one: hub.news("activities", ActivityMessage(run_id=one.run_id, activity=one)))
    flows = Runner(home, Flows(home.flows), FlowServices(flow_rooms))
    flows.listen(lambda record, event: _tell_of_flow(activities, flow_activity(record, event)))
    activities.remember(lambda: past_flow_activities(home))
    return Rooms(
        preflight=Preflight(home, starter, datasets, queue),
        probes=Probes(home, starter, queue),
        home=home,
        store=store,
        soundness=Soundness(home, store.unreadable),
        alerts=alerts,
        desk=desk,
        hub=hub,
        activities=activities,
        machine=HostMachine(store),
        attachments=Attachments(store, roots),
        profiles=profiles,
        shelf=ProfileShelf(profiles, home.trash / "profiles"),
        datasets=datasets,
        dataset_shelf=DatasetShelf(datasets, home.trash / "datasets"),
        indexer=indexer,
        presets=presets,
        queue=queue,
        resumer=Resumer(home, profiles, launcher, queue.room_at_once),
        boards=TensorBoards(home, tensorboard_idle_s),
        flow_rooms=flow_rooms,
        flows=flows,
    )


def _tell_of_flow(activities: Activities, one: Activity | None) -> None:
    if one is not None:
        activities.add(one)


def up(
    home: Path | str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    base_path: str = "",
    public_url: str | None = None,
    on_ready: Callable[[Address], None] | None = None,
    tensorboard_idle_s: float = IDLE_S,
    datasets_in: Sequence[Path] = (),
    slots: int | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    insecure_listen: bool = False,
) -> None:
    """Serve a home until SIGINT or SIGTERM, on the default port or `port`; see `server.serve.serve` for the errors."""
    serve(
        build(Home(home), tensorboard_idle_s, datasets_in, slots),
        host,
        DEFAULT_PORT if port is None else port,
        base_path,
        public_url,
        on_ready,
        tls_of(tls_cert, tls_key),
        insecure_listen,
    )
