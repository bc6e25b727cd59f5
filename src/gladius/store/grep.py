"""Look through one log, in a process of its own that may be ended at any time. Upstream: store.search. Downstream: its answer.

Run as a file with a request (JSON) on stdin, it writes an answer (JSON) to stdout. Standard library only, so that it
starts in some 20 ms. A pattern that would take for ever is interrupted by an alarm: `re` looks at signals while it
matches.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

BLOCK = 1 << 20
LONGEST_LINE = BLOCK
"""Nobody reads a longer line: it is looked through, and found, in pieces, so that memory stays bounded."""
COUNTED_S = 0.5
"""The number of the last line is worth this long; in a log that takes longer to count, lines from its end have no number."""
SHOWN_CHARS = 2000
SHOWN_BEFORE = 200
"""Characters before the match that are shown of a line which is too long to be shown whole."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_ANSI_BYTES = re.compile(_ANSI.pattern.encode())

_REPLACEMENT = "\ufffd"
"""What is shown for a byte that is no UTF-8: whoever looks for it looks for bytes that it is not spelled with."""


class OutOfTime(Exception):
    """The alarm rang."""


Spot = tuple[int, int]
"""A place in the file, and the number of the line that is there: one more than there are newlines before it."""


class Block(NamedTuple):
    """Whole lines, or a piece of one that is too long, and the place where they begin."""

    offset: int
    line: int
    data: bytes


