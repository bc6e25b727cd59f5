"""The report of an ended run, and what is known of its failure. Upstream: report.json, report.md, store. Downstream: dialogs, client."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from starlette.responses import PlainTextResponse, Response

from gladius.errors import ReportNotFound
from gladius.pulse.plain_file import read_bytes
from gladius.server.answers import JSON
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.store.errorlog import error_log

router = api_router("report")


_FOR_PEOPLE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/markdown": {}}}}


@router.get("/runs/{run_id}/report", response_model=dict[str, Any], responses=_FOR_PEOPLE)
async def get_report(run: TheRun, format: Literal["json", "md"] = "json") -> Response:
    """What the last ended attempt did; `format=md` for people."""
    path = run.directory.report_json if format == "json" else run.directory.report_md
    try:
        content = await asyncio.to_thread(read_bytes, path)
    except OSError:
        raise ReportNotFound(f"Run '{run.run_id}' has no report yet.", "It is written when an attempt ends.") from None
    return Response(content, media_type=JSON if format == "json" else "text/markdown; charset=utf-8")


@router.get("/runs/{run_id}/error-log", response_class=PlainTextResponse)
async def get_error_log(run: TheRun) -> Response:
    """Error, traceback, the last 200 lines of the log, versions and configuration in one text."""
    text = await asyncio.to_thread(error_log, run)
    named = {"content-disposition": f"attachment; filename={run.run_id}-error.txt"}
    return PlainTextResponse(text, headers=named)
