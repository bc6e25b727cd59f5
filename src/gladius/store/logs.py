"""Byte ranges of a console.log and search over the whole of it. Upstream: console.log. Downstream: hub, server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gladius.errors import SearchInvalid
from gladius.wire.runs import SearchHit

_BLOCK = 1 << 20
_MAX_LINE = 1 << 16
_LONGEST_LINE = 16 << 20
_SHOWN_CHARS = 2000
_ANSI = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_NESTED_REPEAT = re.compile(r"[+*}]\)?[+*{]|\([^()]*[+*][^()]*\)[+*{]")


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


def search(path: Path, query: str, regex: bool = False, limit: int = 100) -> list[SearchHit]:
    """Return the first `limit` lines that hold `query`, from the start of the file; colour codes do not count.

    Plain text is found whatever its case. Raises SearchInvalid for a pattern that cannot be used: a wrong one, or one
    with nested repeats, which could take for ever.
    """
    pattern = _compile(query, regex)
    hits: list[SearchHit] = []
    for first_offset, first_number, block in _blocks(path):
        if not regex and not _may_hold(block, query, pattern):
            continue
        offset = first_offset
        for number, raw in enumerate(block.split(b"\n"), start=first_number):
            line = raw[:_MAX_LINE].rstrip(b"\r")
            line = _ANSI.sub(b"", line) if b"\x1b" in line else line
            if pattern.search(line):
                hits.append(SearchHit(offset=offset, line=number, text=line.decode("utf-8", "replace")[:_SHOWN_CHARS]))
                if len(hits) >= limit:
                    return hits
            offset += len(raw) + 1
    return hits


def _may_hold(block: bytes, query: str, pattern: re.Pattern[bytes]) -> bool:
    """Dismiss most blocks whole: a plain text never spans lines."""
    plain = _ANSI.sub(b"", block) if b"\x1b" in block else block
    return query.lower().encode() in plain.lower() if query.isascii() else pattern.search(plain) is not None


def _compile(query: str, regex: bool) -> re.Pattern[bytes]:
    if not query:
        raise SearchInvalid("There is nothing to search for.", "Give 'q'.")
    if regex and _NESTED_REPEAT.search(query):
        raise SearchInvalid("The pattern repeats a repetition.", "Write it without nested + or *.")
    try:
        return re.compile(query.encode() if regex else b"".join(map(_either_case, query)))
    except re.error as error:
        raise SearchInvalid(f"The pattern cannot be used: {error}.") from error


def _either_case(char: str) -> bytes:
    """A pattern for one character, small or capital, in UTF-8: IGNORECASE on bytes knows ASCII only."""
    forms = dict.fromkeys((char, char.lower(), char.upper()))
    return b"(?:" + b"|".join(re.escape(form.encode()) for form in forms) + b")"


def _blocks(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (offset, number of the first line, whole lines without the last newline), about 1 MiB at a time."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        offset, number, rest = 0, 1, b""
        while data := file.read(_BLOCK):
            block, newline, tail = (rest + data).rpartition(b"\n")
            rest = tail
            if newline:
                yield offset, number, block
                offset += len(block) + 1
                number += block.count(b"\n") + 1
            elif len(rest) > _LONGEST_LINE:
                # Nobody reads a line of 16 MiB: it is cut, so that memory stays bounded.
                yield offset, number, rest
                offset, rest = offset + len(rest), b""
        if rest:
            yield offset, number, rest
