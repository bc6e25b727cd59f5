"""The configuration: as an attempt was started, as the file says now, as it is live. Upstream: launch. Downstream: config views."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gladius.launch.config_file import diff, save
from gladius.server.answers import answer
from gladius.server.rooms import TheRun
from gladius.store.record import config, config_file
from gladius.store.view import RunView
from gladius.wire.runs import ConfigAnswer
from gladius.wire.steering import ConfigDiff, ConfigUpdate

router = APIRouter(tags=["config"])


@router.get("/runs/{run_id}/config", response_model=ConfigAnswer)
async def get_config(run: TheRun, attempt: Annotated[int | None, Query(ge=1)] = None) -> Response:
    """The effective configuration of the newest attempt, or of the one asked for."""
    return answer(await asyncio.to_thread(_read, run, attempt or run.attempt))


@router.put("/runs/{run_id}/config", response_model=ConfigDiff)
async def put_config(run: TheRun, body: ConfigUpdate) -> Response:
    """Write the editable file; 422 names line and key. Nothing of it is in force before `reload_config` or a resume."""
    await asyncio.to_thread(save, run, body.text)
    return answer(diff(run))


@router.get("/runs/{run_id}/config/diff", response_model=ConfigDiff)
async def get_diff(run: TheRun) -> Response:
    """The file, what was launched and what is live, key by key."""
    return answer(diff(run))


def _read(run: RunView, attempt: int) -> ConfigAnswer:
    path = config_file(run, attempt)
    text = path.read_text(encoding="utf-8") if path.exists() else None
    source = run.run.get("config_source")
    return ConfigAnswer(attempt=attempt, config=config(run, attempt), text=text, source=source)
