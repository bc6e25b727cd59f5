"""How fast a run goes, what its epochs were worth, and when it will be done. Upstream: metrics events. Downstream: summary."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import compress, islice
from operator import add, eq, itemgetter, lt, sub, truediv
from statistics import median

from gladius.store.blocks import Floats, MetricBlock, Wholes, taken

MEDIAN_STEPS = 200
MIN_STEPS = 20
_UNKNOWN = array("d", [math.nan]).tobytes()
_STEPS, _SECONDS = itemgetter(0), itemgetter(1)


@dataclass
class Pause:
    """The validations, or the checkpoints, of one attempt: what they cost and how often they come."""

    durations: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def add(self, seconds: float, step: int) -> None:
        """Note one that ended at `step`."""
        self.durations.append(seconds)
        self.steps.append(step)
        del self.durations[:-50], self.steps[:-50]

    def still_to_come(self, first_step: int, step: int, total_steps: float) -> float:
        """Seconds that those before `total_steps` will cost, by the cadence so far; 0 where none was measured."""
        if not self.steps:
            return 0.0
        cadence = (self.steps[-1] - min(first_step, self.steps[0])) / len(self.steps)
        if cadence < 1:
            return 0.0
        already = math.floor((max(step, self.steps[-1]) - self.steps[-1]) / cadence)
        return max(0, math.floor((total_steps - self.steps[-1]) / cadence + 1e-9) - already) * median(self.durations)


class Pace:
    """One attempt's clock: median step time of its last 200 steps, without the time that validations and holds took."""

    def __init__(self) -> None:
        self.validations = Pause()
        self.checkpoints = Pause()
        self.step = -1
        self.first_step: int | None = None
        self.resolution = 0.0
        """Seconds below which times mean nothing: what is read from output comes in handfuls."""
        self._epoch: float | None = None
        self._mark: tuple[int, float, float | None] = (-1, 0.0, None)
        self._interrupted = False
        self._intervals: deque[tuple[int, float, float | None]] = deque(maxlen=MEDIAN_STEPS)
        self._pause_began: tuple[str, float] | None = None

    def metrics(self, step: int | None, epoch: float | None, time: float) -> None:
        """Note a training step's metrics."""
        if step is None or step <= self.step:
            return
        first = self.first_step is None
        self.first_step = step if self.first_step is None else self.first_step
        self.step, self._epoch = step, epoch
        marked_step, marked_time, marked_epoch = self._mark
        passed = time - marked_time
        if (
            not first and not self._interrupted and passed >= 0
        ):  # else the clock was put back: how long it took nobody knows
            if passed <= self.resolution:
                return
            steps = step - marked_step
            epochs = (epoch - marked_epoch) / steps if epoch is not None and marked_epoch is not None else None
            self._intervals.append((steps, passed / steps, epochs))
        self._interrupted = False
        self._mark = (step, time, epoch)

    def take_block(self, block: MetricBlock, rows: Sequence[int]) -> None:
        """Note many events, those of `rows` being training steps. Only the last few hundred can still count in a median."""
        newest = rows[-MEDIAN_STEPS - 1 :]
        steps, times, epochs = (taken(column, newest) for column in (block.steps, block.times, block.epochs))
        if not self._follow(block, rows, steps, times):
            for row in rows:
                self.metrics(block.steps[row], _known(block.epochs[row]), block.times[row])
            return
        first = rows[0]
        self.metrics(block.steps[first], _known(block.epochs[first]), block.times[first])
        counts = [*map(sub, steps[1:], steps)]
        seconds = map(truediv, map(sub, times[1:], times), counts)
        rates = map(truediv, map(sub, epochs[1:], epochs), counts)
        self._intervals.extend(zip(counts, seconds, map(_known, rates), strict=True))
        self.step, self._epoch = steps[-1], _known(epochs[-1])
        self._mark = (self.step, times[-1], self._epoch)

    def _follow(self, block: MetricBlock, rows: Sequence[int], steps: Wholes, times: Floats) -> bool:
        """Whether a median is of the newest of these rows alone, whatever was before them."""
        if self.resolution or len(steps) <= MEDIAN_STEPS or block.steps[rows[0]] <= self.step:
            return False
        if not all(map(lt, times, times[1:])):
            return False
        if block.rises:
            return True
        return all(map(lt, steps, steps[1:])) and max(taken(block.steps, rows[: -len(steps)]), default=-1) < steps[0]

    def state(self, state: str, time: float) -> None:
        """Note that the trainer moved: what happens between two states is no step."""
        self._interrupted = True
        if self._pause_began is not None:
            name, began = self._pause_began
            (self.validations if name == "validating" else self.checkpoints).add(
                max(0.0, time - began), max(self.step, 0)
            )
            self._pause_began = None
        if state in ("validating", "checkpointing"):
            self._pause_began = (state, time)

    @property
    def steps_seen(self) -> int:
        """Steps between this attempt's first and last metrics."""
        return 0 if self.first_step is None else self.step - self.first_step + 1

    @property
    def step_seconds(self) -> float | None:
        """Median seconds of a step, weighted by steps; None before 20 steps."""
        if self.steps_seen < MIN_STEPS or not self._intervals:
            return None
        newest = [*islice(reversed(self._intervals), MEDIAN_STEPS)]
        if sum(map(_STEPS, newest)) == len(newest):
            # Every step was logged, which is the usual case and looked at for each summary.
            usual: float = sorted(map(_SECONDS, newest))[(len(newest) - 1) // 2]
            return usual
        counted, weights = 0, []
        for steps, seconds, _ in reversed(self._intervals):
            weights.append((seconds, steps))
            counted += steps
            if counted >= MEDIAN_STEPS:
                break
        weights.sort()
        half, passed = sum(steps for _, steps in weights) / 2, 0
        for seconds, steps in weights:
            passed += steps
            if passed >= half:
                return seconds
        return weights[-1][0]

    def eta(self, total_steps: int | None, total_epochs: float | None) -> float | None:
        """Seconds to the end: remaining steps x median step time + validations and checkpoints to come. Never negative."""
        seconds = self.step_seconds
        if seconds is None:
            return None
        total = float(total_steps) if total_steps else self._steps_of_epochs(total_epochs)
        if total is None:
            return None
        first = self.first_step or 0
        pauses = sum(p.still_to_come(first, self.step, total) for p in (self.validations, self.checkpoints))
        return max(0.0, (total - self.step) * seconds + pauses)

    def _steps_of_epochs(self, total_epochs: float | None) -> float | None:
        """The step at which `total_epochs` will be complete, by how epochs grew with steps."""
        rates = [rate for _, _, rate in self._intervals if rate is not None and rate > 0]
        if not rates or not total_epochs or self._epoch is None:
            return None
        return self.step + max(0.0, total_epochs - self._epoch) / median(rates)


class EpochMeans:
    """Mean of a metric over each epoch, as it grows."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[float, int]] = {}

    def add(self, epoch: float, value: float) -> None:
        """Note a finite value; one at the very end of an epoch belongs to that epoch."""
        self._add(_index(epoch), (value,))

    def add_many(self, epochs: Floats, values: Floats) -> None:
        """Note many finite values; those of no known epoch (NaN) belong to none."""
        if epochs.tobytes() == _UNKNOWN * len(epochs):
            return
        listed = epochs.tolist()
        if math.isnan(sum(listed)):
            known = [*map(eq, listed, listed)]
            listed, values = [*compress(listed, known)], array("d", compress(values, known))
        if listed != sorted(listed):
            for epoch, value in zip(listed, values, strict=True):
                self.add(epoch, value)
            return
        begin = 0
        while begin < len(listed):
            index = _index(listed[begin])
            end = bisect_right(listed, index, begin, key=_index)
            self._add(index, values[begin:end])
            begin = end

    def _add(self, index: int, values: Sequence[float]) -> None:
        # One after the other (`sum` is cleverer), so that a mean does not depend on how values were cut into blocks.
        total, count = self._sums.get(index, (0.0, 0))
        self._sums[index] = (reduce(add, values, total), count + len(values))

    @property
    def best(self) -> tuple[int, float] | None:
        """The epoch (1 is the first) with the lowest mean, and that mean."""
        means = [(total / count, index) for index, (total, count) in self._sums.items()]
        return (min(means)[1] + 1, min(means)[0]) if means else None

    @property
    def delta(self) -> float | None:
        """The newest epoch's mean minus that of the one before; None with fewer than two."""
        if not self._sums:
            return None
        newest = max(self._sums)
        before = self._sums.get(newest - 1)
        if before is None:
            return None
        total, count = self._sums[newest]
        return total / count - before[0] / before[1]


def _index(epoch: float) -> int:
    return max(0, math.ceil(epoch - 1e-9) - 1)


def _known(value: float) -> float | None:
    return value if value == value else None
