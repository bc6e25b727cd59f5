"""Rows turned into columns on disk, since a million of them have no place in memory. Upstream: rows. Downstream: document."""

from __future__ import annotations

import math
import struct
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from gladius.exchange.rows import Row
from gladius.store.points import spelled

_CHUNK_POINTS = 512
_NONE = -1
COLUMNS = ("step", "epoch", "time", "value", "attempt", "superseded_by")
_POINT = struct.Struct("<qdddii")
_Point = tuple[int, float, float, float, int, int]


class Columns:
    """The points of every metric in one temporary file; of each metric at most 512 points wait in memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="gladius-export-")  # noqa: SIM115
        self._waiting: dict[str, list[_Point]] = {}
        self._chunks: dict[str, list[tuple[int, int]]] = {}
        self._end = 0

    def __enter__(self) -> Columns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Every metric, sorted."""
        return sorted(self._waiting)

    def take(self, rows: Iterable[Row]) -> Columns:
        """Take rows in."""
        for row in rows:
            step = _NONE if row.step is None else row.step
            epoch = math.nan if row.epoch is None else float(row.epoch)
            by = _NONE if row.superseded_by is None else row.superseded_by
            for name, value in row.values.items():
                waiting = self._waiting.setdefault(name, [])
                waiting.append((step, epoch, row.time, _as_float(value), row.attempt, by))
                if len(waiting) >= _CHUNK_POINTS:
                    self._put(name, waiting)
        return self

    def column(self, name: str, key: str) -> Iterator[list[Any]]:
        """Yield one column of a metric, some hundred values at a time; what is unknown is None."""
        place = COLUMNS.index(key)
        for chunk in self._read(name):
            values = [point[place] for point in chunk]
            if key == "value":
                yield spelled(values)
            elif key == "epoch":
                yield [None if value != value else value for value in values]
            elif key in ("step", "superseded_by"):
                yield [None if value == _NONE else value for value in values]
            else:
                yield values

    def _put(self, name: str, waiting: list[_Point]) -> None:
        data = b"".join(_POINT.pack(*point) for point in waiting)
        waiting.clear()
        self._file.seek(self._end)
        self._file.write(data)
        self._chunks.setdefault(name, []).append((self._end, len(data)))
        self._end += len(data)

    def _read(self, name: str) -> Iterator[Iterable[_Point]]:
        for offset, size in self._chunks.get(name, ()):
            self._file.seek(offset)
            yield _POINT.iter_unpack(self._file.read(size))
        if self._waiting[name]:
            yield self._waiting[name]


def _as_float(value: float | int | str) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if isinstance(value, int) and value > 0 else float("-inf")
