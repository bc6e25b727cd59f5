"""Rows turned into columns on disk, since a million of them have no place in memory. Upstream: rows. Downstream: document."""

from __future__ import annotations

import math
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from gladius.exchange.rows import Row
from gladius.store.points import spelled

_CHUNK_POINTS = 512
_NONE = -1
_BYTES = 8
_CODES = {"step": "q", "epoch": "d", "time": "d", "value": "d", "attempt": "q", "superseded_by": "q"}
COLUMNS = tuple(_CODES)
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
        for values in self._read(name, key):
            if key == "value":
                yield spelled(values)
            elif key == "epoch":
                yield [None if value != value else value for value in values]
            elif key in ("step", "superseded_by"):
                yield [None if value == _NONE else value for value in values]
            else:
                yield values

    def _put(self, name: str, waiting: list[_Point]) -> None:
        columns = zip(_CODES.values(), zip(*waiting, strict=True), strict=True)
        self._file.seek(self._end)
        self._file.write(b"".join(array(code, column).tobytes() for code, column in columns))
        self._chunks.setdefault(name, []).append((self._end, len(waiting)))
        self._end += _BYTES * len(COLUMNS) * len(waiting)
        waiting.clear()

    def _read(self, name: str, key: str) -> Iterator[list[Any]]:
        place = COLUMNS.index(key)
        for offset, count in self._chunks.get(name, ()):
            self._file.seek(offset + _BYTES * count * place)
            yield array(_CODES[key], self._file.read(_BYTES * count)).tolist()
        if self._waiting[name]:
            yield [point[place] for point in self._waiting[name]]


def _as_float(value: float | int | str) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if isinstance(value, int) and value > 0 else float("-inf")
