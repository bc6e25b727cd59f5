"""Rules on a run's numbers: experts, throughput, a loss that is no number. Upstream: metrics. Downstream: tracker."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gladius.alerts.latch import Signal
from gladius.store.experts import ExpertLoad
from gladius.store.facts import LOSS
from gladius.store.view import RunView
from gladius.wire.settings import Thresholds

WINDOW_S = 240.0
LEAST_POINTS = 6
LEAST_SPAN_S = 60.0
LEAST_RECENT = 3
RECOVERED = 0.5
"""An alert on throughput ends when at most half of the drop that began it is left."""
EVENER = 0.8
"""One on imbalance, when it fell below this part of its threshold."""
REPLAYED_ROWS = 1000
_UNITS = (("train/tokens_per_second", "tokens"), ("train/samples_per_second", "samples"))
_BAD_LOSS = re.compile(r"(NaN|infinite) since step (\d+)")


def experts(load: ExpertLoad, limits: Thresholds) -> Iterator[Signal]:
    """What the last window of a mixture of experts says."""
    mark = _mark(-1 if load.step is None else load.step, load.time)
    uneven, limit, hold = load.imbalance, limits.expert_imbalance, limits.expert_imbalance_seconds
    if uneven is not None:
        yield Signal(
            "expert_imbalance", load.time, mark, wrong=uneven > limit, right=uneven <= EVENER * limit, step=load.step,
            data={"layer": load.worst_layer, "imbalance": uneven, "limit": limit, "seconds": hold}, value=uneven,
            threshold=limit, badness=uneven, grain=0.05, hold_s=hold, release_s=hold,
        )  # fmt: skip
    dead = [one for one in load.dead if load.time - one.since >= limits.dead_experts_seconds]
    yield Signal(
        "dead_experts", load.time, mark, wrong=bool(dead), right=not dead, step=load.step, value=len(dead), threshold=0,
        data={
            "count": len(dead), "experts": load.experts, "layers": sorted({one.layer for one in dead}),
            "places": [[one.layer, one.expert] for one in dead[:100]],
        },
        badness=len(dead),
    )  # fmt: skip


class Throughput:
    """The pace of the last seconds against the average of the last four minutes, over the points logged while it ran.

    Points are summed up by the second. The first point after another state tells of an interval with a hold in it, and
    does not count. Nothing is judged before 6 points over a minute, at least 3 of them recent.
    """

    def __init__(self) -> None:
        self._row = -1
        self._seconds: deque[list[float]] = deque()
        self._sum, self._count = 0.0, 0.0
        self._last = 0.0

    def judge(self, view: RunView, limits: Thresholds, fills: bool = False) -> Iterator[Signal]:
        """What the points say that came since the last call. With `fills` they are the past, and only fill the window."""
        name, unit = next(((name, unit) for name, unit in _UNITS if name in view.table.series), ("", ""))
        series, table = view.table.series.get(name), view.table
        runs = view.state == "running"
        if series is not None and len(series) and series.rows[-1] > self._row:
            first = bisect_right(series.rows, self._row)
            if fills:
                # Which states lay between the points of the past is not known.
                first = bisect_left(series.rows, table.times[series.rows[-1]] - WINDOW_S, key=table.times.__getitem__)
            for place in range(first, len(series)):
                row = series.rows[place]
                counts = self._counts(view, row, series.values[place])
                self._row, self._last = row, table.times[row]
                if counts and (runs or fills):
                    self._add(self._last, series.values[place])
                    if not fills:
                        yield from self._signal(self._last, table.steps[row], unit, limits)
        if not runs:
            yield Signal("slow_throughput", self._last, "", wrong=False, right=True)

    def _counts(self, view: RunView, row: int, value: float) -> bool:
        moved = view.current.state_time
        held = moved is not None and self._last <= moved < view.table.times[row]
        return not held and math.isfinite(value) and view.table.attempts[row] == view.attempt

    def _add(self, at: float, value: float) -> None:
        if not self._seconds or at >= self._seconds[-1][0] + 1:
            self._seconds.append([math.floor(at), 0.0, 0.0])
        self._seconds[-1][1] += value
        self._seconds[-1][2] += 1
        self._sum += value
        self._count += 1
        while self._seconds[0][0] < at - WINDOW_S:
            _, gone, count = self._seconds.popleft()
            self._sum -= gone
            self._count -= count

    def _signal(self, at: float, step: int, unit: str, limits: Thresholds) -> Iterator[Signal]:
        if self._count < LEAST_POINTS or at - self._seconds[0][0] < LEAST_SPAN_S:
            return
        total = count = 0.0
        for second, part, points in reversed(self._seconds):
            if second < at - limits.slow_throughput_seconds and count >= LEAST_RECENT:
                break
            total, count = total + part, count + points
        average, current = self._sum / self._count, total / count
        if average <= 0:
            return
        drop = 1 - current / average
        yield Signal(
            "slow_throughput", at, _mark(step, at), wrong=drop > limits.slow_throughput,
            right=drop <= RECOVERED * limits.slow_throughput, step=step if step >= 0 else None,
            data={"current": current, "average": average, "percent": round(100 * drop, 1), "unit": unit},
            value=current, threshold=(1 - limits.slow_throughput) * average, badness=drop, grain=0.05,
        )  # fmt: skip


class Loss:
    """Whether the loss is a number: by the trainer's own word, which may know of each step, and by what was logged."""

    def __init__(self) -> None:
        self._row = -1
        self._doubt = False

    def judge(self, view: RunView, told: Sequence[Mapping[str, Any]]) -> Iterator[Signal]:
        """What the losses logged since the last call say, and the trainer's alerts among them, in the order of time."""
        facts: list[tuple[float, Signal]] = [(float(event["time"]), _told(view.run_id, event)) for event in told]
        facts += [(signal.at, signal) for signal in self._logged(view)]
        for _, signal in sorted(facts, key=lambda one: one[0]):
            if signal.id:
                # What is logged next may be an average that hides it.
                self._doubt = True
            elif signal.wrong:
                self._doubt = False
            elif self._doubt:
                self._doubt = False
                continue
            yield signal

    def _logged(self, view: RunView) -> Iterator[Signal]:
        series, table = view.table.series.get(LOSS), view.table
        if series is None or not len(series) or series.rows[-1] <= self._row:
            return
        for place in range(max(bisect_right(series.rows, self._row), len(series) - REPLAYED_ROWS), len(series)):
            row, value = series.rows[place], series.values[place]
            if table.attempts[row] == view.attempt:
                yield _loss(table.times[row], table.steps[row], value)
        self._row = series.rows[-1]


def _loss(at: float, step: int, value: float) -> Signal:
    fine, known = math.isfinite(value), step if step >= 0 else None
    return Signal(
        "non_finite_loss", at, _mark(step, at), wrong=not fine, right=fine, level="critical", step=known,
        data={"kind": "nan" if value != value else "infinite", "step": known},
    )  # fmt: skip


def _mark(step: int, at: float) -> str:
    """The moment's name: its step, else its time in milliseconds."""
    return f"s{step}" if step >= 0 else f"m{at * 1000:.0f}"


def _told(run_id: str, event: Mapping[str, Any]) -> Signal:
    """The trainer's own alert: `loss is NaN since step 5`."""
    found = _BAD_LOSS.search(str(event["message"]))
    step = int(found[2]) if found else None
    data = {"kind": "nan" if found[1] == "NaN" else "infinite", "step": step} if found else {}
    return Signal(
        "non_finite_loss", float(event["time"]), "", wrong=True, right=False, level="critical", step=step, data=data,
        value=event.get("value"), id=f"{run_id}~{event['stream']}~{event['seq']}", message="" if found else str(event["message"]),
    )  # fmt: skip
