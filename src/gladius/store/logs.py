"""Byte ranges of a console.log. Upstream: console.log. Downstream: hub, server."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gladius.pulse.plain_file import open_plain


class ByteRange(NamedTuple):
    """`data` begins at byte `offset` of a file that had `size` bytes."""

    offset: int
    data: bytes
    size: int


def read_range(path: Path, offset: int, limit: int) -> ByteRange:
    """Read at most `limit` bytes; a negative offset counts from the end.

    A missing file is an empty one, and so is what is no plain file.
    """
    try:
        with open_plain(path) as file:
            size = file.seek(0, 2)
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            file.seek(start)
            return ByteRange(start, file.read(max(0, min(limit, size - start))), size)
    except OSError:
        return ByteRange(0, b"", 0)


def whole_characters(data: bytes) -> int:
    """How many of these bytes end with a whole UTF-8 character: a character cut by the end waits for its rest."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return len(data)
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4 if byte < 0xF8 else 1
            return len(data) - back if back < needed else len(data)
    return len(data)
