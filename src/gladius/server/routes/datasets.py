"""Datasets that a run can use. Upstream: catalog. Downstream: start form, client."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from gladius.server.answers import answer, answer_list
from gladius.server.rooms import TheRooms
from gladius.wire.catalog import DatasetInfo

router = APIRouter(tags=["catalog"])


@router.get("/datasets", response_model=list[DatasetInfo])
async def list_datasets(rooms: TheRooms) -> Response:
    """Every dataset; `problem` says why one cannot be used."""
    return answer_list(await asyncio.to_thread(lambda: [dataset.info() for dataset in rooms.datasets.all()]))


@router.get("/datasets/{dataset_id}", response_model=DatasetInfo)
async def get_dataset(dataset_id: str, rooms: TheRooms) -> Response:
    """One dataset."""
    return answer(await asyncio.to_thread(lambda: rooms.datasets.get(dataset_id).info()))
