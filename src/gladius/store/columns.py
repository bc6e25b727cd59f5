"""A compact columnar copy of an event stream, so that a long run opens at once. Upstream: events.jsonl. Downstream: view.

The lines stay the truth: the copy is made from them, is left alone when it does not fit them, and deleting it loses
nothing but time. It is a file of frames, each with its length and checksum, that only grows: a frame that was torn by a
kill ends what is used, and the next extension goes on from there. `python -m gladius.store.columns EVENTS COPY` brings a
copy up to date in a process of its own, so that the server never waits for it.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from gladius.errors import LockHeld
from gladius.pulse.events import LineFollower
from gladius.pulse.lock import FileLock
from gladius.pulse.plain_file import open_plain, private
from gladius.store.blocks import MetricBlock, decode_block, groups
from gladius.store.stream import Piece, index_of

_MAGIC = b"gladius columns 1\n"
_HEADER = struct.Struct("<II")
_HEAD_BYTES = 4096
_TAIL_BYTES = 64
_READ_BYTES = 8 << 20


class _Origin(msgspec.Struct, tag="origin", array_like=True):
    """The beginning of the stream, to know it again."""

    size: int
    digest: bytes


class _Metrics(msgspec.Struct, tag="metrics", array_like=True):
    begin: int
    end: int
    tail: bytes
    places: list[tuple[int, int]]
    attempt: int
    numbers: list[bytes]
    columns: list[tuple[str, bytes, bytes]]


class _Lines(msgspec.Struct, tag="lines", array_like=True):
    begin: int
    end: int
    tail: bytes
    raw: bytes


_Frame = _Origin | _Metrics | _Lines
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode


class ColumnCopy:
    """The copy of one stream."""

    def __init__(self, events: Path, path: Path) -> None:
        self._events = events
        self.path = path

    def pieces(self) -> list[Piece]:
        """What the copy holds, from the stream's first byte on; empty when it does not belong to these lines."""
        return [_piece(frame) for frame in self._sound()[0]]

    def covered(self) -> int:
        """Bytes of the stream that the copy holds."""
        frames, _ = self._sound()
        return frames[-1].end if frames else 0

    def extend(self) -> None:
        """Take in what the stream has more by now; raises OSError, LockHeld when somebody else is at it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        lock.acquire()
        try:
            frames, size = self._sound()
            with open(self.path, "r+b" if size else "wb", opener=private) as file:
                file.truncate(size)
                file.seek(size)
                if not size:
                    file.write(_MAGIC)
                    _write(file, self._origin())
                blocks = [frame for frame in frames if isinstance(frame, _Metrics)]
                self._copy(file, frames[-1].end if frames else 0, _last_seq(blocks[-1]) if blocks else -1)
        finally:
            lock.release()

    def _copy(self, file: BinaryIO, offset: int, seq: int) -> None:
        follower = LineFollower(self._events, offset)
        while lines := follower.read_new(_READ_BYTES):
            for first, end, regular in groups(lines):
                part = lines[first:end]
                block = decode_block(part, seq) if regular else None
                frame = _lines_frame(part, offset) if block is None else _metrics_frame(block, part, offset)
                _write(file, frame)
                seq = seq if block is None else int(block.seqs[-1])
                offset = frame.end

    def _origin(self) -> _Origin:
        with open_plain(self._events) as file:
            head = file.read(_HEAD_BYTES)
        return _Origin(len(head), hashlib.sha256(head).digest())

    def _sound(self) -> tuple[list[_Metrics | _Lines], int]:
        """The frames that belong to the stream as it is now, and the size of the file up to there; (`[]`, 0) for none."""
        size, origin, frames = 0, None, []
        for frame, end in self._frames():
            if isinstance(frame, _Origin):
                origin = frame
            else:
                frames.append(frame)
            size = end
        try:
            if origin is None or self._origin_of(origin.size) != origin.digest or not self._has(frames[-1:]):
                return [], 0
        except OSError:
            return [], 0
        return frames, size

    def _origin_of(self, size: int) -> bytes:
        with open_plain(self._events) as file:
            return hashlib.sha256(file.read(size)).digest()

    def _has(self, last: list[_Metrics | _Lines]) -> bool:
        """Whether the stream still reads as it did where the copy ends."""
        with open_plain(self._events) as file:
            for frame in last:
                file.seek(frame.end - len(frame.tail))
                if file.read(len(frame.tail)) != frame.tail:
                    return False
        return True

    def _frames(self) -> Iterator[tuple[_Frame, int]]:
        """The frames up to the first that is torn or damaged, each with the place in the file where it ends."""
        try:
            file = self.path.open("rb")
        except OSError:
            return
        with file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return
            while len(header := file.read(_HEADER.size)) == _HEADER.size:
                length, checksum = _HEADER.unpack(header)
                body = file.read(length)
                if len(body) != length or zlib.crc32(body) != checksum:
                    return
                try:
                    yield _decode(body), file.tell()
                except msgspec.MsgspecError:
                    return


def _write(file: BinaryIO, frame: _Frame) -> None:
    body = _encode(frame)
    file.write(_HEADER.pack(len(body), zlib.crc32(body)) + body)


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
        numbers=[one.tobytes() for one in (block.seqs, block.times, block.steps, block.epochs, block.log_offsets)],
        columns=[(name, rows.tobytes(), values.tobytes()) for name, rows, values in block.columns],
    )


def _piece(frame: _Metrics | _Lines) -> Piece:
    if isinstance(frame, _Lines):
        return Piece(frame.begin, frame.end, lines=frame.raw[:-1].split(b"\n"))
    seqs, times, steps, epochs, log_offsets = frame.numbers
    block = MetricBlock(
        attempt=frame.attempt,
        seqs=np.frombuffer(seqs, dtype=np.int64),
        times=np.frombuffer(times, dtype=np.float64),
        steps=np.frombuffer(steps, dtype=np.int64),
        epochs=np.frombuffer(epochs, dtype=np.float64),
        log_offsets=np.frombuffer(log_offsets, dtype=np.int64),
        columns=[
            (name, np.frombuffer(rows, dtype=np.uint32), np.frombuffer(values, dtype=np.float64))
            for name, rows, values in frame.columns
        ],
    )
    return Piece(frame.begin, frame.end, block, frame.places)


def _last_seq(frame: _Metrics) -> int:
    return int(np.frombuffer(frame.numbers[0], dtype=np.int64)[-1])


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
