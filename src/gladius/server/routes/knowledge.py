"""Folders of documents become datasets: start, watch, search, choose or fill a folder. Upstream: indexer. Downstream: page, client."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from gladius.knowledge.documents import folders, receive
from gladius.server.answers import LARGEST, answer, answer_list
from gladius.server.api import api_router
from gladius.server.rooms import TheRooms
from gladius.server.uploads import BYTES_BODY, take, told_length
from gladius.wire.knowledge import (
    DocumentFolders,
    DocumentSearch,
    IndexDetail,
    IndexInfo,
    IndexRequest,
    IndexStarted,
    SkipReason,
    UploadedDocument,
)

router = api_router("knowledge", "/knowledge")


@router.get("", response_model=list[IndexInfo])
async def list_indexes(rooms: TheRooms) -> Response:
    """Every index, with how far it is."""
    return answer_list(await asyncio.to_thread(rooms.indexer.all))


@router.post("", response_model=IndexStarted, status_code=202)
async def start_index(rooms: TheRooms, body: IndexRequest) -> Response:
    """Index a folder on the server's machine; again, only what changed is read."""
    index_id = await asyncio.to_thread(rooms.indexer.start, body.path, body.name, body.options)
    return answer(IndexStarted(index_id=index_id), status=202)


@router.get("/folders", response_model=DocumentFolders)
async def list_folders(
    rooms: TheRooms,
    path: Annotated[str | None, Query(max_length=4096, description="Without it: where to begin")] = None,
) -> Response:
    """What can be indexed: the folders within those of documents and of datasets."""
    return answer(await asyncio.to_thread(folders, rooms.indexer.roots, path))


@router.post("/documents", response_model=UploadedDocument, status_code=201, openapi_extra=BYTES_BODY)
async def upload_document(
    rooms: TheRooms,
    request: Request,
    folder: Annotated[str, Query(min_length=1, max_length=120, description="Of the home's documents")],
    filename: Annotated[str, Query(min_length=1, max_length=1000, description="Its ending tells how it is read")],
) -> Response:
    """Add the body's bytes as a document; nothing is kept of an upload that breaks off."""
    upload = await asyncio.to_thread(receive, rooms.home, folder, filename, told_length(request))
    path, size = await take(request, upload)
    return answer(UploadedDocument(path=str(path), folder=str(path.parent), name=path.name, bytes=size), status=201)


@router.get("/{index_id}", response_model=IndexDetail)
async def get_index(
    index_id: str,
    rooms: TheRooms,
    offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    reason: Annotated[SkipReason | None, Query(description="Only files that were skipped for this")] = None,
) -> Response:
    """One index, and some of the files that gave nothing."""
    return answer(await asyncio.to_thread(rooms.indexer.detail, index_id, offset, limit, reason))


@router.delete("/{index_id}", status_code=204)
async def remove_index(index_id: str, rooms: TheRooms) -> Response:
    """Put the index and its dataset into the trash; the documents stay."""
    await asyncio.to_thread(rooms.indexer.remove, index_id)
    return Response(status_code=204)


@router.post("/{index_id}/cancel", response_model=IndexInfo)
async def cancel_index(index_id: str, rooms: TheRooms) -> Response:
    """Tell it to end; the dataset stays as it was."""
    return answer(await asyncio.to_thread(rooms.indexer.cancel, index_id))


@router.get("/{index_id}/search", response_model=DocumentSearch)
async def search_index(
    index_id: str,
    rooms: TheRooms,
    q: Annotated[str, Query(min_length=1, max_length=500, description="Words, and phrases in quotes")],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
) -> Response:
    """What its documents say."""
    return answer(await asyncio.to_thread(rooms.indexer.search, index_id, q, limit, offset))
