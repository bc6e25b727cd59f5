"""Carry out a command that was given as text. Upstream: routes.text_commands. Downstream: queue, datasets, documents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from gladius.catalog.datasets import Dataset, Datasets
from gladius.errors import ConfigError, FieldErrors, GladiusError
from gladius.flows.command_text import TextOrder, mistake, read_command
from gladius.server.flow_services import Indexes
from gladius.server.rooms import Rooms
from gladius.server.start_check import check_start
from gladius.wire.catalog import StartRequest
from gladius.wire.flows import TextCommandAnswer

_PLACES = {"profile_id": "PROFILE", "dataset_id": "DATA_PATH", "epochs": "EPOCHS"}


async def obey(rooms: Rooms, text: str, asked_by: str) -> TextCommandAnswer:
    """Do what the text says. Raises FieldErrors whose sentences name the lines, LaunchError."""
    order = read_command(text)
    if order.command == "INDEX KNOWLEDGE":
        return await asyncio.to_thread(_index, rooms.flow_rooms.indexes, order)
    wanted = await asyncio.to_thread(_checked, rooms, order)
    directory = await asyncio.to_thread(rooms.queue.submit, wanted, "api", asked_by)
    rooms.store.adopt(directory.run_id)
    view = await rooms.store.view(directory.run_id)
    return TextCommandAnswer(command="TRAIN AGENT", run_id=directory.run_id, state=view.state)


def _index(indexes: Indexes | None, order: TextOrder) -> TextCommandAnswer:
    if indexes is None:
        raise ConfigError("This server cannot index documents.", "Give it a dataset's path with TRAIN AGENT.")
    try:
        index_id = indexes.start(order.values["PATH"], order.values.get("NAME"))
    except ConfigError as error:
        raise FieldErrors([_at(order, "PATH", str(error))]) from error
    return TextCommandAnswer(command="INDEX KNOWLEDGE", index_id=index_id, state="running")


def _checked(rooms: Rooms, order: TextOrder) -> StartRequest:
    """The request to start that is meant; everything wrong with it is told by its line."""
    errors: list[dict[str, Any]] = []
    dataset = None
    try:
        dataset = _dataset(rooms.datasets, order.values["DATA_PATH"])
    except (GladiusError, OSError) as error:
        errors.append(_at(order, "DATA_PATH", str(error)))
    body = {"profile_id": order.values["PROFILE"], "epochs": order.epochs}
    if dataset is not None:
        body["dataset_id"] = dataset.id
    wanted: StartRequest | None = None
    try:
        wanted = check_start(body, rooms.profiles, rooms.datasets, rooms.presets)
    except FieldErrors as error:
        told = [one for one in error.errors if one["field"] != "dataset_id" or dataset is not None]
        errors += [_at(order, _PLACES.get(one["field"], "PROFILE"), one["message"]) for one in told]
    errors += _engine(rooms, order)
    if errors or wanted is None:
        raise FieldErrors(sorted(errors, key=lambda one: int(one["line"])))
    return wanted


def _dataset(datasets: Datasets, path: str) -> Dataset:
    """The dataset at a path; a relative one is looked for in each folder of datasets."""
    given = Path(path).expanduser()
    places = [given] if given.is_absolute() else [root / given for root in datasets.roots.folders]
    return datasets.add_path(next((place for place in places if place.exists()), places[0]))


def _engine(rooms: Rooms, order: TextOrder) -> list[dict[str, Any]]:
    """MODE is said to be sure that the right trainer is meant: another one than the profile's is a mistake."""
    mode = order.values.get("MODE")
    known = {profile.id: profile.engine for profile in rooms.profiles.all()}
    engine = known.get(order.values["PROFILE"])
    if mode is None or engine is None or mode == engine:
        return []
    profile = order.values["PROFILE"]
    message = f"MODE is '{mode}', and '{profile}' has the engine '{engine}'. Write MODE=\"{engine}\", or leave it out."
    return [_at(order, "MODE", message)]


def _at(order: TextOrder, key: str, message: str) -> dict[str, Any]:
    return mistake(order.lines.get(key, order.first), key, message)
