"""Datasets that a run can use: look at them, check them, add one, take one away. Upstream: catalog. Downstream: start form, client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.catalog.dataset_adding import Upload
from gladius.catalog.dataset_preview import preview
from gladius.catalog.token_lengths import token_lengths
from gladius.errors import ConfigError, DatasetBusy
from gladius.server.answers import LARGEST, answer, answer_list
from gladius.server.api import api_router
from gladius.server.rooms import Rooms, TheRooms
from gladius.server.uploads import BYTES_BODY, take, told_length
from gladius.store.summary import reference
from gladius.wire.catalog import DatasetInfo
from gladius.wire.datasets import (
    AddDataset,
    DatasetPreview,
    DatasetReport,
    DatasetRules,
    DatasetUpdate,
    RemovedDataset,
    TokenLengths,
)

router = api_router("catalog")


@router.get("/datasets", response_model=list[DatasetInfo])
async def list_datasets(rooms: TheRooms) -> Response:
    """Every dataset; `problem` says why one cannot be used."""
    return answer_list(await asyncio.to_thread(lambda: [dataset.info() for dataset in rooms.datasets.all()]))


@router.post("/datasets", response_model=DatasetInfo, status_code=201)
async def add_dataset(rooms: TheRooms, body: AddDataset) -> Response:
    """Add a file or folder by its path on the server's machine; it must lie within the folders of datasets."""
    return answer(await asyncio.to_thread(lambda: rooms.datasets.add_path(Path(body.path)).info()), status=201)


@router.post("/datasets/upload", response_model=DatasetInfo, status_code=201, openapi_extra=BYTES_BODY)
async def upload_dataset(
    rooms: TheRooms,
    request: Request,
    filename: Annotated[str, Query(min_length=1, max_length=1000, description="Its ending tells how it is read")],
) -> Response:
    """Add the body's bytes as a file of the home's datasets; nothing is kept of an upload that breaks off."""
    upload = await asyncio.to_thread(Upload, rooms.home.datasets, filename, told_length(request))
    path, _ = await take(request, upload)
    return answer(await asyncio.to_thread(lambda: rooms.datasets.at(path).info()), status=201)


@router.get("/datasets/{dataset_id}", response_model=DatasetInfo)
async def get_dataset(dataset_id: str, rooms: TheRooms) -> Response:
    """One dataset."""
    return answer(await asyncio.to_thread(lambda: rooms.datasets.get(dataset_id).info()))


@router.get("/datasets/{dataset_id}/check", response_model=DatasetReport)
async def check_dataset(
    dataset_id: str,
    rooms: TheRooms,
    wait: Annotated[bool, Query(description="Until a large one is read through; else what is known by now")] = True,
) -> Response:
    """All that is wrong with it, by line; what did not change is not read again."""
    return answer(await asyncio.to_thread(rooms.datasets.report, dataset_id, wait))


@router.get("/datasets/{dataset_id}/preview", response_model=DatasetPreview)
async def preview_dataset(
    dataset_id: str,
    rooms: TheRooms,
    offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Some of its records, long texts cut; broken ones with the reason."""
    return answer(await asyncio.to_thread(_preview, rooms, dataset_id, offset, limit))


def _preview(rooms: Rooms, dataset_id: str, offset: int, limit: int) -> DatasetPreview:
    path = rooms.datasets.readable(dataset_id).path
    assert path is not None
    try:
        return preview(path, offset, limit, rooms.datasets.roots.opener)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.", "Make the file readable.", "dataset_id") from error


@router.get("/datasets/{dataset_id}/tokens", response_model=TokenLengths)
async def dataset_tokens(
    dataset_id: str,
    rooms: TheRooms,
    tokenizer: Annotated[str, Query(min_length=1, max_length=4096, description="A local model's folder")],
    sample: Annotated[int, Query(ge=1, le=20_000)] = 2_000,
    limit: Annotated[int | None, Query(ge=1, le=2**31, description="How many are longer than so many tokens")] = None,
) -> Response:
    """How long its records are in tokens: a histogram of a sample, counted by a process of its own."""
    dataset = await asyncio.to_thread(rooms.datasets.readable, dataset_id)
    return answer(await asyncio.to_thread(token_lengths, dataset, tokenizer, sample, limit))


@router.put("/datasets/{dataset_id}", response_model=DatasetInfo)
async def put_dataset(dataset_id: str, body: DatasetUpdate, rooms: TheRooms) -> Response:
    """Give it another name or description for people; its id and its file stay."""
    told = await asyncio.to_thread(rooms.datasets.describe, dataset_id, body.name, body.description)
    return answer(told.info())


@router.delete("/datasets/{dataset_id}", response_model=RemovedDataset)
async def delete_dataset(dataset_id: str, rooms: TheRooms) -> Response:
    """Put a file of the home's into the trash, or forget a path that was added; 409 while a run needs it."""
    users = [run_id for run_id in rooms.store.live_ids() if await _uses(rooms, run_id, dataset_id)]
    if users:
        raise DatasetBusy(dataset_id, users)
    return answer(await asyncio.to_thread(rooms.dataset_shelf.remove, dataset_id))


async def _uses(rooms: Rooms, run_id: str, dataset_id: str) -> bool:
    view = await rooms.store.view(run_id)
    return not view.ended and reference(view.run.get("dataset")) == dataset_id


@router.get("/dataset_rules", response_model=DatasetRules)
async def dataset_rules(rooms: TheRooms) -> Response:
    """The folders that datasets may lie in, the endings that are read, how large an upload may be."""
    return answer(await asyncio.to_thread(rooms.dataset_shelf.rules))


@router.get("/trash/datasets", response_model=list[RemovedDataset])
async def list_deleted_datasets(rooms: TheRooms) -> Response:
    """The datasets that were deleted, newest first."""
    return answer_list(await asyncio.to_thread(rooms.dataset_shelf.trash))


@router.post("/trash/datasets/{entry}/restore", response_model=DatasetInfo)
async def restore_dataset(entry: str, rooms: TheRooms) -> Response:
    """Put a deleted dataset back where it lay; 409 when its name is taken."""
    return answer(await asyncio.to_thread(lambda: rooms.dataset_shelf.restore(entry).info()))
