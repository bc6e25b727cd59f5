"""Many `metrics` lines decoded at once, as columns. Upstream: stream. Downstream: facts, the columnar copy.

A line by line reading of a million steps takes many seconds; lines that are what PULSE's own writers make are decoded
and summed up in bulk. Whatever is unusual about a line sends its whole block the slow way, which knows every case.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

MARK = b'"type":"metrics"'
LINES = 4096
_WORTH = 256
"""Fewer lines than this are not worth a block."""
_ALIKE_NAMES = 256
_NONE = -1
_MAX_WHOLE = 1 << 62

Floats = NDArray[np.float64]
Wholes = NDArray[np.int64]


class _Line(msgspec.Struct):
    seq: int
    time: float
    attempt: int
    type: Literal["metrics"]
    values: dict[str, float]
    step: int | None = None
    epoch: float | None = None
    log_offset: int | None = None


_decode = msgspec.json.Decoder(list[_Line]).decode
_decode_one = msgspec.json.Decoder(_Line).decode


@dataclass(frozen=True)
class Column:
    """One metric of a block: which rows have it (rising), its last value, and its values, read when they are asked for."""

    name: str
    rows: NDArray[np.uint32]
    last: float
    values: Callable[[], Floats]


@dataclass(frozen=True)
class MetricBlock:
    """Events of one attempt in the order of their lines. `steps` and `log_offsets` are -1 and `epochs` NaN where unknown.

    Every value of its columns is finite.
    """

    attempt: int
    seqs: Wholes
    times: Floats
    steps: Wholes
    epochs: Floats
    log_offsets: Wholes
    columns: list[Column]

    def __len__(self) -> int:
        return len(self.seqs)


def groups(lines: Sequence[bytes]) -> list[tuple[int, int, bool]]:
    """Cut `lines` into (first, end, whether it may be a block)."""
    found: list[tuple[int, int, bool]] = []
    begin = 0
    while begin < len(lines):
        metrics = MARK in lines[begin]
        end = begin + 1
        while end < len(lines) and (MARK in lines[end]) is metrics and (not metrics or end - begin < LINES):
            end += 1
        found.append((begin, end, metrics and end - begin >= _WORTH))
        begin = end
    return found


def decode_block(lines: Sequence[bytes], after_seq: int) -> MetricBlock | None:
    """Return the lines as a block; None when any of them needs a closer look."""
    text = b"[" + b",".join(lines) + b"]"
    try:
        if not text.isascii():
            text.decode()  # msgspec does not look at the letters of a field that it skips
        names = tuple(_decode_one(lines[0]).values)
        alike = _decode_alike(text, names)
        events = alike or _decode(text)
        if len(events) != len(lines):
            return None
        block = _block(events, _table(events, names) if alike else _by_shape([event.values for event in events]))
    except (ValueError, OverflowError, RecursionError):
        return None
    times, rising = block.times, np.diff(block.seqs, prepend=after_seq)
    plain = np.isfinite(times).all() and (rising > 0).all() and block.attempt >= 1
    plain = plain and all(np.isfinite(column.values()).all() for column in block.columns)
    return block if plain and max(int(block.steps.max()), int(block.log_offsets.max())) < _MAX_WHOLE else None


def _decode_alike(text: bytes, names: tuple[str, ...]) -> list[_Line] | None:
    """The lines, where each has exactly these names: in half the time, their values as a struct. None where one has not."""
    decode = _decoder(names) if 0 < len(names) <= _ALIKE_NAMES else None
    try:
        return None if decode is None else decode(text)
    except msgspec.ValidationError:
        return None


@functools.lru_cache(maxsize=64)
def _decoder(names: tuple[str, ...]) -> Callable[[bytes], list[_Line]] | None:
    """What reads lines whose values have these names; None for a name that msgspec has no field for."""
    fields = [(f"value_{place}", float, msgspec.field(name=name)) for place, name in enumerate(names)]
    try:
        values = msgspec.defstruct("Values", fields, forbid_unknown_fields=True, gc=False)
    except ValueError:
        return None
    line = msgspec.defstruct("Line", [("values", values)], bases=(_Line,), kw_only=True)
    return cast("Callable[[bytes], list[_Line]]", msgspec.json.Decoder(list[line]).decode)  # type: ignore[valid-type]


def _block(events: list[_Line], columns: list[Column]) -> MetricBlock:
    attempts = {event.attempt for event in events}
    if len(attempts) > 1:
        raise ValueError("lines of several attempts")
    steps = [_NONE if event.step is None else event.step for event in events]
    offsets = [_NONE if event.log_offset is None else event.log_offset for event in events]
    return MetricBlock(
        attempt=attempts.pop(),
        seqs=np.array([event.seq for event in events], dtype=np.int64),
        times=np.array([event.time for event in events], dtype=np.float64),
        steps=np.maximum(np.array(steps, dtype=np.int64), _NONE),
        epochs=np.array([event.epoch for event in events], dtype=np.float64),
        log_offsets=np.maximum(np.array(offsets, dtype=np.int64), _NONE),
        columns=columns,
    )


def _table(events: list[Any], names: tuple[str, ...]) -> list[Column]:
    """A column for each name, where each event has them all."""
    rows = map(msgspec.structs.astuple, (event.values for event in events))
    values = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=len(events) * len(names))
    every = np.arange(len(events), dtype=np.uint32)
    columns = np.ascontiguousarray(values.reshape(-1, len(names)).T)
    return [_column(name, every, column) for name, column in zip(names, columns, strict=True)]


def _by_shape(values: list[dict[str, float]]) -> list[Column]:
    """A column for each name, in the order in which the names appear."""
    shapes: dict[tuple[str, ...], list[int]] = {}
    for row, one in enumerate(values):
        shapes.setdefault(tuple(one), []).append(row)
    found: dict[str, list[tuple[Any, Any]]] = {}
    for names, rows in shapes.items():
        chosen = [values[row] for row in rows]
        for name in names:
            found.setdefault(name, []).append((rows, [one[name] for one in chosen]))
    return [_column(name, *_merged(parts)) for name, parts in found.items()]


def _column(name: str, rows: NDArray[np.uint32], values: Floats) -> Column:
    return Column(name, rows, float(values[-1]), lambda: values)


def _merged(parts: list[tuple[Any, Any]]) -> tuple[NDArray[np.uint32], Floats]:
    rows = np.concatenate([np.array(rows, dtype=np.uint32) for rows, _ in parts])
    values = np.concatenate([np.array(column, dtype=np.float64) for _, column in parts])
    if len(parts) == 1:
        return rows, values
    order = np.argsort(rows, kind="stable")
    return rows[order], values[order]
