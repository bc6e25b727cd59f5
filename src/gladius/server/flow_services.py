"""What flows may do, by rooms that they do not know. Upstream: compose. Downstream: queue, store, desk, exchange."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gladius.catalog.datasets import Datasets
from gladius.catalog.presets import Presets
from gladius.catalog.profiles import Profiles
from gladius.desk.desk import Desk
from gladius.errors import CommandInvalid, ConfigError, GladiusError, IndexBusy, NotFound, RunNotLive, StepFailed
from gladius.exchange.export import check_format, export, file_name
from gladius.flows.services import Health, Indexing, Token, TrainingEnd
from gladius.launch.checkpoints import told
from gladius.launch.queue import Queue
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import Home
from gladius.server.start_check import check_start
from gladius.store.record import Steering, record
from gladius.store.store import Store
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.supervise.machine import find_gpus
from gladius.wire.runs import RunRecord

_UNSURE = ("lost", "unknown")
_SURE_AFTER_S = 5.0
"""A run whose observer was killed looks lost until another one has read its end."""
_OBEY_S = 10.0
"""A trainer that has not heard by then that it is to stop is made to end."""


class Indexes(Protocol):
    """What INDEX needs of the room of documents."""

    def start(self, path: str, name: str | None = None) -> str:
        """Begin, and return the index's id."""

    def state(self, index_id: str) -> Any:
        """How far it is: state, message, counts, dataset_id."""

    def cancel(self, index_id: str) -> Any:
        """End it."""


@dataclass(frozen=True)
class FlowRooms:
    """The rooms that stand behind the services."""

    home: Home
    store: Store
    desk: Desk
    profiles: Profiles
    datasets: Datasets
    presets: Presets
    queue: Queue
    indexes: Indexes | None = None


class FlowServices:
    """Keeps the promises of `flows.services.Services`."""

    def __init__(self, rooms: FlowRooms) -> None:
        self._rooms = rooms
        self._unsure: dict[str, float] = {}
        self._stops: dict[str, tuple[str, float]] = {}

    # Training

    async def submit(self, request: Mapping[str, Any], token: Token, asked_by: str | None) -> str:
        """Check the request as `POST /runs` does, and hand it to the queue."""
        rooms = self._rooms
        wanted = await asyncio.to_thread(check_start, dict(request), rooms.profiles, rooms.datasets, rooms.presets)
        directory = await asyncio.to_thread(rooms.queue.submit, wanted, token.source, asked_by)
        rooms.store.adopt(directory.run_id)
        return directory.run_id

    async def submitted(self, token: Token) -> str | None:
        """The run whose run.json names this try."""
        return await asyncio.to_thread(self._submitted, token)

    def _submitted(self, token: Token) -> str | None:
        for run in self._rooms.home.all_runs():
            facts = read_object(run.run_json) or {}
            if [facts.get(key) for key in ("flow_run_id", "flow_step", "flow_try")] == [*_parts(token)]:
                return run.run_id
        return None

    async def training_end(self, run_id: str) -> TrainingEnd | None:
        """How it ended, once that is sure."""
        view = await self._view(run_id)
        if not view.ended or view.state == "released":
            self._unsure.pop(run_id, None)
            return None
        if view.state in _UNSURE:
            since = self._unsure.setdefault(run_id, time.monotonic())
            if time.monotonic() - since < _SURE_AFTER_S:
                return None
        self._unsure.pop(run_id, None)
        self._stops.pop(run_id, None)
        view = await self._rooms.store.caught_up(run_id)
        return _end_of(view)

    async def stop_training(self, run_id: str, asked_by: str) -> None:
        """Ask it to stop; when it has not heard for a while, have it ended."""
        asked = self._stops.get(run_id)
        try:
            if asked is None:
                self._stops[run_id] = (await self._stop(run_id, asked_by), time.monotonic())
            elif time.monotonic() - asked[1] > _OBEY_S and not await self._heard(run_id, asked[0]):
                command = await self._rooms.desk.send(run_id, "terminate", {}, asked_by)
                self._stops[run_id] = (command, time.monotonic())
        except RunNotLive:
            return

    async def _stop(self, run_id: str, asked_by: str) -> str:
        try:
            return await self._rooms.desk.send(run_id, "stop", {}, asked_by)
        except CommandInvalid:
            return await self._rooms.desk.send(run_id, "terminate", {}, asked_by)

    async def _heard(self, run_id: str, command_id: str) -> bool:
        return (await self._rooms.desk.command(run_id, command_id)).state in ("accepted", "applied")

    async def metric(self, run_id: str, name: str) -> float | None:
        """The last value."""
        return (await self._view(run_id)).table.last(name)

    async def last_checkpoint(self, run_id: str) -> Path | None:
        """The folder of the newest one."""
        view = await self._view(run_id)
        if not any(not event.get("failed") for event in view.checkpoints):
            return None
        found = told(view)
        return found[0].path if found else None

    async def _view(self, run_id: str) -> RunView:
        store = self._rooms.store
        return await store.view(store.resolve(run_id))

    # Documents and datasets

    async def index(self, path: str, name: str | None) -> str:
        """Begin to index a folder."""
        try:
            return await asyncio.to_thread(self._indexes().start, path, name)
        except IndexBusy as error:
            # This very folder is being indexed, perhaps by a try whose server died: its end is what is wanted.
            return error.index_id

    async def indexing(self, index_id: str) -> Indexing:
        """How far it is."""
        now = await asyncio.to_thread(self._indexes().state, index_id)
        if now.state == "running":
            return Indexing(ended=False)
        files, records = (now.counts.files, now.counts.records) if now.counts is not None else (None, None)
        problem = None if now.state == "done" else now.message or f"The indexing is {now.state}."
        return Indexing(True, now.dataset_id, problem, files, records)

    async def stop_indexing(self, index_id: str) -> None:
        """End it."""
        await asyncio.to_thread(self._indexes().cancel, index_id)

    def _indexes(self) -> Indexes:
        if self._rooms.indexes is None:
            raise StepFailed("This server cannot index documents.", "Take the step out of the flow.")
        return self._rooms.indexes

    async def dataset_problem(self, dataset_id: str) -> tuple[int, str | None]:
        """Its records, and the first error in one sentence."""
        report = await asyncio.to_thread(self._rooms.datasets.report, dataset_id)
        return report.records, report.problem

    # Machine and files

    async def health(self) -> Health:
        """Look at disk, home, store and GPUs."""
        return await asyncio.to_thread(self._health)

    def _health(self) -> Health:
        root = self._rooms.home.root
        problems = [
            *_problem("the home cannot be written", lambda: _write_something(self._rooms.home.state)),
            *_problem("the list of runs cannot be read", lambda: _read_runs(self._rooms)),
        ]
        gpus = find_gpus().sample(set())
        lost = [str(gpu["index"]) for gpu in gpus if gpu["memory_total"] is None]
        if lost:
            problems.append(f"GPU {', '.join(lost)} does not answer")
        return Health(shutil.disk_usage(root).free / 1e9, len(gpus), problems)

    async def export(self, run_id: str, format: str, output: str | None) -> tuple[Path, int]:
        """Write a run below the folders of exports."""
        view = await self._view(run_id)
        wanted = check_format(format)
        whole = record(view, Steering())
        target = export_path(self._rooms.home, output, file_name(whole.summary.name, view.run_id, wanted))
        return await asyncio.to_thread(_write_export, export(view.directory, whole, wanted).chunks, target)

    async def argument_problem(self, kind: str, value: Any) -> str | None:
        """Whether a profile or dataset of that id can be used."""
        look: dict[str, Callable[[str], Any]] = {
            "profile": self._rooms.profiles.get,
            "dataset": self._rooms.datasets.get,
        }
        if kind not in look or not isinstance(value, str):
            return None
        try:
            found = await asyncio.to_thread(look[kind], value)
        except NotFound as error:
            return str(error)
        return f"'{value}' cannot be used: {found.problem}" if found.problem else None


