"""Follow one event stream, remember its tail, find any place in it again. Upstream: run files. Downstream: view, hub, server."""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gladius.pulse.lines import LineFollower
from gladius.store.blocks import MetricBlock, decode_block, groups

_INDEX_EVERY = 256
_RECENT_LINES = 4096
_RECENT_BYTES = 2 << 20
_CHUNK_BYTES = 1 << 20
_SCAN_LINES = 20_000
_NAMED = 20
_LOOK_AHEAD = 4
_AHEAD_BYTES = 1 << 16


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
    attempt: int = 0


_decode_head = msgspec.json.Decoder(_Head).decode
decode_event = msgspec.json.Decoder(dict[str, Any]).decode


class EventStream:
    """One stream of one run. The last lines stay in memory; a sparse index leads to the rest in the file.

    Lines whose seq does not rise are left out, so that nobody is told anything twice. A line whose seq or attempt runs ahead of
    what the lines after it say is damaged itself: one flipped bit must not cost all that follows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_seq = -1
        self.damaged = 0
        """Lines that were left out because they are no events, or not in their place."""
        self.damage: list[int] = []
        """Which lines of the file the first of them are, from 1."""
        self._follower = LineFollower(path)
        self._read_lines = 0
        self._numbers: dict[int, int] = {}
        self._attempt = 0
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
        return self._size > self.offset

    @property
    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

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
            offset = self._read_lines = 0
        return self._take_lines(lines, offset)

    def restore(self, piece: Piece) -> list[dict[str, Any] | MetricBlock] | None:
        """Take in what a columnar copy holds of the lines that follow, as if they had been read; None when it does not."""
        if piece.begin != self.offset or (piece.block is not None and piece.block.seqs[0] <= self.last_seq):
            return None
        if piece.block is None and (head := _first_head(piece.lines)) is not None and head.seq <= self.last_seq:
            return None
        self._follower.offset = piece.end
        if piece.block is None:
            return self._take_lines(piece.lines, piece.begin)
        self._index_seqs.extend(seq for seq, _ in piece.places)
        self._index_offsets.extend(offset for _, offset in piece.places)
        self._lines += len(piece.block)
        self._read_lines += len(piece.block)
        self.last_seq, self._attempt = piece.block.seqs[-1], piece.block.attempt
        self._forget_recent()
        return [piece.block]

    def reject(self, event: dict[str, Any]) -> None:
        """Count an event of the last `read_new` as damaged: it lacks what its type needs."""
        self._note_damage(self._numbers.get(event["seq"], 0))

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
        # Lines that others push out of memory at once need not come there.
        a_line = (self.offset - offset) / max(1, len(lines))
        far_behind = self._size - self.offset > min(_RECENT_BYTES, _RECENT_LINES * a_line)
        first, self._numbers = self._read_lines + 1, {}
        self._read_lines += len(lines)
        for begin, end, regular in groups(lines):
            part = lines[begin:end]
            block = decode_block(part, self.last_seq) if regular else None
            if block is not None and not self._runs_ahead(_last_of(block), lines, end, block.seqs[-2]):
                self._note_block(block, part, offset, recent=len(lines) - end < _RECENT_LINES and not far_behind)
                found.append(block)
            else:
                places = accumulate((len(raw) + 1 for raw in part), initial=offset)
                for index, at in zip(range(begin, end), places, strict=False):
                    event = self._take(lines, index, at, first + index)
                    found += [] if event is None else [event]
            offset += sum(map(len, part)) + len(part)
        return found

    def _note_block(self, block: MetricBlock, lines: Sequence[bytes], offset: int, recent: bool) -> None:
        for seq, at in index_of(block, lines, offset):
            self._index_seqs.append(seq)
            self._index_offsets.append(at)
        self._lines += len(lines)
        self.last_seq, self._attempt = block.seqs[-1], block.attempt
        if not recent:
            self._forget_recent()
            return
        for seq, raw in zip(block.seqs, lines, strict=True):
            self._remember(Line(seq, "metrics", raw))

    def _take(self, lines: Sequence[bytes], index: int, offset: int, number: int) -> dict[str, Any] | None:
        raw = lines[index]
        if not raw:
            return None
        try:
            event = decode_event(raw)
            seq, type_ = event["seq"], event["type"]
            if not isinstance(seq, int) or not isinstance(type_, str):
                raise ValueError("seq and type")
        except (ValueError, KeyError, RecursionError):
            self._note_damage(number)
            return None
        attempt = event.get("attempt")
        head = _Head(seq, type_, attempt if isinstance(attempt, int) else 0)
        if seq <= self.last_seq or self._runs_ahead(head, lines, index + 1, self.last_seq):
            self._note_damage(number)
            return None
        self.last_seq, self._attempt = seq, max(self._attempt, head.attempt)
        self._numbers[seq] = number
        if self._lines % _INDEX_EVERY == 0:
            self._index_seqs.append(seq)
            self._index_offsets.append(offset)
        self._lines += 1
        self._remember(Line(seq, type_, raw))
        return event

    def _runs_ahead(self, head: _Head, lines: Sequence[bytes], following: int, last_seq: int) -> bool:
        """Whether the next line that can be read stands before this one, by its seq or its attempt."""
        jumps, rises = head.seq > last_seq + 1, head.attempt > self._attempt
        after = self._next_head(lines, following) if jumps or rises else None
        if after is None:
            return False
        by_seq = jumps and last_seq < after.seq <= head.seq
        return by_seq or (rises and max(1, self._attempt) <= after.attempt < head.attempt)

    def _next_head(self, lines: Sequence[bytes], index: int) -> _Head | None:
        """The next line that can be read, beyond the piece at hand if need be; None where none of the next few can."""
        more = lines[index : index + _LOOK_AHEAD]
        if len(more) < _LOOK_AHEAD:
            more = [*more, *LineFollower(self.path, self._follower.offset).read_new(_AHEAD_BYTES)[:_LOOK_AHEAD]]
        return _first_head(more)

    def _note_damage(self, number: int) -> None:
        self.damaged += 1
        if len(self.damage) < _NAMED:
            self.damage.append(number)

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


def _first_head(lines: Sequence[bytes]) -> _Head | None:
    for raw in lines:
        with contextlib.suppress(ValueError, RecursionError):
            return _decode_head(raw)
    return None


def _last_of(block: MetricBlock) -> _Head:
    return _Head(block.seqs[-1], "metrics", block.attempt)


def index_of(block: MetricBlock, lines: Sequence[bytes], offset: int) -> list[tuple[int, int]]:
    """Seq and offset of the block's first line, and of every 256th after it."""
    places = list(accumulate(map(len, lines), initial=offset))
    return [(block.seqs[row], places[row] + row) for row in range(0, len(lines), _INDEX_EVERY)]
