"""Runs beside each other. Upstream: store, exchange. Downstream: compare page, `gladius compare`, client."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.responses import Response, StreamingResponse

from gladius.errors import AmbiguousRun, ConfigError, FieldErrors, GladiusError
from gladius.exchange.comparison import compare, curves_csv, results_csv
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import Rooms, TheRooms
from gladius.store.family import family_of
from gladius.store.record import config
from gladius.store.results import compared
from gladius.store.view import RunView
from gladius.wire.compare import MOST_RUNS, ComparedRun, Comparison, MissingRun

router = api_router("compare")

_DOWNLOADS: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/csv": {}}}}
_CSV = "text/csv; charset=utf-8"


@router.get("/compare", response_model=Comparison, responses=_DOWNLOADS)
async def get_comparison(
    rooms: TheRooms,
    runs: Annotated[list[str], Query(description="Ids, prefixes or names: repeated, or one list with commas")],
    metric: Annotated[
        list[str] | None, Query(description="May be repeated: the curves, or the metrics of the table of results")
    ] = None,
    format: Annotated[
        Literal["json", "csv", "curves"], Query(description="`csv`: the results; `curves`: every point of the metrics")
    ] = "json",
) -> Response:
    """What 1 to 20 runs came to and were set to. One that is not there is named in `missing`, the others are told."""
    wanted = _named(rooms, runs)
    if not 1 <= len(wanted) <= MOST_RUNS:
        message = f"1 to {MOST_RUNS} runs can be compared, not {len(wanted)}"
        raise FieldErrors([{"field": "runs", "message": message}])
    names = list(dict.fromkeys(metric or ()))
    views, missing = await _views(rooms, wanted)
    found = await _compared(rooms, views, names)
    if format == "json":
        told = await asyncio.to_thread(_beside, views, found, missing)
        return answer(told)
    if format == "csv":
        told = await asyncio.to_thread(_beside, views, found, missing)
        return Response(results_csv(told, names or None), media_type=_CSV, headers=_file("comparison"))
    if not names:
        raise FieldErrors([{"field": "metric", "message": "name the metrics whose curves are wanted"}])
    chunks = curves_csv(
        [(view.directory, run.name, run.started_at) for view, run in zip(views, found, strict=True)], names
    )
    # Starlette asks a plain iterator for each chunk in a thread: the loop stays free.
    return StreamingResponse(chunks, media_type=_CSV, headers=_file("curves"))


def _file(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}.csv"'}


def _named(rooms: Rooms, runs: list[str]) -> list[str]:
    """What was asked for, each once. One value alone may be a list with commas, unless a run is called so."""
    if len(runs) == 1 and "," in runs[0]:
        try:
            rooms.store.resolve(runs[0])
        except GladiusError:
            runs = runs[0].split(",")
    return list(dict.fromkeys(word.strip() for word in runs if word.strip()))


async def _views(rooms: Rooms, wanted: list[str]) -> tuple[list[RunView], list[MissingRun]]:
    views: dict[str, RunView] = {}
    missing = []
    for word in wanted:
        try:
            view = await rooms.store.view(rooms.store.resolve(word))
            views.setdefault(view.run_id, view)
        except AmbiguousRun as error:
            missing.append(MissingRun(run=word, reason="ambiguous", message=error.message))
        except GladiusError as error:
            thrown = await asyncio.to_thread(rooms.store.trash.holds, word)
            missing.append(MissingRun(run=word, reason="trash" if thrown else "not_found", message=error.message))
    return list(views.values()), missing


async def _compared(rooms: Rooms, views: list[RunView], names: list[str]) -> list[ComparedRun]:
    found = []
    for view in views:
        found.append(compared(view, (await family_of(rooms.store, view)).children, names))
        # A million points take milliseconds; sockets are served between one run and the next.
        await asyncio.sleep(0)
    return found


def _beside(views: list[RunView], found: list[ComparedRun], missing: list[MissingRun]) -> Comparison:
    """Read the configurations; one that cannot be read costs its own rows, never the comparison."""
    configs, told = {}, []
    for view, run in zip(views, found, strict=True):
        try:
            configs[view.run_id] = config(view, view.attempt)
            told.append(run)
        except ConfigError as error:
            told.append(run.model_copy(update={"config_problem": error.message}))
    names = [name for view in views for name in list(view.table.series)]
    return compare(told, configs, names, missing)
