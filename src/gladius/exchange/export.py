"""A run in a format that other programs read. Upstream: table, document, archive. Downstream: server.

Everything is made while it is sent, in constant memory, from the files as long as they are when it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args
from urllib.parse import quote

from gladius.errors import FieldErrors
from gladius.exchange.archive import zip_chunks
from gladius.exchange.document import json_chunks
from gladius.exchange.rows import blocks, size_of, survey
from gladius.exchange.table import csv_chunks
from gladius.pulse.rundir import RunDir, slug
from gladius.wire.exports import ExportFormat
from gladius.wire.runs import RunRecord

LATER = ("parquet", "tensorboard", "mlflow", "wandb")
_MEDIA_TYPES: dict[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "zip": "application/zip",
    "log": "application/octet-stream",
}
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069/\\:*?"<>|]+')
"""What no file system takes, and marks of direction: they make a name look like another one."""
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Export:
    """Something to send: `chunks` does its work as it is asked, off the event loop. `size` is known only of a log."""

    file_name: str
    media_type: str
    chunks: Iterator[bytes]
    size: int | None = None

    @property
    def disposition(self) -> str:
        """The Content-Disposition header (RFC 6266): an ASCII name for old clients, the real one for the others."""
        plain = self.file_name.encode("ascii", "replace").decode().replace("?", "_")
        return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(self.file_name, safe='')}"


def check_format(wanted: str) -> ExportFormat:
    """Return the format that is meant; raises FieldErrors, which lists what there is."""
    known: tuple[ExportFormat, ...] = get_args(ExportFormat)
    for one in known:
        if wanted == one:
            return one
    there_is = f"there is {', '.join(known)}"
    message = f"'{wanted}' is not yet there; {there_is}" if wanted in LATER else f"'{wanted}' is no format; {there_is}"
    raise FieldErrors([{"field": "format", "message": message}])


def export_formats() -> tuple[ExportFormat, ...]:
    """Every format that there is."""
    known: tuple[ExportFormat, ...] = get_args(ExportFormat)
    return known


def export(directory: RunDir, record: RunRecord, wanted: ExportFormat) -> Export:
    """Prepare an export; nothing is read before its first chunk is asked for."""
    size = size_of(directory.console_log) if wanted == "log" else None
    return Export(
        file_name=file_name(record.summary.name, directory.run_id, wanted),
        media_type=_MEDIA_TYPES[wanted],
        chunks=blocks(directory.console_log, size) if size is not None else _chunks(directory, record, wanted),
        size=size,
    )


def file_name(name: str, run_id: str, suffix: str) -> str:
    """Return the run's name and id; the id alone where it tells the name already."""
    safe = _UNSAFE.sub("-", name).strip(" .-")[:_LONGEST_NAME].strip(" .-")
    told = not safe or (safe.lower() == slug(safe) and slug(safe) in run_id)
    return f"{run_id}.{suffix}" if told else f"{safe} {run_id}.{suffix}"


def _chunks(directory: RunDir, record: RunRecord, wanted: ExportFormat) -> Iterator[bytes]:
    found = survey(directory)
    if wanted == "csv":
        yield from csv_chunks(found)
    elif wanted == "json":
        yield from json_chunks(found, record)
    else:
        yield from zip_chunks(found, record)