class Search:
    """One request. `place` is where to go on should it be interrupted now, `skip` the same without the line under way."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.query = str(request["q"])
        self.plain = not request["regex"]
        self.newest = bool(request["newest"])
        self.limit = int(request["limit"])
        pattern = re.escape(self.query) if self.plain else self.query
        if request["word"]:
            pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
        self.pattern = re.compile(pattern, 0 if request["case"] else re.IGNORECASE)
        self.doorkeeper = re.compile(b"".join(map(_either_case, self.query)))
        self.hits: list[dict[str, Any]] = []
        self.place: Spot = (0, 1)
        self.skip = self.place
        self.line_began = time.monotonic()

    def run(self, blocks: Iterator[Block]) -> bool:
        """Collect hits until there are enough; true when everything was looked through."""
        look, monotonic = self.pattern.search, time.monotonic
        for block in blocks:
            if self.plain and not self._may_hold(block.data):
                self.place = self._beyond(block)
                continue
            for start, after, text in self._lines(block):
                self.line_began = monotonic()
                self.skip = after
                found = look(text)
                self.place = after
                if found:
                    self.hits.append({"offset": start[0], "line": start[1], "text": _shown(text, found.start())})
                    if len(self.hits) >= self.limit:
                        return False
        return True

    def _may_hold(self, data: bytes) -> bool:
        """Dismiss most blocks whole: plain text never spans lines."""
        if _REPLACEMENT in self.query:
            return True
        plain = _ANSI_BYTES.sub(b"", data) if b"\x1b" in data else data
        if self.query.isascii():
            return self.query.lower().encode() in plain.lower()
        return self.doorkeeper.search(plain) is not None

    def _lines(self, block: Block) -> Iterator[tuple[Spot, Spot, str]]:
        """Where each line begins, where the search goes on after it, and its text, in the order that was asked for."""
        # Colours are taken out of the block at once, ten times as fast as line by line; no sequence spans lines.
        data = block.data.removesuffix(b"\n")
        text = data.decode("utf-8", "replace")
        texts = (_ANSI.sub("", text) if "\x1b" in text else text).split("\n")
        lengths = map(len, data.split(b"\n"))
        if self.newest:
            end, number = block.offset + len(data), block.line + len(texts)
            for text, length in zip(reversed(texts), reversed(list(lengths)), strict=True):
                start = (end - length, number := number - 1)
                yield start, start, text.rstrip("\r")
                end -= length + 1
        else:
            start, end = (block.offset, block.line), block.offset + len(block.data)
            for text, length in zip(texts, lengths, strict=True):
                after = (start[0] + length + 1, start[1] + 1)
                yield start, after if after[0] <= end else (end, start[1]), text.rstrip("\r")
                start = after

    def _beyond(self, block: Block) -> Spot:
        if self.newest:
            return (block.offset, block.line)
        return (block.offset + len(block.data), block.line + block.data.count(b"\n"))


def _either_case(char: str) -> bytes:
    """A pattern for one character, small or capital, in UTF-8: IGNORECASE on bytes knows ASCII only."""
    forms = dict.fromkeys((char, char.lower(), char.upper()))
    return b"(?:" + b"|".join(re.escape(form.encode("utf-8", "replace")) for form in forms) + b")"


def _shown(text: str, at: int) -> str:
    """Of a progress bar that was drawn over and over only the picture that holds the match; of a long line its surroundings."""
    begin = text.rfind("\r", 0, at) + 1
    end = text.find("\r", at)
    text, at = text[begin : end if end >= 0 else None], at - begin
    if len(text) > SHOWN_CHARS:
        text = text[max(0, min(at - SHOWN_BEFORE, len(text) - SHOWN_CHARS)) :]
    return text[:SHOWN_CHARS]


def forwards(file: BinaryIO, offset: int, line: int) -> Iterator[Block]:
    """About 1 MiB at a time from `offset` on, which is in line number `line`."""
    file.seek(offset)
    rest = b""
    while data := file.read(BLOCK):
        block, newline, rest = (rest + data).rpartition(b"\n")
        for part in (block + newline, rest if len(rest) >= LONGEST_LINE else b""):
            if part:
                yield Block(offset, line, part)
                offset, line = offset + len(part), line + part.count(b"\n")
        rest = rest if len(rest) < LONGEST_LINE else b""
    if rest:
        yield Block(offset, line, rest)


def backwards(file: BinaryIO, end: int, line: int) -> Iterator[Block]:
    """About 1 MiB at a time from `end`, which is in line number `line`, to the start of the file."""
    rest = b""
    while end > 0:
        begin = max(0, end - BLOCK)
        file.seek(begin)
        data = file.read(end - begin) + rest
        # What comes before the first newline belongs to a line that begins further up.
        cut = data.find(b"\n", 0, -1) + 1 if begin else 0
        if begin and not cut:
            cut = len(data) if len(data) < LONGEST_LINE else 0
        rest, data, end = data[:cut], data[cut:], begin
        if data:
            line -= data.count(b"\n")
            yield Block(begin + cut, line, data)


def _end_of(file: BinaryIO, seconds: float) -> tuple[Spot, bool]:
    """The end of the file, and whether the number of its last line is known: counting may take too long."""
    deadline = time.monotonic() + seconds
    size, lines = file.seek(0, 2), 0
    file.seek(0)
    while data := file.read(BLOCK):
        lines += data.count(b"\n")
        if time.monotonic() > deadline and file.tell() < size:
            return (size, 1), False
    return (file.tell(), lines + 1), True


def answer(request: dict[str, Any], search: Search) -> dict[str, Any]:
    """Search from the place that the request names; an alarm on the way gives what was found until then."""
    stopped, size, began, counted = "end", 0, time.monotonic(), True
    try:
        with open(request["path"], "rb", opener=_plain) as file:
            size = file.seek(0, 2)
            if request["offset"] is not None:
                counted = request["line"] is not None
                search.place = (request["offset"], request["line"] or 1)
            elif search.newest:
                search.place, counted = (size, 1), False
                search.place, counted = _end_of(file, min(COUNTED_S, request["seconds"] / 4))
            blocks = (backwards if search.newest else forwards)(file, *search.place)
            stopped = "end" if search.run(blocks) else "limit"
    except OSError:
        pass  # not there, or no plain file: it has no lines
    except OutOfTime:
        # A line that took most of the time by itself would take it again: it is left out, and that is said.
        now = time.monotonic()
        stopped = "pattern" if not search.plain and now - search.line_began > (now - began) / 2 else "time"
        if stopped == "pattern":
            search.place = search.skip
    left = search.place[0] if search.newest else size - search.place[0]
    more = stopped != "end" and left > 0
    following = {"offset": search.place[0], "line": search.place[1]} if more else None
    for found in () if counted else (*search.hits, *([following] if following else ())):
        found["line"] = None
    return {"hits": search.hits, "next": following, "stopped": stopped if more else "end", "size": size}


def _plain(path: str, flags: int) -> int:
    """What is no plain file (a link, a pipe) is neither followed nor waited for."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("no plain file")
    return descriptor


def _ring(*_: object) -> None:
    raise OutOfTime


def main() -> None:
    """Answer the request on stdin; `refused` says why a pattern cannot be used."""
    request = json.load(sys.stdin)
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    try:
        found = answer(request, Search(request))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except (re.error, OverflowError, RecursionError) as error:
        found = {"refused": str(error)}
    except OutOfTime:
        found = {"refused": "it takes too long to be understood"}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
