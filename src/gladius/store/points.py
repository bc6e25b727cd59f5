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


class Points(Mapping[str, list[Any] | None]):
    """Columns of equal length, see `wire.runs.Column`: lists where one is asked for, or all of it as JSON.

    Where points were left out, `value` is a real point of its bucket, `min` and `max` bound the bucket. A column that would
    say nothing is None: these two where no point was left out, a place that no point has. The numbers are its own, so that
    the run may go on while they are told.
    """

    def __init__(self, places: Mapping[str, Wholes | Floats], values: Floats, bounds: Sequence[Floats] | None) -> None:
        lows, highs = bounds or (None, None)
        told = {name: None if _is_unknown(numbers) else numbers for name, numbers in places.items()}
        self._columns = {**told, "value": values, "min": lows, "max": highs}

    def __getitem__(self, name: str) -> list[Any] | None:
        numbers = self._columns[name]
        return None if numbers is None else _plain(name, numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def numbers(self) -> Iterator[tuple[str, Wholes | Floats]]:
        """The columns that there are, as they lie in memory: a place that is not known is NaN or -1."""
        return ((name, numbers) for name, numbers in self._columns.items() if numbers is not None)

    def json(self) -> Iterator[bytes]:
        """Yield it in pieces that fit a processor's cache: as one text, its memory costs more than its numbers."""
        before = b"{"
        for name, numbers in self._columns.items():
            yield before + _encode(name) + b":"
            before = b","
            if numbers is None:
                yield b"null"
            else:
                yield b"["
                yield from _pieces(name, numbers)
                yield b"]"
        yield b"}"


def _is_unknown(numbers: Any) -> bool:
    """Whether there are points and none of them has this place: compared as bytes, which costs next to nothing."""
    if not len(numbers) or numbers[0] >= 0:
        return False
    words = memoryview(numbers).cast("B").cast("Q")
    return words[1:] == words[:-1]


def _pieces(name: str, numbers: Floats | Wholes) -> Iterator[bytes]:
    for first in range(0, len(numbers), _AT_ONCE):
        if first:
            yield b","
        yield _told(name, numbers[first : first + _AT_ONCE])[1:-1]


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
