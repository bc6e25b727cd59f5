"""One metric in few points, and how they are told. Upstream: series. Downstream: server, scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gladius.store.blocks import Floats, Wholes
from gladius.wire.base import NonFinite

_AT_ONCE = 2048
_VALUES = ("value", "min", "max")
_encode = msgspec.json.Encoder().encode


class Part:
    """Numbers of a column from one place to another: copied a few at a time as they are told, for what grows cannot lend them."""

    def __init__(self, column: Wholes | Floats, first: int = 0, end: int | None = None) -> None:
        self._column, self._first, self._end = column, first, len(column) if end is None else end
        self.typecode = column.typecode

    def __len__(self) -> int:
        return self._end - self._first

    def pieces(self) -> Iterator[Wholes | Floats]:
        """All of them, in pieces that fit a processor's cache: as one, fresh memory costs more than its numbers."""
        for first in range(self._first, self._end, _AT_ONCE):
            yield self._column[first : min(first + _AT_ONCE, self._end)]

    @property
    def is_unknown(self) -> bool:
        """Whether there are points and none of them has this place: compared as bytes, which costs next to nothing."""
        if not len(self):
            return False
        first = self._column[self._first]
        if first >= 0 or (first == first and self.typecode == "d"):
            return False
        words = memoryview(self._column)[self._first : self._end].cast("B").cast("Q")
        return words[1:] == words[:-1]


class Points(Mapping[str, list[Any] | None]):
    """Columns of equal length, see `wire.runs.Column`: lists where one is asked for, or all of it as JSON.

    Where points were left out, `value` is a real point of its bucket, `min` and `max` bound the bucket. A column that would
    say nothing is None: these two where no point was left out, a place that no point has. The run may go on while they are
    told, for its columns only grow.
    """

    def __init__(self, places: Mapping[str, Part], values: Part, bounds: Sequence[Part] | None) -> None:
        lows, highs = bounds or (None, None)
        known = {name: None if part.is_unknown else part for name, part in places.items()}
        self._columns = {**known, "value": values, "min": lows, "max": highs}

    def __getitem__(self, name: str) -> list[Any] | None:
        part = self._columns[name]
        return None if part is None else [one for piece in part.pieces() for one in _plain(name, piece)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def parts(self) -> Iterator[tuple[str, Part]]:
        """The columns that there are, as they lie in memory: a place that is not known is NaN or -1."""
        return ((name, part) for name, part in self._columns.items() if part is not None)

    def json(self) -> Iterator[bytes]:
        """Yield it in pieces."""
        before = b"{"
        for name, part in self._columns.items():
            yield before + _encode(name) + b":"
            yield from [b"null"] if part is None else _list(name, part)
            before = b","
        yield b"}"


def _list(name: str, part: Part) -> Iterator[bytes]:
    before = b"["
    for piece in part.pieces():
        yield before
        yield _told(name, piece)[1:-1]
        before = b","
    yield b"]" if len(part) else b"[]"


def _told(name: str, numbers: Any) -> bytes:
    """What `_plain` has, without looking at each number: msgspec says null for one that is not finite."""
    text = _encode(numbers.tolist())
    if numbers.typecode == "q":
        return text.replace(b"-1", b"null")
    return _encode(_plain(name, numbers)) if name in _VALUES and b"null" in text else text


def _plain(name: str, numbers: Any) -> list[Any]:
    """As JSON has them: a place that is not known (NaN, -1) is None, a value that is no number its name."""
    told: list[Any] = numbers.tolist()
    if name in _VALUES:
        return spelled(told)
    return [None if one != one or (one < 0 and numbers.typecode == "q") else one for one in told]


def spelled(values: list[float]) -> list[float | NonFinite]:
    """Replace what JSON cannot say by its name."""
    return [value if math.isfinite(value) else spell(value) for value in values]


def spell(value: float) -> NonFinite:
    """Return the name of a number that is not finite."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
