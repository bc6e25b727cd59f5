"""The configuration that an attempt was started with. Upstream: attempts/<n>.yaml. Downstream: config views."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gladius.server.answers import answer
from gladius.server.rooms import TheRun
from gladius.store.record import config, config_file
from gladius.store.view import RunView
from gladius.wire.runs import ConfigAnswer

router = APIRouter(tags=["config"])


@router.get("/runs/{run_id}/config", response_model=ConfigAnswer)
async def get_config(run: TheRun, attempt: Annotated[int | None, Query(ge=1)] = None) -> Response:
    """The effective configuration of the newest attempt, or of the one asked for."""
    return answer(await asyncio.to_thread(_read, run, attempt or run.attempt))


def _read(run: RunView, attempt: int) -> ConfigAnswer:
    path = config_file(run, attempt)
    text = path.read_text(encoding="utf-8") if path.exists() else None
    source = run.run.get("config_source")
    return ConfigAnswer(attempt=attempt, config=config(run, attempt), text=text, source=source)
