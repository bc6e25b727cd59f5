"""What one client has heard of a run's output. Upstream: console.log. Downstream: feed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gladius.hub.frames import console_frame, gap_frame
from gladius.store.logs import ByteRange, read_range, whole_characters
from gladius.store.view import RunView

BEHIND_MAX = 1 << 20
"""A client that is further behind is not told what lies between, but how much that is."""
LONGEST_LINE = 1 << 20
"""Of a longer line the rest is not told either. What a carriage return draws anew is a line of its own."""
AT_ONCE = 1 << 17
"""Bytes told at one look: at most 28 times that a second, more than a screen can draw."""
PIECE = 1 << 16
_LINE_END = re.compile(rb"[\r\n]")


class Output:
    """A place in console.log. What is left out is told as one gap, when the next line begins that is told."""

    def __init__(self, run_id: str, seen: int) -> None:
        self._run_id = run_id
        self._begin(max(0, seen))

    def _begin(self, seen: int) -> None:
        self._seen = seen
        self._looked_at = seen
        self._line = seen
        self.more = False
        """Whether there is more to tell at once."""

    def is_behind(self, view: RunView) -> bool:
        """Whether the log is not as long as what was looked at."""
        return self._looked_at != view.console_size

    def frames(self, view: RunView) -> Iterator[str]:
        """Yield what comes next, up to what the view knows of; the place moves as frames are taken."""
        self.more = False
        path, size = view.directory.console_log, view.console_size
        if self._looked_at > size:
            # A client that read the file over HTTP may be ahead of the view; only a file that is shorter is another one.
            if self._looked_at <= read_range(path, 0, 0).size:
                return
            self._begin(0)
        self._looked_at = max(self._looked_at, size - BEHIND_MAX)
        told = 0
        while self._looked_at < size and told < AT_ONCE:
            piece = read_range(path, self._looked_at, min(PIECE, size - self._looked_at))
            if not piece.data:
                return
            if self._looked_at > self._seen or self._looked_at - self._line >= LONGEST_LINE:
                yield from self._look_for_a_line(piece)
                continue
            is_last = view.ended and piece.offset + len(piece.data) >= piece.size
            whole = len(piece.data) if is_last else whole_characters(piece.data)
            if not whole:
                return
            told += whole
            yield self._tell(ByteRange(piece.offset, piece.data[:whole], piece.size))
        if view.ended and self._seen < self._looked_at == size:
            yield self._skip(size)
        self.more = self._looked_at < size

    def _look_for_a_line(self, piece: ByteRange) -> Iterator[str]:
        end = _LINE_END.search(piece.data)
        self._looked_at = piece.offset + (len(piece.data) if end is None else end.end())
        if end is not None:
            yield self._skip(self._looked_at)

    def _skip(self, to: int) -> str:
        skipped = to - self._seen
        self._seen = self._line = to
        return gap_frame(self._run_id, {"console": skipped})

    def _tell(self, piece: ByteRange) -> str:
        line = max(piece.data.rfind(b"\n"), piece.data.rfind(b"\r")) + 1
        if line:
            self._line = piece.offset + line
        self._seen = self._looked_at = piece.offset + len(piece.data)
        return console_frame(self._run_id, piece)
