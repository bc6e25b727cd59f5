"""Many `metrics` lines decoded at once, as columns. Upstream: stream. Downstream: facts, the columnar copy.

A line by line reading of a million steps takes many seconds; lines that are what PULSE's own writers make are decoded
and summed up in bulk. Whatever is unusual about a line sends its whole block the slow way, which knows every case.
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise, repeat, starmap
from operator import attrgetter, contains, itemgetter, lt
from typing import Any, Literal, TypeAlias, cast

import msgspec

MARK = b'"type":"metrics"'
LINES = 4096
_WORTH = 256
"""Fewer lines than this are not worth a block."""
_ALIKE_NAMES = 256
_NONE = -1
_UNKNOWN = float("nan")
_MAX_WHOLE = 1 << 62

Floats: TypeAlias = "array[float]"
"""Of type code d."""
Wholes: TypeAlias = "array[int]"
"""Of type code q."""


class _Line(msgspec.Struct, gc=False):
    """msgspec refuses a number that no double holds: what is read is finite."""

    seq: int
    time: float
    attempt: int
    type: Literal["metrics"]
    values: dict[str, float]
    step: int | None = _NONE
    epoch: float | None = _UNKNOWN
    log_offset: int | None = _NONE


_decoder_of_any = msgspec.json.Decoder(_Line)
_values = attrgetter("values")


@dataclass(frozen=True)
class Column:
    """One metric of a block: which rows have it (rising), its last value, and its values, read when they are asked for."""

    name: str
    rows: Sequence[int]
    """A range where every row has it."""
    last: float
    values: Callable[[], Floats]
    bounds: Callable[[], tuple[Floats, Floats] | None] | None = None
    """The lowest and highest of each stretch of its values (`peaks`), where they are kept with them."""


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
    rises: bool
    """Whether each step is above the one before."""

    def __len__(self) -> int:
        return len(self.seqs)


def taken(column: array[Any], rows: Collection[int]) -> array[Any]:
    """What a column has in these rows: copied at once where they are a range, else one by one."""
    if isinstance(rows, range):
        return column[rows.start : rows.stop]
    many = len(rows) > 1  # of one row, `itemgetter` gives no tuple
    return array(column.typecode, itemgetter(*rows)(column) if many else [column[row] for row in rows])


def groups(lines: Sequence[bytes]) -> list[tuple[int, int, bool]]:
    """Cut `lines` into (first, end, whether it may be a block)."""
    found: list[tuple[int, int, bool]] = []
    marks, begin = bytes(map(contains, lines, repeat(MARK))), 0
    while begin < len(lines):
        metrics = bool(marks[begin])
        other = marks.find(not metrics, begin)
        end = len(lines) if other < 0 else other
        # Even parts, lest a few lines are left that are not worth a block.
        parts = -(-(end - begin) // LINES) if metrics else 1
        cuts = [begin + (end - begin) * part // parts for part in range(parts + 1)]
        found += [(first, last, metrics and last - first >= _WORTH) for first, last in pairwise(cuts)]
        begin = end
    return found


def decode_block(lines: Sequence[bytes], after_seq: int) -> MetricBlock | None:
    """Return the lines as a block; None when any of them needs a closer look."""
    text = b"\n".join(lines)
    try:
        if not text.isascii():
            text.decode()  # msgspec does not look at the letters of a field that it skips
        names = tuple(_decoder_of_any.decode(lines[0]).values)
        alike = _decode_alike(text, names)
        events = alike or _decoder_of_any.decode_lines(text)
        if len(events) != len(lines):
            return None
        block = _block(events, _table(events, names) if alike else _by_name([event.values for event in events]))
    except (ValueError, OverflowError, RecursionError):
        return None
    in_order = after_seq < block.seqs[0] and _rises(block.seqs)
    highest = block.steps[-1] if block.rises else max(block.steps)
    known = highest < _MAX_WHOLE and max(block.log_offsets) < _MAX_WHOLE
    return block if in_order and known and block.attempt >= 1 else None


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
    return cast("Callable[[bytes], list[_Line]]", msgspec.json.Decoder(line).decode_lines)


def _block(events: list[_Line], columns: list[Column]) -> MetricBlock:
    attempts = {event.attempt for event in events}
    if len(attempts) > 1:
        raise ValueError("lines of several attempts")
    steps = _wholes([event.step for event in events])
    return MetricBlock(
        attempt=attempts.pop(),
        seqs=array("q", [event.seq for event in events]),
        times=array("d", [event.time for event in events]),
        steps=steps,
        epochs=array("d", [_UNKNOWN if event.epoch is None else event.epoch for event in events]),
        log_offsets=_wholes([event.log_offset for event in events]),
        columns=columns,
        rises=_rises(steps),
    )


def _rises(numbers: Wholes) -> bool:
    return all(map(lt, numbers, islice(numbers, 1, None)))


def _wholes(numbers: list[int | None]) -> Wholes:
    return array("q", [_NONE if number is None or number < 0 else number for number in numbers])


def _table(events: list[Any], names: tuple[str, ...]) -> list[Column]:
    """A column for each name, where each event has them all."""
    rows = map(msgspec.structs.astuple, map(_values, events))
    values = array("d", b"".join(starmap(struct.Struct(f"{len(names)}d").pack, rows)))
    every = range(len(events))
    return [_column(name, every, values[place :: len(names)]) for place, name in enumerate(names)]


def _by_name(values: list[dict[str, float]]) -> list[Column]:
    """A column for each name, in the order in which the names appear."""
    shapes: dict[tuple[str, ...], list[int]] = {}
    for row, one in enumerate(values):
        shapes.setdefault(tuple(one), []).append(row)
    of_name: dict[str, list[list[int]]] = {}
    for names, rows in shapes.items():
        for name in names:
            of_name.setdefault(name, []).append(rows)
    found = []
    for name, parts in of_name.items():
        rows = parts[0] if len(parts) == 1 else sorted(chain.from_iterable(parts))
        every = len(rows) == len(values)
        column = array("d", [one[name] for one in (values if every else map(values.__getitem__, rows))])
        found.append(_column(name, range(len(rows)) if every else array("I", rows), column))
    return found


def _column(name: str, rows: Sequence[int], values: Floats) -> Column:
    return Column(name, rows, values[-1], lambda: values)
