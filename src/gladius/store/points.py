"""One metric in few points, and how they are told. Upstream: series. Downstream: server, scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from gladius.store.blocks import Floats, Wholes
from gladius.wire.base import NonFinite

_AT_ONCE = 2048
_KEPT_NON_FINITE = 200
_encode = msgspec.json.Encoder().encode


class Points(Mapping[str, list[Any]]):
    """Columns of equal length, see `wire.runs.Column`: lists where one is asked for, or all of it as JSON.

    Where points were left out, `value` is a real point of its bucket, `min` and `max` bound the bucket. The numbers are
    its own, so that the run may go on while they are told.
    """

    def __init__(self, places: Mapping[str, Wholes | Floats], values: Floats, lows: Floats, highs: Floats) -> None:
        self._columns = {**places, "value": values, "min": lows, "max": highs}

    def __getitem__(self, name: str) -> list[Any]:
        return _plain(name, self._columns[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def json(self) -> Iterator[bytes]:
        """Yield it in pieces that fit a processor's cache: as one text, its memory costs more than its numbers."""
        written: dict[int, list[bytes]] = {}
        before = b"{"
        for name, numbers in self._columns.items():
            yield before + _encode(name) + b":["
            before = b"],"
            again = written.get(id(numbers))
            if again is None:
                written.clear()
                again = written[id(numbers)] = []
                for piece in _pieces(name, numbers):
                    again.append(piece)
                    yield piece
            else:
                yield from again  # values that are their own bounds are spelled once
        yield b"]}"


def _pieces(name: str, numbers: Any) -> Iterator[bytes]:
    for first in range(0, len(numbers), _AT_ONCE):
        text = _encode(_plain(name, numbers[first : first + _AT_ONCE]))[1:-1]
        yield b"," + text if first else text


def _plain(name: str, numbers: Any) -> list[Any]:
    """As JSON has them: a place that is not known is None (it is NaN or below zero), a value that is no number its name."""
    if name in ("value", "min", "max"):
        return numbers.tolist() if np.isfinite(numbers).all() else spelled(numbers.tolist())
    unknown = ~(numbers >= 0) if numbers.dtype.kind == "i" else np.isnan(numbers)
    if unknown.all():
        return [None] * len(numbers)
    told: list[Any] = numbers.tolist()
    return [None if gone else one for one, gone in zip(told, unknown.tolist(), strict=True)] if unknown.any() else told


def points_of(places: Mapping[str, Wholes | Floats], values: Floats, max_points: int) -> Points:
    """At most about `max_points` of these points (MinMaxLTTB).

    Points that are not finite stay in (the first 200 of them), for they are what somebody looks for.
    """
    if len(values) <= max_points:
        return Points(places, values, values, values)
    picks = _pick(places["step"], values, max_points)
    edges = np.concatenate(([0], picks[1:]))
    lows, highs = np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)
    return Points({name: column[picks] for name, column in places.items()}, values[picks], lows, highs)


def _pick(steps: Any, values: Any, max_points: int) -> Any:
    """Choose the indices of the points to show, rising."""
    from tsdownsample import MinMaxLTTBDownsampler

    finite = np.flatnonzero(np.isfinite(values))
    chosen = finite
    if len(finite) > max_points:
        x = steps[finite].astype(np.float64)
        y = np.ascontiguousarray(values[finite])
        rising = bool(np.all(np.diff(x) >= 0))
        sampler = MinMaxLTTBDownsampler()
        picked = sampler.downsample(x, y, n_out=max_points) if rising else sampler.downsample(y, n_out=max_points)
        chosen = finite[picked.astype(np.int64)]
    strange = np.flatnonzero(~np.isfinite(values))[:_KEPT_NON_FINITE]
    return np.union1d(chosen, strange)


def spelled(values: list[float]) -> list[float | NonFinite]:
    """Replace what JSON cannot say by its name."""
    return [value if math.isfinite(value) else spell(value) for value in values]


def spell(value: float) -> NonFinite:
    """Return the name of a number that is not finite."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