def _parts(token: Token) -> Iterator[Any]:
    yield from (token.flow_run_id, token.step, token.number)


def _end_of(view: RunView) -> TrainingEnd:
    whole: RunRecord = record(view, Steering())
    summary = summarize(view)
    last = summary.last_checkpoint
    cause = None if view.state == "done" else whole.error or summary.message or None
    return TrainingEnd(view.state, cause, summary.loss, summary.eval_loss, last.path if last is not None else None)


def _problem(what: str, look: Callable[[], object]) -> Iterator[str]:
    try:
        look()
    except (OSError, GladiusError) as error:
        yield f"{what}: {getattr(error, 'strerror', None) or error}"


def _write_something(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"is there room, and may I write?")
        file.flush()
        os.fsync(file.fileno())


def _read_runs(rooms: FlowRooms) -> None:
    rooms.store.ids()
    next(rooms.home.all_runs(), None)


def export_path(home: Home, output: str | None, name: str) -> Path:
    """Where an export goes: below `<home>/exports`, or a folder of GLADIUS_EXPORTS. Raises ConfigError for any other place."""
    roots = [home.exports, *(Path(part) for part in os.environ.get("GLADIUS_EXPORTS", "").split(os.pathsep) if part)]
    given = Path(output).expanduser() if output else Path(name)
    target = given if given.is_absolute() else home.exports / given
    if (output or "").endswith("/") or target.is_dir():
        target = target / name
    real = Path(os.path.realpath(target))
    if not any(real.is_relative_to(os.path.realpath(root)) for root in roots):
        hint = f"Exports go below {', '.join(map(str, roots))}; GLADIUS_EXPORTS adds a folder."
        raise ConfigError(f"{output} leads out of the folders of exports.", hint, "output")
    return real


def _write_export(chunks: Iterator[bytes], target: Path) -> tuple[Path, int]:
    """Write under another name, then rename it: the file is whole or the old one."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}-{os.getpid()}-{secrets.token_hex(4)}.part")
    size = 0
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                size += file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target, size
