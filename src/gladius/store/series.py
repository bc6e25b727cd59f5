"""Metrics as growing columns, and pictures of them in few points. Upstream: metrics events. Downstream: view, server.

The place of a point (step, epoch, time, log offset) is stored once per event, a point itself is a row number and a
value: 12 bytes, or 8 where rows follow each other.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, islice
from operator import lt
from typing import Any

from gladius.store.blocks import Column, Floats, MetricBlock, taken
from gladius.store.peaks import Bounds, Peaks
from gladius.store.points import Part, Points

_NO_STEP = _NEVER = -1
_AT_ONCE = 4096


class Series:
    """The points of one metric. What a columnar copy holds of them is read when somebody looks at them."""

    __slots__ = ("_blocks", "_next", "_peaks", "_rows", "_unread", "_values", "falls", "risen")

    def __init__(self) -> None:
        self._unread: list[tuple[int, Column]] = []
        self._next = 0
        """The row after the last, as long as rows follow each other; they do where every row has the metric."""
        self._rows: array[int] | None = None
        """The row of each point, where they do not."""
        self._values = array("d")
        self._blocks: Sequence[tuple[int, Callable[[], Bounds | None] | None]] = ()
        """What a copy has of the bounds of its first values, until somebody asks for them."""
        self._peaks: Peaks | None = None
        self.risen = 0
        """Points whose steps were looked at: they never fall, or `falls` is set."""
        self.falls = False

    def __len__(self) -> int:
        return sum(len(column.rows) for _, column in self._unread) + len(self._values)

    @property
    def rows(self) -> Sequence[int]:
        """The row in the table of each point, rising: a range where no row is left out."""
        self._read()
        return range(self._next - len(self._values), self._next) if self._rows is None else self._rows

    def rows_of(self, places: Iterable[int]) -> Sequence[int]:
        """The rows of some of its points."""
        rows = self.rows
        return (
            [rows.start + place for place in places] if isinstance(rows, range) else [rows[place] for place in places]
        )

    @property
    def values(self) -> array[float]:
        """The value of each point."""
        self._read()
        return self._values

    @property
    def peaks(self) -> Peaks:
        """What is lowest and highest in it."""
        values = self.values
        if self._peaks is None:
            self._peaks = Peaks(values, ((count, bounds and bounds()) for count, bounds in self._blocks))
            self._blocks = ()
        return self._peaks

    @property
    def last(self) -> float | None:
        """The newest value, None when there is none."""
        if self._values:
            return self._values[-1]
        return self._unread[-1][1].last if self._unread else None

    def add(self, row: int, value: float) -> None:
        """Append one point."""
        if row == self._next or not self._values:
            self._next = row + 1
        else:
            self._spelled_out().append(row)
        self._values.append(value)

    def add_column(self, first_row: int, column: Column) -> None:
        """Append the points of a block whose first event is row `first_row`."""
        if self._values:
            self._append(_moved(column.rows, first_row), column.values())
        else:
            self._unread.append((first_row, column))

    def take(self, other: Series, chosen: Sequence[int]) -> None:
        """Append the points of another series that are chosen: a true value for each."""
        rows = array("I", compress(other.rows, chosen))
        if rows:
            self._append(rows, array("d", compress(other.values, chosen)))

    def in_order(self) -> Series:
        """Its points as they were logged: what a later resume set aside stands behind what an earlier one did."""
        rows = self.rows
        if isinstance(rows, range) or all(map(lt, rows, islice(rows, 1, None))):
            return self
        ordered = Series()
        for row, value in sorted(zip(rows, self.values, strict=True)):
            ordered.add(row, value)
        return ordered

    def _read(self) -> None:
        if not self._unread:
            return
        whole = Series()
        for first_row, column in self._unread:
            whole._append(_moved(column.rows, first_row), column.values())
        self._blocks = [(len(column.rows), column.bounds) for _, column in self._unread]
        self._unread.clear()
        if self._values:
            whole._append(self.rows, self._values)
        self._next, self._rows, self._values = whole._next, whole._rows, whole._values[:]
        self._peaks = None  # of an empty column, if any

    def _append(self, rows: Sequence[int], values: Floats) -> None:
        if not self._values:
            self._next = rows[0]
        if rows[0] == self._next and rows[-1] - rows[0] == len(rows) - 1:
            self._next += len(rows)
        else:
            self._spelled_out().extend(rows)
        self._values.extend(values)

    def _spelled_out(self) -> array[int]:
        """The rows of what was read, one by one from now on."""
        if self._rows is None:
            self._rows, self._next = array("I", range(self._next - len(self._values), self._next)), _NEVER
        return self._rows


def _moved(rows: Sequence[int], by: int) -> Sequence[int]:
    return range(by, by + len(rows)) if isinstance(rows, range) else array("I", map(by.__add__, rows))


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
        self.steps.extend(block.steps)
        self.epochs.extend(block.epochs)
        self.times.extend(block.times)
        self.offsets.extend(block.log_offsets)
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
        gone = array("B", map(doomed, self.attempts, self.steps))
        for name, series in list(self.series.items()):
            lost = taken(gone, series.rows)
            if not any(lost):
                continue
            if keep_aside:
                self.superseded.setdefault(name, Series()).take(series, lost)
            kept = Series()
            kept.take(series, [not one for one in lost])
            self.series[name] = kept
            if not len(kept):
                del self.series[name]

    def last(self, name: str) -> float | None:
        """The newest value of a metric, None when it was never logged."""
        series = self.series.get(name)
        return None if series is None else series.last

    def log_place(self, step: int) -> tuple[int, int] | None:
        """The logged step nearest to `step` and where the log stood then; of several attempts the newest counts."""
        found, least = None, math.inf
        for end in range(len(self.steps), 0, -_AT_ONCE):
            begin = max(0, end - _AT_ONCE)
            few = self.steps[begin:end]
            if min(few) - least >= step or max(few) + least <= step:
                continue
            for row in range(end - 1, begin - 1, -1):
                away = abs(few[row - begin] - step)
                if away < least and few[row - begin] >= 0 and self.offsets[row] >= 0:
                    found, least = row, away
        return None if found is None else (self.steps[found], self.offsets[found])

    def spark(self, name: str, points: int) -> list[float]:
        """At most `points` finite values of a metric, evenly taken, the newest always among them."""
        series = self.series.get(name)
        if series is None or not len(series):
            return []
        count, values = len(series), series.values
        places = (
            range(count)
            if count <= points
            else (count - 1 - (count - 1) * i // (points - 1) for i in range(points - 1, -1, -1))
        )
        return [value for value in (values[i] for i in places) if math.isfinite(value)]

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
        found, attempts = {}, taken(self.attempts, series.rows)
        known = sorted(set(attempts))
        for attempt in known:
            part = series
            if len(known) > 1:
                part = Series()
                part.take(series, [one == attempt for one in attempts])
            found[attempt] = self._column(part.in_order(), max_points, from_step, to_step)
        return found

    def _column(self, series: Series | None, max_points: int, from_step: int | None, to_step: int | None) -> Points:
        series = Series() if series is None else series
        first, end = 0, len(series)
        if from_step is not None or to_step is not None:
            series, first, end = self._between(series, from_step or 0, math.inf if to_step is None else to_step)
        columns = {"step": self.steps, "epoch": self.epochs, "time": self.times, "log_offset": self.offsets}
        if end - first > max_points:
            picks = series.peaks.picks(first, end, max_points)
            rows, values = series.rows_of(picks), Part(taken(series.values, picks))
            bounds = [Part(array("d", column)) for column in zip(*picks.values(), strict=True)]
        else:
            rows, values, bounds = series.rows[first:end], Part(series.values, first, end), None
        return Points({name: _part(column, rows) for name, column in columns.items()}, values, bounds)

    def _between(self, series: Series, first: int, last: float) -> tuple[Series, int, int]:
        """Where the points from step `first` to `last` are: in the series itself where its steps never fall, else by themselves."""
        if self._rises(series):
            step_of = self.steps.__getitem__
            begin = bisect_left(series.rows, first, key=step_of)
            return series, begin, bisect_right(series.rows, last, begin, key=step_of)
        part = Series()
        part.take(series, [first <= step <= last for step in taken(self.steps, series.rows)])
        return part, 0, len(part)

    def _rises(self, series: Series) -> bool:
        """Whether its steps never fall; each is looked at once."""
        for begin in range(series.risen, len(series), _AT_ONCE):
            steps = taken(self.steps, series.rows[max(0, begin - 1) : begin + _AT_ONCE]).tolist()
            series.falls = series.falls or steps != sorted(steps)
        series.risen = len(series)
        return not series.falls


def _part(column: Any, rows: Sequence[int]) -> Part:
    return Part(column, rows.start, rows.stop) if isinstance(rows, range) else Part(taken(column, rows))


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
