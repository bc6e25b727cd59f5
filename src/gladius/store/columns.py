"""A compact columnar copy of an event stream, so that a long run opens at once. Upstream: events.jsonl. Downstream: view.

The lines stay the truth: the copy is made from them, is left alone when it does not fit them, and deleting it loses
nothing but time. It is a file of frames that only grows: a frame that was torn by a kill ends what is used, and the next
extension goes on from there. A frame is a head with its length and checksum, and a body: the places of its rows, then the
values of each metric, with checksums of their own. Values are read when somebody asks for the metric, and from their lines
where they are not what was written.

`python -m gladius.store.columns EVENTS COPY` brings a copy up to date in a process of its own, so that the
server never waits for it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import sys
import weakref
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import msgspec

from gladius.errors import LockHeld
from gladius.pulse.lines import LineFollower
from gladius.pulse.lock import FileLock
from gladius.pulse.plain_file import open_plain, private
from gladius.store.blocks import LINES, Column, Floats, MetricBlock, decode_block, groups
from gladius.store.peaks import Bounds, bounds_of, stretches
from gladius.store.stream import Piece, index_of

_MAGIC = b"gladius columns 4\n"
_HEADER = struct.Struct("<III")
"""Bytes of the head, bytes of the body, checksum of the head."""
_HEAD_BYTES = 4096
_TAIL_BYTES = 64
_READ_BYTES = 1 << 19
_PLACE_BYTES = 5 * 8
"""Of each row: seq, time, step, epoch, log offset."""


class _Origin(msgspec.Struct, tag="origin", array_like=True):
    """The beginning of the stream, to know it again."""

    size: int
    digest: bytes


class _Values(msgspec.Struct, array_like=True):
    """One metric: the rows that have it (empty: all of them), and the checksum and the last of its values in the body.

    After the values of a metric stand the bounds of each stretch of them (`peaks`), with a checksum of their own.
    """

    name: str
    rows: bytes
    count: int
    checksum: int
    last: float
    bounds: int


class _Metrics(msgspec.Struct, tag="metrics", array_like=True):
    begin: int
    end: int
    tail: bytes
    places: list[tuple[int, int]]
    attempt: int
    last_seq: int
    rows: int
    checksum: int
    columns: list[_Values]
    rises: bool


class _Lines(msgspec.Struct, tag="lines", array_like=True):
    begin: int
    end: int
    tail: bytes
    raw: bytes


_Frame = _Origin | _Metrics | _Lines
_Placed = tuple[_Metrics | _Lines, int]
"""A frame and where its body begins."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode


