"""Metrics as columns. Upstream: store. Downstream: charts, notebooks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.responses import Response

from gladius.server.answers import LARGEST, answer, answer_in_pieces, answer_plain, encode
from gladius.server.api import api_router
from gladius.server.rooms import TheRun
from gladius.store.points import Part, Points, spell
from gladius.store.view import RunView
from gladius.wire.runs import LatestAnswer, MetricNames, MetricsAnswer
from gladius.wire.tensors import MEDIA_TYPE, header_of

router = api_router("metrics")

_IN_LOOP_POINTS = 100_000
_FORMS: dict[int | str, dict[str, Any]] = {200: {"content": {
    "application/json": {}, MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}
}}}  # fmt: skip
_Rewound = Mapping[str, Mapping[int, Points]]
"""By name and attempt."""


@router.get("/runs/{run_id}/metrics", response_model=MetricsAnswer, responses=_FORMS)
async def get_metrics(
    run: TheRun,
    name: Annotated[list[str] | None, Query(description="May be repeated; all metrics where left out")] = None,
    max_points: Annotated[int, Query(ge=10, le=100_000)] = 2000,
    from_step: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    to_step: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    superseded: Annotated[
        bool, Query(description="Also what earlier attempts logged and later ones trained again")
    ] = False,
    format: Annotated[Literal["json", "safetensors"], Query(description=(
        "`safetensors`: the same columns, each a tensor of 64 bits named METRIC/COLUMN, or METRIC/COLUMN@ATTEMPT of what was "
        "superseded; unknown is NaN or -1. `min` and `max` are there where points were left out. The cursors are its metadata"
    ))] = "json",
) -> Response:  # fmt: skip
    """Series by name, decimated to about `max_points` points each; an unknown name has empty columns."""
    names = sorted(run.table.series) if name is None else list(dict.fromkeys(name))
    cursors = {"cursor": run.trainer.last_seq, "supervisor": run.supervisor.last_seq}
    columns: dict[str, Points] = {}
    for one in names:
        columns[one] = run.table.column(one, max_points, from_step, to_step)
        await _turn_for_others(run)
    aside: dict[str, dict[int, Points]] | None = None
    if superseded:
        aside = {}
        for one in sorted(run.table.superseded) if name is None else list(dict.fromkeys(name)):
            if attempts := run.table.superseded_columns(one, max_points, from_step, to_step):
                aside[one] = attempts
            await _turn_for_others(run)
    if format == "safetensors":
        tensors = [*_tensors(columns, aside or {})]
        kinds = ((key, part.typecode, len(part)) for key, part in tensors)
        header, size = header_of(kinds, {key: str(seq) for key, seq in cursors.items()})
        numbers = (piece.tobytes() for _, part in tensors for piece in part.pieces())
        return answer_in_pieces(chain([header], numbers), MEDIA_TYPE, size)
    return answer_in_pieces(_told(columns, cursors, aside))


async def _turn_for_others(run: RunView) -> None:
    """Let everybody else have a turn where a column is long."""
    if len(run.table.steps) > _IN_LOOP_POINTS:
        await asyncio.sleep(0)


def _tensors(columns: Mapping[str, Points], aside: _Rewound) -> Iterator[tuple[str, Part]]:
    """What is told, under names that are taken apart at their last slash, whatever stands in the name of a metric."""
    for name, points in columns.items():
        yield from ((f"{name}/{kind}", part) for kind, part in points.parts())
    for name, attempts in aside.items():
        for attempt, points in attempts.items():
            yield from ((f"{name}/{kind}@{attempt}", part) for kind, part in points.parts())


def _told(columns: Mapping[str, Points], cursors: Mapping[str, int], aside: _Rewound | None) -> Iterator[bytes]:
    yield b'{"series":'
    yield from _by_name({name: points.json() for name, points in columns.items()})
    yield b"," + encode(cursors)[1:-1] + b',"superseded":'
    yield from [b"null"] if aside is None else _by_name({name: _rewound(attempts) for name, attempts in aside.items()})
    yield b"}"


def _by_name(told: Mapping[str, Iterator[bytes]]) -> Iterator[bytes]:
    yield b"{"
    for at, (name, pieces) in enumerate(told.items()):
        yield (b"," if at else b"") + encode(name) + b":"
        yield from pieces
    yield b"}"


def _rewound(attempts: Mapping[int, Points]) -> Iterator[bytes]:
    before = b"["
    for attempt, points in attempts.items():
        pieces = points.json()
        yield before + b'{"attempt":%d,' % attempt + next(pieces)[1:]
        yield from pieces
        before = b","
    yield b"]"


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
