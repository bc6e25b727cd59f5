"""One metric in few points, and how they are told. Upstream: series. Downstream: server, scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gladius.store.blocks import Floats, Wholes
from gladius.wire.base import NonFinite

_AT_ONCE = 2048
_KEPT_NON_FINITE = 200
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


def _pieces(name: str, numbers: Any) -> Iterator[bytes]:
    for first in range(0, len(numbers), _AT_ONCE):
        if first:
            yield b","
        yield _encode(_plain(name, numbers[first : first + _AT_ONCE]))[1:-1]


def _plain(name: str, numbers: Any) -> list[Any]:
    """As JSON has them: a place that is not known is None (it is NaN or below zero), a value that is no number its name."""
    if name in ("value", "min", "max"):
        return numbers.tolist() if np.isfinite(numbers).all() else spelled(numbers.tolist())
    unknown = ~(numbers >= 0) if numbers.dtype.kind == "i" else np.isnan(numbers)
    if unknown.all():
        return [None] * len(numbers)
    told: list[Any] = numbers.tolist()
    return [None if gone else one for one, gone in zip(told, unknown.tolist(), strict=True)] if unknown.any() else told


def thinned(steps: Wholes, values: Floats, max_points: int) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Which of more points to tell (MinMaxLTTB), and the bounds of their buckets.

    Points that are not finite stay in (the first 200 of them), for they are what somebody looks for.
    """
    picks = _pick(steps, values, max_points)
    edges = np.concatenate(([0], picks[1:]))
    return picks, np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)


def _pick(steps: Any, values: Any, max_points: int) -> Any:
    """Choose the indices of the points to show, rising."""
    known = np.isfinite(values)
    if known.all():
        return _sampled(steps, values, max_points)
    finite, strange = np.flatnonzero(known), np.flatnonzero(~known)[:_KEPT_NON_FINITE]
    if len(finite) > max_points:
        finite = finite[_sampled(steps[finite], values[finite], max_points)]
    return np.union1d(finite, strange)


def _sampled(steps: Any, values: Any, max_points: int) -> Any:
    from tsdownsample import MinMaxLTTBDownsampler

    sampler, values = MinMaxLTTBDownsampler(), np.ascontiguousarray(values)
    rising = bool((steps[1:] >= steps[:-1]).all())
    places = (steps.astype(np.float64), values) if rising else (values,)
    return np.unique(sampler.downsample(*places, n_out=max_points).astype(np.int64))


def spelled(values: list[float]) -> list[float | NonFinite]:
    """Replace what JSON cannot say by its name."""
    return [value if math.isfinite(value) else spell(value) for value in values]


def spell(value: float) -> NonFinite:
    """Return the name of a number that is not finite."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