class ColumnCopy:
    """The copy of one stream."""

    def __init__(self, events: Path, path: Path) -> None:
        self._events = events
        self.path = path

    def pieces(self) -> Iterator[Piece]:
        """What the copy holds, from the stream's first byte on; nothing when it does not belong to these lines."""
        placed, _ = self._sound()
        try:
            bodies = _Bodies(self.path, self._events)
        except OSError:
            return
        for frame, begin in placed:
            piece = _piece(frame, begin, bodies)
            if piece is None:
                return
            yield piece

    def covered(self) -> int:
        """Bytes of the stream that the copy holds."""
        placed, _ = self._sound()
        return placed[-1][0].end if placed else 0

    def extend(self) -> None:
        """Take in what the stream has more by now; raises OSError, LockHeld when somebody else is at it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        lock.acquire()
        try:
            placed, size = self._sound(thoroughly=True)
            frames = [frame for frame, _ in placed]
            with open(self.path, "r+b" if size else "wb", opener=private) as file:
                file.truncate(size)
                file.seek(size)
                if not size:
                    file.write(_MAGIC)
                    _write(file, self._origin())
                seqs = [frame.last_seq for frame in frames if isinstance(frame, _Metrics)]
                self._copy(file, frames[-1].end if frames else 0, seqs[-1] if seqs else -1)
        finally:
            lock.release()

    def _copy(self, file: BinaryIO, offset: int, seq: int) -> None:
        for lines in self._portions(offset):
            for first, end, regular in groups(lines):
                part = lines[first:end]
                block = decode_block(part, seq) if regular else None
                frame = _lines_frame(part, offset) if block is None else _metrics_frame(block, part, offset)
                _write(file, frame, b"" if block is None else _body(block))
                seq = seq if block is None else block.seqs[-1]
                offset = frame.end

    def _portions(self, offset: int) -> Iterator[list[bytes]]:
        """The lines from `offset` on, as many at a time as one block may have: what is read at once is memory beside the server's."""
        follower, lines = LineFollower(self._events, offset), list[bytes]()
        while read := follower.read_new(_READ_BYTES):
            lines += read
            whole = len(lines) // LINES * LINES
            yield from (lines[begin : begin + LINES] for begin in range(0, whole, LINES))
            del lines[:whole]
        if lines:
            yield lines

    def _origin(self) -> _Origin:
        with open_plain(self._events) as file:
            head = file.read(_HEAD_BYTES)
        return _Origin(len(head), hashlib.sha256(head).digest())

    def _sound(self, thoroughly: bool = False) -> tuple[list[_Placed], int]:
        """The frames that belong to the stream as it is now, and the size of the file up to there; (`[]`, 0) for none."""
        size, origin, placed = 0, None, []
        for frame, begin, end in self._frames(thoroughly):
            if isinstance(frame, _Origin):
                origin = frame
            else:
                placed.append((frame, begin))
            size = end
        try:
            if origin is None or self._origin_of(origin.size) != origin.digest or not self._has(placed[-1:]):
                return [], 0
        except OSError:
            return [], 0
        return placed, size

    def _origin_of(self, size: int) -> bytes:
        with open_plain(self._events) as file:
            return hashlib.sha256(file.read(size)).digest()

    def _has(self, last: list[_Placed]) -> bool:
        """Whether the stream still reads as it did where the copy ends."""
        with open_plain(self._events) as file:
            for frame, _ in last:
                file.seek(frame.end - len(frame.tail))
                if file.read(len(frame.tail)) != frame.tail:
                    return False
        return True

    def _frames(self, thoroughly: bool) -> Iterator[tuple[_Frame, int, int]]:
        """The frames up to the first that is torn or damaged, each with the places where its body begins and ends."""
        try:
            file = self.path.open("rb")
        except OSError:
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            if file.read(len(_MAGIC)) != _MAGIC:
                return
            while len(header := file.read(_HEADER.size)) == _HEADER.size:
                head_bytes, body_bytes, checksum = _HEADER.unpack(header)
                head, begin = file.read(head_bytes), file.tell()
                if zlib.crc32(head) != checksum or begin + body_bytes > size:
                    return
                try:
                    frame = _decode(head)
                except msgspec.MsgspecError:
                    return
                if thoroughly and not _is_whole(frame, file.read(body_bytes)):
                    return
                yield frame, begin, begin + body_bytes
                file.seek(begin + body_bytes)


