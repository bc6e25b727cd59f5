"""The lowest and highest of each stretch of a growing column, so that few points show a million. Upstream: series. Downstream: points.

Stretches are summed up once, as the column grows: a closer look, wherever it is, costs what it tells and what is new.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import TypeAlias

_WIDTHS = (1, 16, 64, 256, 1024, 4096, 16384, 65536)
"""Values of a stretch, level by level: the first are the values themselves."""
_STRETCHES = 2
"""A bucket has at least so many stretches, or its width would be far from the one that is wanted."""
_KEPT_STRANGE = 200
_ABOVE_ALL, _BELOW_ALL = math.inf, -math.inf
"""The lowest and the highest of a stretch that has no finite value."""

Floats: TypeAlias = "array[float]"
Picks = dict[int, tuple[float, float]]
"""Place of each point that is told, rising -> the lowest and the highest finite value of its bucket."""


class Peaks:
    """What is remembered of one column, which may only grow."""

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._seen = 0
        self._strange: list[int] = []
        self._lows = (values, *(array("d") for _ in _WIDTHS[1:]))
        self._highs = (values, *(array("d") for _ in _WIDTHS[1:]))

    @property
    def strange(self) -> Sequence[int]:
        """The places of values that are not finite."""
        self._grow()
        return self._strange

    def picks(self, begin: int, end: int, most: int) -> Picks:
        """At most `most` of the points from `begin` to `end`: the lowest and the highest of each bucket, and both ends.

        All buckets have one width, and stay where they are while the column grows. Points that are not finite are told beside
        them, the first 200, for they are what somebody looks for; they and the ends may be their own bounds.
        """
        self._grow()
        values, wanted = self._values, -(-(end - begin) // max(1, most // 2 - 2))
        level = sum(width * _STRETCHES <= wanted for width in _WIDTHS[1:])
        size = -(-wanted // _WIDTHS[level])
        first, last = -(-begin // (size * _WIDTHS[level])), end // (size * _WIDTHS[level])
        inner = (first * size * _WIDTHS[level], last * size * _WIDTHS[level]) if first < last else (end, end)
        found = {begin: (values[begin], values[begin])}
        found |= self._buckets(0, begin, inner[0], inner[0] - begin)
        found |= self._buckets(level, first * size, last * size, size)
        found |= self._buckets(0, inner[1], end, end - inner[1])
        found.setdefault(end - 1, (values[end - 1], values[end - 1]))
        strange = self._strange_within(begin, end)[:_KEPT_STRANGE]
        found.update((place, (values[place], values[place])) for place in strange)
        return dict(sorted(found.items())) if strange else found

    def _buckets(self, level: int, begin: int, end: int, size: int) -> Picks:
        """Of each `size` stretches of a level the lowest and highest value; `begin` and `end` count stretches."""
        if begin >= end:
            return {}
        lows, highs = self._bounds(level, begin, end)
        low, high, starts = (
            list(map(min, _by(size, lows))),
            list(map(max, _by(size, highs))),
            list(range(begin, end, size)),
        )
        if _ABOVE_ALL in low:
            known = [bound != _ABOVE_ALL for bound in low]
            low, high, starts = [*compress(low, known)], [*compress(high, known)], [*compress(starts, known)]
        found: Picks = {}
        at_low, at_high = _places(self._lows, low, level, starts, size), _places(self._highs, high, level, starts, size)
        for one, other, bounds in zip(at_low, at_high, zip(low, high, strict=True), strict=True):
            found[one if one < other else other] = found[other if one < other else one] = bounds
        return found

    def _bounds(self, level: int, begin: int, end: int) -> tuple[Floats, Floats]:
        """The lowest and highest of each stretch; both the same array where each is one finite value."""
        lows, highs = self._lows[level][begin:end], self._highs[level][begin:end]
        for place in self._strange_within(begin, end) if level == 0 else ():
            lows[place - begin], highs[place - begin] = _ABOVE_ALL, _BELOW_ALL
        return lows, highs

    def _strange_within(self, begin: int, end: int) -> list[int]:
        return self._strange[bisect_left(self._strange, begin) : bisect_left(self._strange, end)]

    def _grow(self) -> None:
        """Take in what the column has more by now."""
        if self._seen == len(self._values):
            return
        fresh = self._values[self._seen :]
        if not math.isfinite(sum(fresh)):
            self._strange += [place for place, value in enumerate(fresh, self._seen) if not math.isfinite(value)]
        self._seen = len(self._values)
        for level, below in enumerate(_WIDTHS[:-1]):
            size = _WIDTHS[level + 1] // below
            lows, highs = self._lows[level + 1], self._highs[level + 1]
            begin, end = len(lows) * size, len(self._lows[level]) // size * size
            if begin == end:
                return
            fresh_lows, fresh_highs = self._bounds(level, begin, end)
            lows.extend(map(min, _by(size, fresh_lows)))
            highs.extend(map(max, _by(size, fresh_highs)))


def _by(size: int, values: Iterable[float]) -> Iterable[tuple[float, ...]]:
    """The values in groups of `size`; they come out even."""
    return zip(*[iter(values)] * size, strict=True)


def _places(
    levels: Sequence[Floats], bounds: Sequence[float], level: int, starts: Iterable[int], size: int
) -> Iterable[int]:
    """Where each bound stands among the values, looked for from its stretches of a level downwards."""
    starts = list(starts)
    places = map(levels[level].index, bounds, starts, [start + size for start in starts])
    for below in range(level - 1, -1, -1):
        size = _WIDTHS[below + 1] // _WIDTHS[below]
        starts = [place * size for place in places]
        places = map(levels[below].index, bounds, starts, [start + size for start in starts])
    return places
