"""Follow one event stream, remember its tail, find any place in it again. Upstream: run files. Downstream: view, hub, server."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gladius.pulse.events import LineFollower
from gladius.store.blocks import MetricBlock, decode_block, groups

_INDEX_EVERY = 256
_RECENT_LINES = 4096
_RECENT_BYTES = 2 << 20
_CHUNK_BYTES = 1 << 20
_SCAN_LINES = 20_000


class Line(NamedTuple):
    """One event as its writer wrote it, with what readers sort and filter by."""

    seq: int
    type: str
    raw: bytes


class Piece(NamedTuple):
    """The bytes `begin` to `end` of a stream as a columnar copy has them: a block with its place in the index, or lines."""

    begin: int
    end: int
    block: MetricBlock | None = None
    places: Sequence[tuple[int, int]] = ()
    lines: Sequence[bytes] = ()


class Batch(NamedTuple):
    """Lines after a cursor. `cursor` is the last seq looked at, whether or not it was wanted; `more`: ask again."""

    lines: list[Line]
    cursor: int
    more: bool


class _Head(msgspec.Struct):
    seq: int
    type: str


_decode_head = msgspec.json.Decoder(_Head).decode
decode_event = msgspec.json.Decoder(dict[str, Any]).decode


class EventStream:
    """One stream of one run. The last lines stay in memory; a sparse index leads to the rest in the file.

    Lines whose seq does not rise are left out, so that nobody is told anything twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_seq = -1
        self.damaged = 0
        self._follower = LineFollower(path)
        self._recent: deque[Line] = deque()
        self._recent_bytes = 0
        self._evicted_seq = -1
        self._index_seqs = array("q")
        self._index_offsets = array("q")
        self._lines = 0

    @property
    def offset(self) -> int:
        """Bytes read so far."""
        return self._follower.offset

    @property
    def behind(self) -> bool:
        """Whether the file holds more than was read: whole lines, or one that waits for its newline."""
        try:
            return self.path.stat().st_size > self.offset
        except OSError:
            return False

    @property
    def restarted(self) -> int:
        """How often the file was replaced or cut under us; what was built from it must then be built again."""
        return self._follower.restarted

    def read_new(self, limit: int = _CHUNK_BYTES) -> list[dict[str, Any] | MetricBlock]:
        """Return the events that came since the last call, about `limit` bytes of them; lines that are none are counted.

        Many `metrics` events in a row come as a block.
        """
        restarted, offset = self._follower.restarted, self._follower.offset
        lines = self._follower.read_new(limit)
        if self._follower.restarted != restarted:
            offset = 0
        return self._take_lines(lines, offset)

    def restore(self, piece: Piece) -> list[dict[str, Any] | MetricBlock] | None:
        """Take in what a columnar copy holds of the lines that follow, as if they had been read; None when it does not."""
        if piece.begin != self.offset or (piece.block is not None and int(piece.block.seqs[0]) <= self.last_seq):
            return None
        self._follower.offset = piece.end
        if piece.block is None:
            return self._take_lines(piece.lines, piece.begin)
        self._index_seqs.extend(seq for seq, _ in piece.places)
        self._index_offsets.extend(offset for _, offset in piece.places)
        self._lines += len(piece.block)
        self.last_seq = int(piece.block.seqs[-1])
        self._forget_recent()
        return [piece.block]

    def after(
        self,
        seq: int,
        wanted: Callable[[str], bool] | None = None,
        limit: int = 5000,
        max_bytes: int = _CHUNK_BYTES,
    ) -> Batch:
        """Return at most `limit` wanted lines after `seq`, from memory where they are still there, else from the file.

        It looks at 20,000 lines at most, so that a rare type in a long stream holds nobody up.
        """
        if seq >= self.last_seq:
            return Batch([], seq, False)
        source = self._from_memory(seq) if seq >= self._evicted_seq else self._from_file(seq)
        lines: list[Line] = []
        size, cursor = 0, seq
        for looked_at, line in enumerate(source):
            if looked_at >= _SCAN_LINES:
                return Batch(lines, cursor, True)
            if wanted is None or wanted(line.type):
                if len(lines) >= limit or (size and size + len(line.raw) > max_bytes):
                    return Batch(lines, cursor, True)
                lines.append(line)
                size += len(line.raw)
            cursor = line.seq
        return Batch(lines, cursor, False)

    def _take_lines(self, lines: Sequence[bytes], offset: int) -> list[dict[str, Any] | MetricBlock]:
        found: list[dict[str, Any] | MetricBlock] = []
        for begin, end, regular in groups(lines):
            part = lines[begin:end]
            block = decode_block(part, self.last_seq) if regular else None
            if block is not None:
                self._note_block(block, part, offset, followed_by=len(lines) - end)
                found.append(block)
            else:
                places = accumulate((len(raw) + 1 for raw in part), initial=offset)
                found.extend(event for raw, at in zip(part, places, strict=False) if (event := self._take(raw, at)))
            offset += sum(map(len, part)) + len(part)
        return found

    def _note_block(self, block: MetricBlock, lines: Sequence[bytes], offset: int, followed_by: int) -> None:
        for seq, at in index_of(block, lines, offset):
            self._index_seqs.append(seq)
            self._index_offsets.append(at)
        self._lines += len(lines)
        self.last_seq = int(block.seqs[-1])
        if followed_by >= _RECENT_LINES:
            self._forget_recent()
            return
        for seq, raw in zip(block.seqs.tolist(), lines, strict=True):
            self._remember(Line(seq, "metrics", raw))

    def _take(self, raw: bytes, offset: int) -> dict[str, Any] | None:
        if not raw:
            return None
        try:
            event = decode_event(raw)
            seq, type_ = event["seq"], event["type"]
            if not isinstance(seq, int) or not isinstance(type_, str):
                raise ValueError("seq and type")
        except (ValueError, KeyError, RecursionError):
            self.damaged += 1
            return None
        if seq <= self.last_seq:
            self.damaged += 1
            return None
        self.last_seq = seq
        if self._lines % _INDEX_EVERY == 0:
            self._index_seqs.append(seq)
            self._index_offsets.append(offset)
        self._lines += 1
        self._remember(Line(seq, type_, raw))
        return event

    def _remember(self, line: Line) -> None:
        self._recent.append(line)
        self._recent_bytes += len(line.raw)
        while len(self._recent) > _RECENT_LINES or (self._recent_bytes > _RECENT_BYTES and len(self._recent) > 1):
            old = self._recent.popleft()
            self._recent_bytes -= len(old.raw)
            self._evicted_seq = old.seq

    def _forget_recent(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0
        self._evicted_seq = self.last_seq

    def _from_memory(self, seq: int) -> Iterable[Line]:
        count = 0
        for line in reversed(self._recent):
            if line.seq <= seq:
                break
            count += 1
        return list(islice(self._recent, len(self._recent) - count, None))

    def _from_file(self, seq: int) -> Iterable[Line]:
        place = bisect_right(self._index_seqs, seq) - 1
        follower = LineFollower(self.path, self._index_offsets[place] if place >= 0 else 0)
        last = seq
        while last < self.last_seq:
            chunk = follower.read_new(_CHUNK_BYTES)
            if not chunk:
                return
            for raw in chunk:
                try:
                    head = _decode_head(raw)
                except (ValueError, RecursionError):
                    continue
                if last < head.seq <= self.last_seq:
                    last = head.seq
                    yield Line(head.seq, head.type, raw)


def index_of(block: MetricBlock, lines: Sequence[bytes], offset: int) -> list[tuple[int, int]]:
    """Seq and offset of the block's first line, and of every 256th after it."""
    places = list(accumulate((len(raw) + 1 for raw in lines), initial=offset))
    return [(int(block.seqs[row]), places[row]) for row in range(0, len(lines), _INDEX_EVERY)]
