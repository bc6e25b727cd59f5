"""What a run came to, beside others. Upstream: view. Downstream: server (`/compare`)."""

from __future__ import annotations

import math
import re
import time
from array import array
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Literal

from gladius.store.points import spell
from gladius.store.series import MetricTable, Series
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.wire.compare import ComparedRun, MetricPlace, MetricResult, Rate
from gladius.wire.runs import Cursors
from gladius.wire.steering import ParentLink

_LOADS = "moe/load/"
"""Thousands of experts' shares are no results."""
_WORD = re.compile(r"[a-z]+")
_LOSSES = frozenset({"loss", "nll", "perplexity", "ppl"})
_RATES: tuple[tuple[Literal["tokens", "samples"], str], ...] = (
    ("tokens", "train/tokens_per_second"),
    ("samples", "train/samples_per_second"),
)

_SORTED_AT_ONCE, _SAMPLE = 50_000, 4096
_LOOKED_AT = 64
"""Points of a picture of all: the lowest and the highest are among them, however few they are."""


def better_end(name: str) -> Literal["lowest"] | None:
    """`lowest` for a loss, by the last word of its name; None where a name does not tell which end is the better one."""
    words = _WORD.findall(name.rpartition("/")[2].lower())
    return "lowest" if words and words[-1] in _LOSSES else None


def compared(view: RunView, children: Sequence[str] = (), wanted: Iterable[str] = ()) -> ComparedRun:
    """One run's results: of every metric but the experts' shares, and of those too that are `wanted` by name."""
    summary = summarize(view)
    starts = [facts.started_at for facts in view.attempts.values() if facts.started_at is not None]
    table = view.table
    names = [name for name in table.series if not name.startswith(_LOADS)]
    names += [name for name in wanted if name in table.series and name.startswith(_LOADS)]
    return ComparedRun(
        run_id=view.run_id,
        name=summary.name,
        state=summary.state,
        stalled=summary.stalled,
        suspended=summary.suspended,
        created_at=summary.created_at,
        started_at=min(starts, default=None),
        finished_at=summary.finished_at,
        seconds=_seconds(view),
        attempt=summary.attempt,
        instrumented=summary.instrumented,
        cursors=Cursors(events=view.trainer.last_seq, supervisor=view.supervisor.last_seq, console=view.console_size),
        profile_id=summary.profile_id,
        dataset_id=summary.dataset_id,
        engine=summary.engine,
        step=summary.step,
        epoch=summary.epoch,
        total_epochs=summary.total_epochs,
        best=summary.best,
        rate=_rate(table),
        changes=len(view.hyperparameters),
        parent=_parent(view.run.get("parent")),
        children=list(children),
        metrics={name: result(table, table.series[name]) for name in sorted(names) if len(table.series[name])},
    )


def result(table: MetricTable, series: Series) -> MetricResult:
    """Last, lowest and highest point of a series that has one."""
    peaks, values = series.peaks, series.values
    finite = [place for place in peaks.picks(0, len(values), _LOOKED_AT) if math.isfinite(values[place])]
    return MetricResult(
        points=len(values),
        not_finite=len(peaks.strange),
        final=_place(table, series, len(values) - 1),
        lowest=_place(table, series, min(finite, key=values.__getitem__)) if finite else None,
        highest=_place(table, series, max(finite, key=values.__getitem__)) if finite else None,
    )


def _place(table: MetricTable, series: Series, index: int) -> MetricPlace:
    row, value = series.rows[index], series.values[index]
    step, epoch = table.steps[row], table.epochs[row]
    return MetricPlace(
        value=value if math.isfinite(value) else spell(value),
        step=step if step >= 0 else None,
        epoch=epoch if epoch == epoch else None,
    )


def _seconds(view: RunView) -> float | None:
    """What all attempts took together; one that goes on counts until now."""
    taken = []
    for number, facts in view.attempts.items():
        if facts.started_at is None:
            continue
        goes_on = number == view.attempt and not view.ended
        end = (
            time.time() - view.poller.skew
            if goes_on
            else facts.finished_at
            if facts.finished_at is not None
            else facts.last_time
        )
        if end is not None:
            taken.append(max(0.0, end - facts.started_at))
    return sum(taken) if taken else None


def _rate(table: MetricTable) -> Rate | None:
    """The median of the first of these metrics that has finite values."""
    for unit, name in _RATES:
        series = table.series.get(name)
        if series is None:
            continue
        values = array("d", filter(math.isfinite, series.values)) if series.peaks.strange else series.values
        if values:
            return Rate(unit=unit, per_second=_median(values))
    return None


def _median(values: array[float]) -> float:
    """The median of finite values: where they are many, only those about the middle of a sample are sorted."""
    if len(values) > _SORTED_AT_ONCE:
        few = sorted(values[:: len(values) // _SAMPLE])
        low, high = few[len(few) * 9 // 20], few[len(few) * 11 // 20]
        below = sum(map(low.__gt__, values))
        about = sorted([value for value in values if low <= value <= high])
        left, right = (len(values) - 1) // 2 - below, len(values) // 2 - below
        if left >= 0 and right < len(about):
            return (about[left] + about[right]) / 2
    return median(values)


def _parent(raw: Any) -> ParentLink | None:
    try:
        return None if raw is None else ParentLink.model_validate(raw)
    except ValueError:
        return None
