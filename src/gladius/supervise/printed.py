"""Follow what a command prints, at the pace of who reads it. Upstream: console.log. Downstream: supervisor.

A program may print a thousand times faster than numbers are looked for: what is read at once is bounded in time and in
numbers, and what it is too far ahead with is passed over and counted. So reading keeps no signal waiting, and nothing grows.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

from gladius.pulse.plain_file import open_plain
from gladius.supervise.scrape import Reading, Scraper

AT_ONCE_S = 0.05
READINGS_AT_ONCE = 400
"""Lines with numbers at one look: five times a second, that is more than a chart shows of a training."""
BEHIND_MAX = 16 << 20
GO_ON_FROM = 1 << 20
"""Bytes before the end where reading goes on after what was passed over."""
REST_S = 2.0
"""How long the end of a command waits for its last numbers; the very last are read in any case."""
LAST_WORDS = 1 << 16
_BLOCK = 1 << 14


class Printed:
    """A place in console.log, from byte `offset` on, and what was passed over on the way."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.scraper = Scraper(offset)
        self.passed_over = 0
        """Bytes that were not looked at."""
        self._path = path

    def read(self) -> Iterator[Reading]:
        """What came since, or a part of it."""
        return self._read(AT_ONCE_S, READINGS_AT_ONCE, BEHIND_MAX, GO_ON_FROM)

    def rest(self) -> Iterator[Reading]:
        """What is left; of much of it the end, which tells how it ended."""
        yield from self._read(REST_S, math.inf, BEHIND_MAX, GO_ON_FROM)
        yield from self._read(math.inf, math.inf, LAST_WORDS, LAST_WORDS)
        yield from self.scraper.finish()

    def _read(self, seconds: float, readings: float, behind: int, go_on_from: int) -> Iterator[Reading]:
        deadline, count = time.monotonic() + seconds, 0
        with contextlib.suppress(OSError), open_plain(self._path) as file:
            end = file.seek(0, 2)
            if end - self.scraper.offset > behind:
                self.passed_over += end - go_on_from - self.scraper.offset
                self.scraper.go_on_from(end - go_on_from)
            file.seek(self.scraper.offset)
            while time.monotonic() < deadline and count < readings:
                # Not beyond where it ended: whoever prints on and on is not run after.
                block = file.read(min(_BLOCK, max(0, end - self.scraper.offset)))
                if not block:
                    return
                found = self.scraper.feed(block)
                count += len(found)
                yield from found
