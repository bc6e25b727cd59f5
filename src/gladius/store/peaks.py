"""The lowest and highest of each stretch of a growing column, so that few points show a million. Upstream: series. Downstream: points.

Stretches are summed up once, as the column grows: a closer look, wherever it is, costs what it tells and what is new.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import TypeAlias

from gladius.store.blocks import Floats

_WIDTH = 16
"""Values of a stretch; those that came as one block end with it, so that its last may be shorter."""
_LEVELS = 8
"""The values, their stretches, and stretches of stretches."""
_STEP = 4
_LEAST = 2
"""A bucket has at least so many stretches, or its width would be far from the one that is wanted."""
_KEPT_STRANGE = 200
_ABOVE_ALL, _BELOW_ALL = math.inf, -math.inf
"""The lowest and the highest of a stretch that has no finite value."""

Bounds: TypeAlias = "tuple[array[float], array[float]]"
"""The lowest and the highest of each stretch."""
Picks = dict[int, tuple[float, float]]
"""Place of each point that is told, rising -> the lowest and the highest finite value of its bucket."""


class Peaks:
    """What is remembered of one column, which may only grow."""

    def __init__(self, values: Floats, known: Iterable[tuple[int, Bounds | None]] = ()) -> None:
        """`known`: how the column begins, by blocks of finite values: how many each has, and their bounds where they are known."""
        self._values = values
        self._strange: list[int] = []
        self._starts = array("I", [0])
        self._lows = (values, *(array("d") for _ in range(1, _LEVELS)))
        self._highs = (values, *(array("d") for _ in range(1, _LEVELS)))
        for count, bounds in known:
            self._add(self._starts[-1] + count, bounds)
        self._seen = self._starts[-1]

    @property
    def strange(self) -> Sequence[int]:
        """The places of values that are not finite."""
        self._grow()
        return self._strange

    def picks(self, begin: int, end: int, most: int) -> Picks:
        """At most `most` of the points from `begin` to `end`: the lowest and the highest of each bucket, and both ends.

        Buckets are about equally wide, and those of one width stay where they are while the column grows. Points that are not
        finite are told beside them, the first 200, for they are what somebody looks for; they and the ends may be their own
        bounds. `most` is at least 8.
        """
        self._grow()
        values = self._values
        level, size, whole, inner = self._cut(begin, end, max(1, most // 2 - 3))
        found = {begin: (values[begin], values[begin])}
        found |= self._buckets(0, begin, inner.start, inner.start - begin)
        found |= self._buckets(level, whole.start, whole.stop, size)
        found |= self._buckets(0, inner.stop, end, end - inner.stop)
        found.setdefault(end - 1, (values[end - 1], values[end - 1]))
        strange = self._strange_within(begin, end)[:_KEPT_STRANGE]
        found.update((place, (values[place], values[place])) for place in strange)
        return dict(sorted(found.items())) if strange else found

    def _cut(self, begin: int, end: int, buckets: int) -> tuple[int, int, range, range]:
        """Whole buckets within a window: their level, how many of its stretches each has, which those are, and their values."""
        level, size, first, last = 0, -(-(end - begin) // buckets), begin, end
        if size >= _LEAST * _WIDTH:
            first, last = bisect_left(self._starts, begin), bisect_right(self._starts, end) - 1
            wanted = max(1, -(-(last - first) // buckets))
            level = 1 + sum(_STEP**more * _LEAST <= wanted for more in range(1, _LEVELS - 1))
            size = -(-wanted // _STEP ** (level - 1))
        unit = size * _STEP ** max(0, level - 1)
        first, last = -(-first // unit) * unit, last // unit * unit
        if first >= last:
            return 0, 1, range(0), range(end, end)
        inner = range(self._starts[first], self._starts[last]) if level else range(first, last)
        return level, size, range(first * size // unit, last * size // unit), inner

    def _buckets(self, level: int, begin: int, end: int, size: int) -> Picks:
        """Of each `size` stretches of a level the lowest and highest value; `begin` and `end` count stretches."""
        if begin >= end:
            return {}
        lows, highs = self._bounds(level, begin, end)
        low, high = list(map(min, _by(size, lows))), list(map(max, _by(size, highs)))
        starts = list(range(begin, end, size))
        if _ABOVE_ALL in low:
            known = [bound != _ABOVE_ALL for bound in low]
            low, high, starts = [*compress(low, known)], [*compress(high, known)], [*compress(starts, known)]
        found: Picks = {}
        at_low = self._places(self._lows, low, level, starts, size)
        at_high = self._places(self._highs, high, level, starts, size)
        for one, other, bounds in zip(at_low, at_high, zip(low, high, strict=True), strict=True):
            found[one if one < other else other] = found[other if one < other else one] = bounds
        return found

    def _bounds(self, level: int, begin: int, end: int) -> tuple[Floats, Floats]:
        """The lowest and highest of each stretch. Of level 0 both are the value itself, or nothing of one that is not finite."""
        lows, highs = self._lows[level][begin:end], self._highs[level][begin:end]
        for place in self._strange_within(begin, end) if level == 0 else ():
            lows[place - begin], highs[place - begin] = _ABOVE_ALL, _BELOW_ALL
        return lows, highs

    def _strange_within(self, begin: int, end: int) -> list[int]:
        return self._strange[bisect_left(self._strange, begin) : bisect_left(self._strange, end)]

    def _grow(self) -> None:
        """Take in what the column has more by now."""
        if self._seen < len(self._values):
            fresh = self._values[self._seen :]
            if not math.isfinite(sum(fresh)):
                self._strange += [place for place, value in enumerate(fresh, self._seen) if not math.isfinite(value)]
            self._seen = len(self._values)
        self._add(self._starts[-1] + (self._seen - self._starts[-1]) // _WIDTH * _WIDTH)
        for level in range(2, _LEVELS):
            lows, highs, below = self._lows[level], self._highs[level], level - 1
            begin, end = len(lows) * _STEP, len(self._lows[below]) // _STEP * _STEP
            if begin == end:
                return
            lows.extend(map(min, _by(_STEP, self._lows[below][begin:end])))
            highs.extend(map(max, _by(_STEP, self._highs[below][begin:end])))

    def _add(self, end: int, bounds: Bounds | None = None) -> None:
        """Sum up the values before `end` that are not yet summed up."""
        begin = self._starts[-1]
        if begin < end:
            lows, highs = bounds or bounds_of(*self._bounds(0, begin, end))
            self._lows[1].extend(lows)
            self._highs[1].extend(highs)
            self._starts.extend(range(begin + _WIDTH, end, _WIDTH))
            self._starts.append(end)

    def _places(
        self, levels: Sequence[Floats], bounds: Sequence[float], level: int, starts: list[int], size: int
    ) -> Iterable[int]:
        """Where each bound stands among the values, looked for from its stretches of a level downwards."""
        places = map(levels[level].index, bounds, starts, [start + size for start in starts])
        for below in range(level - 1, -1, -1):
            if below:
                starts = [place * _STEP for place in places]
                ends = [start + _STEP for start in starts]
            else:
                inner = [*places]
                starts, ends = [self._starts[one] for one in inner], [self._starts[one + 1] for one in inner]
            places = map(levels[below].index, bounds, starts, ends)
        return places


def stretches(count: int) -> int:
    """How many a block of so many values has."""
    return -(-count // _WIDTH)


def bounds_of(lows: Floats, highs: Floats) -> Bounds:
    """The bounds of each stretch of a block; twice the same values where all of them are finite."""
    even = len(lows) // _WIDTH * _WIDTH
    low, high = array("d", map(min, _by(_WIDTH, lows[:even]))), array("d", map(max, _by(_WIDTH, highs[:even])))
    if even < len(lows):
        low.append(min(lows[even:]))
        high.append(max(highs[even:]))
    return low, high


def _by(size: int, values: Iterable[float]) -> Iterable[tuple[float, ...]]:
    """The values in groups of `size`; they come out even."""
    return zip(*[iter(values)] * size, strict=True)
