"""Metrics as columns. Upstream: store. Downstream: charts, notebooks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import LARGEST, answer, answer_in_pieces, answer_plain, encode
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.store.points import Points, spell
from gladius.wire.runs import LatestAnswer, MetricNames, MetricsAnswer

router = api_router("metrics")

_IN_LOOP_POINTS = 100_000


@router.get("/runs/{run_id}/metrics", response_model=MetricsAnswer)
async def get_metrics(
    run: TheRun,
    name: Annotated[list[str] | None, Query(description="May be repeated; all metrics where left out")] = None,
    max_points: Annotated[int, Query(ge=10, le=100_000)] = 2000,
    from_step: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    to_step: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    superseded: Annotated[
        bool, Query(description="Also what earlier attempts logged and later ones trained again")
    ] = False,
) -> Response:
    """Series by name, decimated to about `max_points` points each; an unknown name has empty columns."""
    names = sorted(run.table.series) if name is None else list(dict.fromkeys(name))
    cursors = {"cursor": run.trainer.last_seq, "supervisor": run.supervisor.last_seq}
    columns: dict[str, Points] = {}
    for one in names:
        columns[one] = run.table.column(one, max_points, from_step, to_step)
        if len(run.table.steps) > _IN_LOOP_POINTS:
            await asyncio.sleep(0)
    aside = None
    if superseded:
        wanted = sorted(run.table.superseded) if name is None else list(dict.fromkeys(name))
        found = {one: run.table.superseded_columns(one, max_points, from_step, to_step) for one in wanted}
        aside = {one: attempts for one, attempts in found.items() if attempts}
    return answer_in_pieces(_told(columns, {**cursors, "superseded": aside}))


def _told(columns: Mapping[str, Points], beside: Mapping[str, Any]) -> Iterator[bytes]:
    before = b'{"series":{'
    for name, points in columns.items():
        yield before + encode(name) + b":"
        yield from points.json()
        before = b","
    yield (b"}," if columns else before + b"},") + encode(beside)[1:]


@router.get("/runs/{run_id}/metrics/names", response_model=MetricNames)
async def get_names(run: TheRun) -> Response:
    """The names of a run's metrics, sorted."""
    return answer(MetricNames(names=sorted(run.table.series)))


@router.get("/runs/{run_id}/metrics/latest", response_model=LatestAnswer)
async def get_latest(run: TheRun) -> Response:
    """The newest value of every metric: thousands of expert loads in one small answer."""
    last = {name: series.last for name, series in run.table.series.items()}
    values = {name: one if math.isfinite(one) else spell(one) for name, one in last.items() if one is not None}
    return answer_plain({"values": values, "cursor": run.trainer.last_seq, "supervisor": run.supervisor.last_seq})
