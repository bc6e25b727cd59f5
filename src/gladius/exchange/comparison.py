"""Runs beside each other: the settings that differ, and all of it as tables. Upstream: store, rows. Downstream: server (`/compare`).

The table of results is small; the curves are every point in full precision, made while they are sent.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gladius.catalog.settings import flatten
from gladius.exchange.rows import rows, survey
from gladius.exchange.table import by_step, harmless
from gladius.pulse.rundir import RunDir
from gladius.store.points import spell
from gladius.store.results import better_end
from gladius.wire.compare import ComparedMetric, ComparedRun, ComparedSetting, Comparison, MissingRun

_CHUNK_CHARS = 1 << 17


def compare(
    runs: Sequence[ComparedRun],
    configs: Mapping[str, Mapping[str, Any]],
    names: Iterable[str],
    missing: list[MissingRun],
) -> Comparison:
    """Put runs beside each other. `configs`: run id -> configuration; `names`: of every run's metrics, each as often as it is there."""
    count: dict[str, int] = {}
    for name in names:
        count[name] = count.get(name, 0) + 1
    return Comparison(
        runs=list(runs),
        missing=missing,
        metrics=[ComparedMetric(name=name, runs=n, best=better_end(name)) for name, n in sorted(count.items())],
        settings=settings(configs),
    )


def settings(configs: Mapping[str, Mapping[str, Any]]) -> list[ComparedSetting]:
    """Every key of the configurations, sorted; one that a run lacks differs from one that it has."""
    flat = {run_id: flatten(config) for run_id, config in configs.items()}
    keys = sorted({key for one in flat.values() for key in one})
    found = []
    for key in keys:
        values = {run_id: _plain(one[key]) for run_id, one in flat.items() if key in one}
        differs = len(values) < len(flat) or len({_identity(value) for value in values.values()}) > 1
        found.append(ComparedSetting(key=key, differs=differs, values=values))
    return found


def _identity(value: Any) -> str:
    """The same text for what is the same to a trainer: 1 and 1.0 are, 1 and true and "1" are not."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"number {float(value)!r}" if abs(value) < 1 << 53 else f"number {value!r}"
    if isinstance(value, list):
        return f"[{','.join(_identity(one) for one in value)}]"
    if isinstance(value, dict):
        return json.dumps({key: _identity(one) for key, one in value.items()}, sort_keys=True)
    return f"{type(value).__name__} {value!r}"


def _plain(value: Any) -> Any:
    """What JSON can say of a setting; YAML knows dates, and numbers that are none."""
    if isinstance(value, float) and not math.isfinite(value):
        return spell(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


_FACTS = (
    "run_id", "name", "state", "profile_id", "dataset_id", "engine", "started_at", "finished_at", "seconds", "attempts",
    "step", "epoch", "best_name", "best", "best_epoch", "tokens_per_second", "samples_per_second", "changes", "parent",
)  # fmt: skip


def results_csv(found: Comparison, wanted: Sequence[str] | None = None) -> str:
    """A row for each run: what is known of it, its metrics (all, or those wanted), and the settings that differ."""
    names = [one.name for one in found.metrics if any(one.name in run.metrics for run in found.runs)]
    names = names if wanted is None else [name for name in wanted if name in names]
    differing = [one for one in found.settings if one.differs]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [f"{name} {end}" for name in names for end in ("final", "lowest", "lowest step", "highest", "highest step")]
    writer.writerow([*_FACTS, *map(harmless, heads), *(f"config {one.key}" for one in differing)])
    for run in found.runs:
        cells = [cell for name in names for cell in _ends(run, name)]
        settled = [_cell(one.values[run.run_id]) if run.run_id in one.values else None for one in differing]
        writer.writerow([harmless(cell) for cell in (*_facts(run), *cells, *settled)])
    return text.getvalue()


def _facts(run: ComparedRun) -> list[Any]:
    best, rate = run.best, run.rate
    return [
        run.run_id, run.name, run.state, run.profile_id, run.dataset_id, run.engine, run.started_at, run.finished_at,
        run.seconds, run.attempt, run.step, run.epoch, best and best.name, best and best.value, best and best.epoch,
        rate.per_second if rate and rate.unit == "tokens" else None,
        rate.per_second if rate and rate.unit == "samples" else None,
        run.changes, run.parent and run.parent.run_id,
    ]  # fmt: skip


def _ends(run: ComparedRun, name: str) -> list[Any]:
    found = run.metrics.get(name)
    if found is None:
        return [None] * 5
    ends = [(place.value, place.step) if place else (None, None) for place in (found.lowest, found.highest)]
    return [found.final.value, *ends[0], *ends[1]]


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) or value is None else value


def curves_csv(found: Sequence[tuple[RunDir, str, float | None]], wanted: Sequence[str]) -> Iterator[bytes]:
    """Yield every point of the `wanted` metrics, a row for each step of a run, in full precision; rewound points are left out.

    `found`: directory, name and start of each run; `seconds` counts from that start.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run_id", "name", "step", "epoch", "time", "seconds", "attempt", *map(harmless, wanted)])
    for directory, name, start in found:
        for row in by_step(rows(survey(directory))):
            if row.superseded_by is not None or row.values.keys().isdisjoint(wanted):
                continue
            seconds = None if start is None else row.time - start
            values = (row.values.get(one) for one in wanted)
            writer.writerow(
                [directory.run_id, harmless(name), row.step, row.epoch, row.time, seconds, row.attempt, *values]
            )
            if text.tell() >= _CHUNK_CHARS:
                yield text.getvalue().encode()
                text.seek(0)
                text.truncate()
    yield text.getvalue().encode()
