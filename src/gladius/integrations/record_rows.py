"""A row of a dataset or what is wrong with it, and lines that may be broken. Upstream: files. Downstream: the readers of each kind."""

from __future__ import annotations

import codecs
from typing import Any, BinaryIO, Dict, Iterator, NamedTuple, Optional, Tuple

LONGEST = 16 * 2**20
"""Bytes of one record, at most."""
_MOST_SKIPPED = 16 * LONGEST
"""A line that does not end after so many bytes is no line: what comes after it is not looked for."""

_UTF8_HINT = "Save the file as UTF-8."
_UTF16_HINT = "It looks like UTF-16: save the file as UTF-8."
_LONG_HINT = "Cut it into several records."


class Flaw(NamedTuple):
    """Why a row is none: a word for programs, what is wrong, what to do."""

    kind: str
    problem: str
    hint: str


class Row(NamedTuple):
    """One row by its line from 1 (in a table file its number; 0 is the whole file): a record or a flaw."""

    line: int
    record: Optional[Dict[str, Any]]
    flaw: Optional[Flaw]


def lines(file: BinaryIO) -> Iterator[Tuple[int, bytes, str, Optional[Flaw]]]:
    """Number, bytes and text of every line, none longer than LONGEST; undecodable bytes are replaced in the text."""
    number = 0
    while True:
        raw = file.readline(LONGEST + 1)
        if not raw:
            return
        number += 1
        flaw = None
        if len(raw) > LONGEST:
            skipped = 0
            while not raw.endswith(b"\n") and raw and skipped < _MOST_SKIPPED:
                raw = file.readline(LONGEST)
                skipped += len(raw)
            yield number, b"", "", too_long()
            if skipped >= _MOST_SKIPPED:
                return
            continue
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            text, flaw = raw.decode("utf-8-sig", "replace"), not_utf8(error, raw if number == 1 else b"")
        yield number, raw, text, flaw


def too_long() -> Flaw:
    """The flaw of a record beyond LONGEST."""
    return Flaw("too_long", "longer than {} MiB".format(LONGEST // 2**20), _LONG_HINT)


def not_utf8(error: UnicodeDecodeError, start: bytes) -> Flaw:
    """The flaw of undecodable bytes; `start` is how the file begins, where that is known."""
    wide = start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return Flaw("broken_utf8", "not UTF-8 (byte {})".format(error.start + 1), _UTF16_HINT if wide else _UTF8_HINT)