class _Bodies:
    """Where the values of a copy are read: from the copy, or from the lines where it does not hold what was written."""

    def __init__(self, path: Path, events: Path) -> None:
        self._events = events
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._read = functools.partial(os.pread, descriptor)
        weakref.finalize(self, os.close, descriptor)

    def raw(self, begin: int, size: int, checksum: int) -> bytes | None:
        """A part of the copy; None where it is not what was written."""
        found = self._read(size, begin)
        return found if len(found) == size and zlib.crc32(found) == checksum else None

    def bounds(self, begin: int, column: _Values) -> Bounds | None:
        """The bounds of one metric's values; None where the copy does not hold what was written."""
        raw = self.raw(begin, _bounds_bytes(column), column.bounds)
        return None if raw is None else (array("d", raw[: len(raw) // 2]), array("d", raw[len(raw) // 2 :]))

    def values(self, frame: _Metrics, begin: int, column: _Values) -> Floats:
        """The values of one metric of a frame; `begin` is where they stand. Raises OSError when neither file has them."""
        raw = self.raw(begin, 8 * column.count, column.checksum)
        if raw is not None:
            return array("d", raw)
        with open_plain(self._events) as file:
            file.seek(frame.begin)
            lines = file.read(frame.end - frame.begin)[:-1].split(b"\n")
        block = decode_block(lines, -1)
        for one in () if block is None else block.columns:
            if one.name == column.name and len(one.rows) == column.count:
                return one.values()
        raise OSError(f"{self._events} does not hold any more what was read from it; look at the run again")


def _is_whole(frame: _Frame, body: bytes) -> bool:
    if not isinstance(frame, _Metrics):
        return not body
    sizes, checksums = [_PLACE_BYTES * frame.rows], [frame.checksum]
    for column in frame.columns:
        sizes += [8 * column.count, _bounds_bytes(column)]
        checksums += [column.checksum, column.bounds]
    ends = list(accumulate(sizes))
    parts = (body[end - size : end] for size, end in zip(sizes, ends, strict=True))
    return ends[-1] == len(body) and all(map(int.__eq__, map(zlib.crc32, parts), checksums))


def _write(file: BinaryIO, frame: _Frame, body: bytes = b"") -> None:
    head = _encode(frame)
    file.write(_HEADER.pack(len(head), len(body), zlib.crc32(head)) + head + body)


def _body(block: MetricBlock) -> bytes:
    return _places(block) + b"".join(column.values().tobytes() + _bounds(column) for column in block.columns)


def _bounds(column: Column) -> bytes:
    values = column.values()
    return b"".join(bounds.tobytes() for bounds in bounds_of(values, values))


def _bounds_bytes(column: _Values) -> int:
    return 16 * stretches(column.count)


def _places(block: MetricBlock) -> bytes:
    """Where each row stands: five numbers of eight bytes, one kind after the other."""
    return b"".join(one.tobytes() for one in (block.seqs, block.times, block.steps, block.epochs, block.log_offsets))


def _lines_frame(lines: Sequence[bytes], offset: int) -> _Lines:
    raw = b"\n".join(lines) + b"\n"
    return _Lines(offset, offset + len(raw), raw[-_TAIL_BYTES:], raw)


def _metrics_frame(block: MetricBlock, lines: Sequence[bytes], offset: int) -> _Metrics:
    return _Metrics(
        begin=offset,
        end=offset + sum(map(len, lines)) + len(lines),
        tail=(lines[-1] + b"\n")[-_TAIL_BYTES:],
        places=index_of(block, lines, offset),
        attempt=block.attempt,
        last_seq=block.seqs[-1],
        rows=len(block),
        checksum=zlib.crc32(_places(block)),
        columns=[_values(column, len(block)) for column in block.columns],
        rises=block.rises,
    )


def _values(column: Column, rows: int) -> _Values:
    chosen = b"" if len(column.rows) == rows else array("I", column.rows).tobytes()
    checksums = zlib.crc32(column.values().tobytes()), zlib.crc32(_bounds(column))
    return _Values(column.name, chosen, len(column.rows), checksums[0], column.last, checksums[1])


def _piece(frame: _Metrics | _Lines, begin: int, bodies: _Bodies) -> Piece | None:
    if isinstance(frame, _Lines):
        return Piece(frame.begin, frame.end, lines=frame.raw[:-1].split(b"\n"))
    size = _PLACE_BYTES * frame.rows
    raw = bodies.raw(begin, size, frame.checksum)
    if raw is None:
        return None
    parts = [raw[begin : begin + 8 * frame.rows] for begin in range(0, size, 8 * frame.rows)]
    block = MetricBlock(
        attempt=frame.attempt,
        seqs=array("q", parts[0]),
        times=array("d", parts[1]),
        steps=array("q", parts[2]),
        epochs=array("d", parts[3]),
        log_offsets=array("q", parts[4]),
        columns=_columns(frame, begin + size, bodies),
        rises=frame.rises,
    )
    return Piece(frame.begin, frame.end, block, frame.places)


def _columns(frame: _Metrics, begin: int, bodies: _Bodies) -> list[Column]:
    found = []
    for one in frame.columns:
        rows = array("I", one.rows) if one.rows else range(frame.rows)
        values = functools.partial(bodies.values, frame, begin, one)
        begin += 8 * one.count
        found.append(Column(one.name, rows, one.last, values, functools.partial(bodies.bounds, begin, one)))
        begin += _bounds_bytes(one)
    return found


def main(arguments: list[str]) -> int:
    """Bring the copy of a stream up to date, out of everybody's way."""
    events, path = map(Path, arguments)
    if hasattr(os, "nice"):
        os.nice(19)
    try:
        ColumnCopy(events, path).extend()
    except (OSError, LockHeld) as error:
        sys.stderr.write(f"no columnar copy of {events}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
