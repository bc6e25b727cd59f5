"""A whole run as one JSON document. Upstream: record, columns. Downstream: programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec

import gladius
from gladius.exchange.columns import COLUMNS, Columns
from gladius.exchange.rows import Survey, rows
from gladius.pulse.plain_file import read_object
from gladius.wire.runs import RunRecord

_ABOUT_BYTES = 1 << 17
_encode = msgspec.json.Encoder().encode


def json_chunks(found: Survey, record: RunRecord) -> Iterator[bytes]:
    """Yield the document piece by piece.

    The keys are those of the run's record (`summary`, `config`, `attempts`, `checkpoints`, `commands`, `hyperparameters`,
    ...), then `report` (null while there is none) and `series`: name -> columns of equal length `step`, `epoch`, `time`,
    `value`, `attempt`, `superseded_by`. Numbers that JSON cannot say are the strings NaN, Infinity and -Infinity.
    """
    yield _head(found, record)
    pending: list[bytes] = []
    size = 0
    with Columns() as columns:
        for piece in _series(columns.take(rows(found))):
            pending.append(piece)
            size += len(piece)
            if size >= _ABOUT_BYTES:
                yield b"".join(pending)
                pending, size = [], 0
    yield b"".join(pending) + b"}}\n"


def _head(found: Survey, record: RunRecord) -> bytes:
    facts: dict[str, Any] = {
        "format": "gladius-run",
        "version": 1,
        "gladius": gladius.__version__,
        "exported_at": time.time(),
        **record.model_dump(mode="json"),
        "report": read_object(found.directory.report_json),
    }
    return json.dumps(facts, ensure_ascii=False, allow_nan=False)[:-1].encode() + b',"series":{'


def _series(columns: Columns) -> Iterator[bytes]:
    for place, name in enumerate(columns.names):
        yield (b"," if place else b"") + b"\n" + _encode(name) + b":{"
        for order, key in enumerate(COLUMNS):
            yield (b"," if order else b"") + _encode(key) + b":["
            for part, values in enumerate(columns.column(name, key)):
                yield (b"," if part else b"") + _encode(values)[1:-1]
            yield b"]"
        yield b"}"
