"""Byte ranges of a console.log. Upstream: console.log. Downstream: hub, server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_BLOCK = 1 << 18


class ByteRange(NamedTuple):
    """`data` begins at byte `offset` of a file that had `size` bytes."""

    offset: int
    data: bytes
    size: int


def read_range(path: Path, offset: int, limit: int) -> ByteRange:
    """Read at most `limit` bytes; a negative offset counts from the end. A missing file is an empty one."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            file.seek(start)
            return ByteRange(start, file.read(max(0, min(limit, size - start))), size)
    except FileNotFoundError:
        return ByteRange(0, b"", 0)


def read_whole(path: Path) -> tuple[int, Iterator[bytes]]:
    """The size of a file and exactly as many bytes of it, block by block, while others append to it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0, iter(())
    size = file.seek(0, 2)
    file.seek(0)
    return size, _blocks(file, size)


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    with file:
        while size > 0 and (block := file.read(min(_BLOCK, size))):
            size -= len(block)
            yield block


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
