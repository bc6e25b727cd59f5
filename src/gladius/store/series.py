"""Metrics as growing columns, and pictures of them in few points. Upstream: metrics events. Downstream: view, server.

The place of a point (step, epoch, time, log offset) is stored once per event, a point itself is a row number and a
value: 12 bytes.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Callable, Iterable
from typing import Any

from gladius.store.blocks import Column, MetricBlock
from gladius.store.points import Points, thinned

_NO_STEP = -1


class Series:
    """The points of one metric. What a columnar copy holds of them is read when somebody looks at them."""

    def __init__(self) -> None:
        self._unread: list[tuple[int, Column]] = []
        self._rows = array("I")
        self._values = array("d")

    def __len__(self) -> int:
        return sum(len(column.rows) for _, column in self._unread) + len(self._rows)

    @property
    def rows(self) -> array[int]:
        """The row in the table of each point, rising."""
        self._read()
        return self._rows

    @property
    def values(self) -> array[float]:
        """The value of each point."""
        self._read()
        return self._values

    @property
    def last(self) -> float | None:
        """The newest value, None when there is none."""
        if self._values:
            return self._values[-1]
        return self._unread[-1][1].last if self._unread else None

    def add(self, row: int, value: float) -> None:
        """Append one point."""
        self._rows.append(row)
        self._values.append(value)

    def add_column(self, first_row: int, column: Column) -> None:
        """Append the points of a block whose first event is row `first_row`."""
        if self._rows:
            self._append(first_row, column)
        else:
            self._unread.append((first_row, column))

    def take(self, other: Series, chosen: list[bool]) -> None:
        """Append the chosen points of another series."""
        self.rows.extend(itertools.compress(other.rows, chosen))
        self.values.extend(itertools.compress(other.values, chosen))

    def _read(self) -> None:
        if self._unread:
            older = Series()
            for first_row, column in self._unread:
                older._append(first_row, column)
            self._rows, self._values = older._rows + self._rows, older._values + self._values
            self._unread.clear()

    def _append(self, first_row: int, column: Column) -> None:
        self._values.frombytes(column.values().tobytes())
        self._rows.frombytes((column.rows + first_row).astype(self._rows.typecode).tobytes())


class MetricTable:
    """All metrics of one run, without the points that a resume superseded."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.superseded: dict[str, Series] = {}
        self.steps = array("q")
        self.epochs = array("d")
        self.times = array("d")
        self.offsets = array("q")
        self.attempts = array("H")

    def add(
        self,
        attempt: int,
        time: float,
        step: int | None,
        epoch: float | None,
        log_offset: int | None,
        values: Iterable[tuple[str, float]],
    ) -> None:
        """Append one `metrics` event."""
        row = len(self.steps)
        self.steps.append(_NO_STEP if step is None else step)
        self.epochs.append(math.nan if epoch is None else epoch)
        self.times.append(time)
        self.offsets.append(_NO_STEP if log_offset is None else log_offset)
        self.attempts.append(min(attempt, 65535))
        for name, value in values:
            series = self.series.get(name)
            if series is None:
                series = self.series[name] = Series()
            series.add(row, value)

    def add_block(self, block: MetricBlock) -> None:
        """Append many events at once."""
        first = len(self.steps)
        self.steps.frombytes(block.steps.tobytes())
        self.epochs.frombytes(block.epochs.tobytes())
        self.times.frombytes(block.times.tobytes())
        self.offsets.frombytes(block.log_offsets.tobytes())
        self.attempts.extend(array("H", [min(block.attempt, 65535)]) * len(block))
        for column in block.columns:
            series = self.series.get(column.name)
            if series is None:
                series = self.series[column.name] = Series()
            series.add_column(first, column)

    def drop(self, doomed: Callable[[int, int], bool], keep_aside: bool = False) -> None:
        """Leave out every point for which `doomed(attempt, step)` holds; a point without a step has step -1.

        With `keep_aside` they stay to be asked for: `superseded_columns`.
        """
        steps, attempts = self.steps, self.attempts
        for name, series in list(self.series.items()):
            gone = [doomed(attempts[row], steps[row]) for row in series.rows]
            if not any(gone):
                continue
            if keep_aside:
                aside = self.superseded.setdefault(name, Series())
                aside.take(series, gone)
            kept = Series()
            kept.take(series, [not one for one in gone])
            self.series[name] = kept
            if not len(kept):
                del self.series[name]

    def last(self, name: str) -> float | None:
        """The newest value of a metric, None when it was never logged."""
        series = self.series.get(name)
        return None if series is None else series.last

    def log_place(self, step: int) -> tuple[int, int] | None:
        """The logged step nearest to `step` and where the log stood then; of several attempts the newest counts."""
        import numpy as np

        steps, offsets = np.array(self.steps), np.array(self.offsets)
        known = np.flatnonzero((steps >= 0) & (offsets >= 0))
        if not len(known):
            return None
        away = np.abs(steps[known] - step)
        row = known[np.flatnonzero(away == away.min())[-1]]
        return int(steps[row]), int(offsets[row])

    def spark(self, name: str, points: int) -> list[float]:
        """At most `points` finite values of a metric, evenly taken, the newest always among them."""
        series = self.series.get(name)
        if series is None or not len(series):
            return []
        count = len(series)
        taken = (
            range(count)
            if count <= points
            else (count - 1 - (count - 1) * i // (points - 1) for i in range(points - 1, -1, -1))
        )
        return [value for value in (series.values[i] for i in taken) if math.isfinite(value)]

    def column(self, name: str, max_points: int, from_step: int | None = None, to_step: int | None = None) -> Points:
        """Return one metric in at most about `max_points` points."""
        return self._column(self.series.get(name), max_points, from_step, to_step)

    def superseded_columns(
        self, name: str, max_points: int, from_step: int | None = None, to_step: int | None = None
    ) -> dict[int, Points]:
        """What earlier attempts logged and later ones trained again, by attempt, oldest first."""
        series = self.superseded.get(name)
        if series is None:
            return {}
        found = {}
        for attempt in sorted({self.attempts[row] for row in series.rows}):
            part = Series()
            part.take(series, [self.attempts[row] == attempt for row in series.rows])
            found[attempt] = self._column(part, max_points, from_step, to_step)
        return found

    def _column(self, series: Series | None, max_points: int, from_step: int | None, to_step: int | None) -> Points:
        import numpy as np

        series = Series() if series is None else series
        # Views of the growing arrays: none of them may outlive this call, or the arrays could not grow.
        rows: Any = np.frombuffer(series.rows, dtype=series.rows.typecode)
        values: Any = np.frombuffer(series.values)
        steps, epochs = np.frombuffer(self.steps, dtype=np.int64), np.frombuffer(self.epochs)
        times, offsets = np.frombuffer(self.times), np.frombuffer(self.offsets, dtype=np.int64)
        if from_step is not None or to_step is not None:
            inside = _between(steps[_index(rows)], from_step or 0, to_step)
            rows, values = rows[inside], values[inside]
        bounds = None
        if len(rows) > max_points:
            picks, *bounds = thinned(steps[_index(rows)], values, max_points)
            rows, values = rows[picks], values[picks]
        columns = {"step": steps, "epoch": epochs, "time": times, "log_offset": offsets}
        places = {name: np.array(column[_index(rows)]) for name, column in columns.items()}
        return Points(places, np.array(values), bounds)


def _index(rows: Any) -> Any:
    """Rows that follow each other as a slice: what is so taken is copied at once, not gathered."""
    first, last = (int(rows[0]), int(rows[-1])) if len(rows) else (0, -1)
    return slice(first, last + 1) if last - first == len(rows) - 1 else rows


def _between(steps: Any, first: int, last: int | None) -> Any:
    """An index of the points from step `first` to `last`: a slice where steps rise, else a mask."""
    import numpy as np

    if last is None:
        last = np.iinfo(np.int64).max
    if bool((steps[1:] >= steps[:-1]).all()):
        return slice(np.searchsorted(steps, first, "left"), np.searchsorted(steps, last, "right"))
    return (steps >= first) & (steps <= last)


def number(value: Any) -> float | None:
    """Read a metric's value as PULSE writes it; None when it is no number."""
    if isinstance(value, float):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return None
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else None
