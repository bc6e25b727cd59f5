"""The configuration: as an attempt was started, as the file says now, as it is live. Upstream: launch. Downstream: config views."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gladius.launch.config_file import diff, rules, save
from gladius.launch.snapshot import as_yaml, resolved, snapshot
from gladius.pulse.plain_file import read_bytes
from gladius.server.answers import LARGEST, answer
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.store.record import config, config_file
from gladius.store.view import RunView
from gladius.wire.config import ConfigSchema
from gladius.wire.runs import ConfigAnswer
from gladius.wire.steering import ConfigDiff, ConfigUpdate

router = api_router("config")


@router.get("/runs/{run_id}/config", response_model=ConfigAnswer)
async def get_config(run: TheRun, attempt: Annotated[int | None, Query(ge=1, le=LARGEST)] = None) -> Response:
    """The effective configuration of the newest attempt, or of the one asked for."""
    return answer(await asyncio.to_thread(_read, run, attempt or run.attempt))


@router.put("/runs/{run_id}/config", response_model=ConfigDiff)
async def put_config(run: TheRun, body: ConfigUpdate) -> Response:
    """Write the editable file; 422 names line and key. Nothing of it is in force before `reload_config` or a resume."""
    await asyncio.to_thread(save, run, body.text, body.version)
    return answer(diff(run))


@router.get("/runs/{run_id}/config/diff", response_model=ConfigDiff)
async def get_diff(run: TheRun) -> Response:
    """The file, what was launched and what is live, key by key."""
    return answer(diff(run))


@router.get("/runs/{run_id}/config/schema", response_model=ConfigSchema)
async def get_schema(run: TheRun) -> Response:
    """What the file may say, for an editor that checks while somebody types."""
    return answer(await asyncio.to_thread(rules, run))


def _read(run: RunView, attempt: int) -> ConfigAnswer:
    path = config_file(run, attempt)
    text = None
    with contextlib.suppress(OSError):
        text = read_bytes(path, run.directory.root).decode("utf-8", "replace")
    source, settings = run.run.get("config_source"), config(run, attempt)
    return ConfigAnswer(
        attempt=attempt, config=settings, text=text, source=source, snapshot=snapshot(run), resolved=resolved(run),
        launched=text if text is not None else as_yaml(settings) if settings else None,
    )  # fmt: skip
