"""Metrics as one CSV table: a row for each step, a column for each metric. Upstream: rows. Downstream: spreadsheets, pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from gladius.exchange.rows import Row, Survey, rows

PLACE = ("step", "epoch", "time", "attempt", "superseded_by")
_CHUNK_CHARS = 1 << 17
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BLANK = ("\t", "\r", "\n")


def csv_chunks(found: Survey) -> Iterator[bytes]:
    """Yield the table in UTF-8, piece by piece.

    Every point is there in full precision, NaN and Infinity by these names, an empty cell where a metric was not logged.
    `superseded_by` is empty for what counts, else the attempt that trained the step again.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*PLACE, *(f"values/{name}" if name in PLACE else harmless(name) for name in found.names)])
    for row in by_step(rows(found)):
        values = row.values
        # `csv` writes floats by repr: the shortest text that reads back as the same number.
        writer.writerow([*row[:5], *(values.get(name) for name in found.names)])
        if text.tell() >= _CHUNK_CHARS:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def harmless(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets a quote in front; numbers stay what they are."""
    risky = isinstance(cell, str) and cell.lstrip()[:1] in _FORMULA and cell.strip() and cell != "-Infinity"
    return f"'{cell}" if risky or (isinstance(cell, str) and cell[:1] in _BLANK and cell) else cell


def by_step(found: Iterator[Row]) -> Iterator[Row]:
    """Join what was logged in several calls for one step (its training loss, then its evaluation), where nothing is said twice."""
    last: Row | None = None
    for row in found:
        if last is not None and _of_one_step(last, row):
            last = last._replace(values={**last.values, **row.values})
            continue
        if last is not None:
            yield last
        last = row
    if last is not None:
        yield last


def _of_one_step(last: Row, row: Row) -> bool:
    same = last.step is not None and (last.step, last.attempt, last.epoch) == (row.step, row.attempt, row.epoch)
    return same and last.values.keys().isdisjoint(row.values)
