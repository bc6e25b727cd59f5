"""Some records of a dataset, small enough to be looked at. Upstream: record_files. Downstream: server, cli."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from gladius.errors import BadRecord
from gladius.integrations.record_files import Row, rows
from gladius.integrations.records import to_messages
from gladius.pulse.plain_file import Opener, regular
from gladius.wire.datasets import DatasetPreview, PreviewRecord

LONGEST_TEXT = 4_000
MOST_ITEMS = 100
DEEPEST = 12
_CUT = "…"


def preview(path: Path, offset: int, limit: int, opener: Opener = regular) -> DatasetPreview:
    """Return up to `limit` rows from the `offset`th on, broken ones with their reason. Raises OSError."""
    found = list(itertools.islice(rows(path, opener), offset, offset + limit + 1))
    more = offset + limit if len(found) > limit else None
    return DatasetPreview(records=[_shown(path, row) for row in found[:limit]], next=more)


def _shown(path: Path, row: Row) -> PreviewRecord:
    if row.record is None:
        told = f"{row.flaw.problem}. {row.flaw.hint}" if row.flaw else None
        return PreviewRecord(line=row.line, problem=told)
    problem = None
    try:
        to_messages(row.record, "auto", path, row.line)
    except BadRecord as error:
        problem = f"{error.problem}. {error.hint}"
    return PreviewRecord(line=row.line, record=_clipped(row.record), problem=problem)


def _clipped(value: Any, depth: int = 0) -> Any:
    """The value with long texts, long lists and deep nesting cut, so that one record cannot fill the page."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + _CUT
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else _clipped(str(value))
    if depth >= DEEPEST:
        return _CUT
    if isinstance(value, dict):
        items = itertools.islice(value.items(), MOST_ITEMS)
        return {_clipped(str(key)): _clipped(item, depth + 1) for key, item in items}
    if isinstance(value, (list, tuple)):
        items_ = [_clipped(item, depth + 1) for item in value[:MOST_ITEMS]]
        return items_ if len(value) <= MOST_ITEMS else [*items_, _CUT]
    return _clipped(str(value))  # a date, a decimal: what a Parquet file can hold
