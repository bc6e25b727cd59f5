"""Append events to a stream and read them back. Upstream: reporter, supervisor. Downstream: store, `pulse validate`.

One event is one line is one `write` on a descriptor opened with O_APPEND: when a write call returns, the bytes are
with the kernel and survive the death of any process.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import weakref
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, Union

from gladius.pulse.encode import Speller, encode, encode_into
from gladius.pulse.lines import READ_BYTES, LineFollower
from gladius.pulse.plain_file import StrPath, plain
from gladius.pulse.warn import warn

_TAIL_BYTES = 1 << 16
_NEWLINE = ord("\n")
_SEQ = re.compile(rb'"seq"\s*:\s*(\d+)')


class EventWriter:
    """The only writer of one stream. A failure warns once and is counted, and never raises into the caller's work."""

    def __init__(
        self, path: StrPath, attempt: int, clock: Callable[[], float] = time.time, spell: Speller = encode_into
    ) -> None:
        self.path = os.fspath(path)
        self.attempt = attempt
        self.dropped = 0
        self._clock = clock
        self._spell = spell
        self._lock = threading.Lock()
        self._fd = -1
        self._opened = (0, 0)
        self._torn = False
        self._warned = False
        self._syncing = threading.Lock()
        self._appended = 0
        self._on_disk = 0
        self._lost = (0, 0)
        self._cause = ""
        self._told_lost = False
        self._next_seq = 0
        self._line = bytearray()
        self._closed = False
        _writers.add(self)
        with self._lock:
            self._open()

    def write(self, type_: str, fields: Mapping[str, Any], durable: bool = False) -> bool:
        """Append one event and return whether it is with the kernel; with `durable`, on the disk.

        One that was to be durable and is not yet, for the disk failed, stays in the stream, and may be written again.
        """
        try:
            body = encode(fields)
        except ValueError as error:
            return self._leave_out(type_, error)
        with self._lock:
            written = self._append_event(type_, body[1:])
            mine = self._appended
        return self.sync(mine) if written and durable else written

    def metrics(
        self,
        values: Mapping[str, Any],
        step: Optional[int],
        epoch: Optional[float],
        log_offset: Optional[int],
        finite: bool = False,
    ) -> bool:
        """Append a `metrics` event: the hot path of a training loop. An epoch that is no finite number is left out.

        `finite` promises that all values are int or float, and none is NaN or infinite.
        """
        clock, line, spell = self._clock, self._line, self._spell if finite else encode_into
        try:
            with self._lock:
                event = {"seq": self._next_seq, "time": clock(), "attempt": self.attempt, "type": "metrics"}
                if step is not None:
                    event["step"] = step if step.__class__ is int else int(step)
                if epoch is not None and epoch - epoch == 0.0:
                    event["epoch"] = float(epoch)
                if log_offset is not None:
                    event["log_offset"] = log_offset
                event["values"] = values
                try:
                    spell(event, line)
                except (TypeError, ValueError, OverflowError):
                    encode_into(event, line)
                line.append(_NEWLINE)
                self._next_seq += 1
                return self._append(line)
        except (TypeError, ValueError, OverflowError) as error:
            return self._leave_out("metrics", error)

    def _leave_out(self, type_: str, error: Exception) -> bool:
        warn("a %s event was left out: %s", type_, error)
        with self._lock:
            self.dropped += 1
        return False

    def sync(self, until: Optional[int] = None) -> bool:
        """Put what was written on the disk; return whether it is there: all of it, or event number `until` of this writer.

        After a failed fsync the kernel may have given up the bytes, and calls the next one good all the same: so what
        one was to put there is never called durable later. One at a time: nobody may go on while another's is under way.
        """
        with self._syncing:
            with self._lock:
                fd, upto = self._fd, self._appended
            if upto > max(self._on_disk, self._lost[1]):
                # Outside the lock: a slow disk must not hold up the training loop's next event.
                if fd >= 0 and self._fsync(fd):
                    self._on_disk, self._told_lost = upto, False
                else:
                    self._lost = (self._on_disk, upto)
                    self._tell_lost()
            number = upto if until is None else until
            return number <= self._on_disk and not self._lost[0] < number <= self._lost[1]

    def check_file(self) -> None:
        """Find out whether the path still leads to the open file; writing to a deleted one would succeed silently."""
        with self._syncing:
            how = self._astray()
            if how == "closed":
                with self._lock:
                    # By the script: what becomes a daemon closes all that it knows nothing of. The number may be another file's by now.
                    self._fd = -1
                    self._open()
            elif how:
                with self._lock:
                    self._move(how)
            elif self._fd < 0 and not self._closed:
                with self._lock:
                    self._open()

    def _astray(self) -> str:
        """What became of the file that is open; "" for nothing. Outside the lock: a disk may take its time to tell."""
        if self._fd < 0:
            return ""
        try:
            mine = os.fstat(self._fd)
        except OSError:
            return "closed"
        if (mine.st_ino, mine.st_dev) != self._opened:
            return "closed"
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            return "deleted"
        except OSError as error:
            # A file system that does not answer is no proof that the file is gone.
            self._warn(error)
            return ""
        return "" if (now.st_ino, now.st_dev) == (mine.st_ino, mine.st_dev) else "replaced"

    def close(self) -> None:
        """Sync and close; later writes are dropped."""
        self.sync()
        with self._syncing, self._lock:
            self._closed = True
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def abandon(self) -> None:
        """Close without a word: what a forked child does with its parent's stream."""
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._closed = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _tell_lost(self) -> None:
        """Say once, until a sync succeeds, that what was written may not outlive a power cut."""
        if not self._told_lost and not self._closed:
            self._told_lost = True
            message = f"the disk failed to keep events ({self._cause}); a power cut may take them"
            fields = {"level": "warning", "code": "events_not_durable", "message": message, "value": self._cause}
            with self._lock:
                self._append_event("alert", encode(fields)[1:])

    # All below run with the lock held.

    def _append_event(self, type_: str, rest: str) -> bool:
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        comma = "" if rest == "}" else ","
        line = f'{{"seq":{seq},"time":{self._clock():.6f},"attempt":{self.attempt},"type":"{type_}"{comma}{rest}\n'
        return self._append(line.encode())

    def _append(self, line: Union[bytes, bytearray]) -> bool:
        """Append one line, by one write unless the disk takes less."""
        if self._fd < 0:
            self.dropped += 1
            return False
        rest = b"\n" + line if self._torn else line
        try:
            while (written := os.write(self._fd, rest)) < len(rest):
                rest = rest[written:]
        except OSError as error:
            self._torn = self._torn or len(rest) < len(line)
            self._warn(error)
            self.dropped += 1
            return False
        self._torn = False
        self._appended += 1
        if self.dropped:
            self._report_dropped()
        return True

    def _report_dropped(self) -> None:
        """Say how many are lost; when even that cannot be written, the count is kept for the next time."""
        count, self.dropped = self.dropped, 0
        message = f"{count} events could not be written" + (f": {self._cause}" if self._cause else "")
        fields = {"level": "warning", "code": "events_dropped", "message": message, "value": count}
        if self._append_event("alert", encode(fields)[1:]):
            self._warned = False
        else:
            self.dropped = count

    def _open(self) -> None:
        try:
            fd = plain(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            self._warn(error)
            return
        info = os.fstat(fd)
        self._opened = info.st_ino, info.st_dev
        last_seq, self._torn = _inspect_tail(fd)
        self._next_seq = max(self._next_seq, last_seq + 1)
        self._fd = fd

    def _move(self, how: str) -> None:
        """Leave a file that the path no longer leads to; a deleted one is laid down again from its descriptor."""
        old, opened, torn = self._fd, self._opened, self._torn
        if not self._warned:
            warn("%s was %s while in use", self.path, how)
        self._fd = -1
        self._open()
        if self._fd < 0:
            self._fd, self._opened = old, opened
            return
        if how == "deleted" and os.fstat(self._fd).st_size == 0:
            try:
                _copy(old, self._fd)
            except OSError as error:
                # The whole old stream stays readable through its descriptor; the next second tries again.
                self._warn(error)
                os.unlink(self.path)
                os.close(self._fd)
                self._fd, self._opened, self._torn = old, opened, torn
                return
            self._torn = torn
            self._appended += 1
        os.close(old)

    def _fsync(self, fd: int) -> bool:
        try:
            os.fsync(fd)
        except OSError as error:
            self._warn(error)
            return False
        return True

    def _warn(self, error: OSError) -> None:
        self._cause = error.strerror or str(error)
        if not self._warned:
            self._warned = True
            warn("cannot write %s: %s; training goes on, lost events are counted", self.path, error.strerror)


_writers: "weakref.WeakSet[EventWriter]" = weakref.WeakSet()


def _abandon_in_child() -> None:
    for writer in list(_writers):
        writer.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)


def _copy(source: int, target: int) -> None:
    offset = 0
    while True:
        os.lseek(source, offset, os.SEEK_SET)
        block = os.read(source, READ_BYTES)
        if not block:
            return
        offset += len(block)
        while block:
            block = block[os.write(target, block) :]


def _inspect_tail(fd: int) -> Tuple[int, bool]:
    """Return the last sequence number used in a stream, -1 for none, and whether its last line is torn."""
    size = os.fstat(fd).st_size
    window = _TAIL_BYTES
    while True:
        start = max(0, size - window)
        os.lseek(fd, start, os.SEEK_SET)
        tail = os.read(fd, size - start)
        matches = (_SEQ.search(line) for line in tail.split(b"\n"))
        seqs = [int(match[1]) for match in matches if match]
        if seqs or start == 0:
            return max(seqs, default=-1), bool(tail) and not tail.endswith(b"\n")
        window *= 16


class EventReader:
    """Reads the events of one stream; lines that are no events are skipped and counted."""

    def __init__(self, path: StrPath, offset: int = 0, decode: Callable[[bytes], Any] = json.loads) -> None:
        self.lines = LineFollower(path, offset)
        self.damaged = 0
        self._decode = decode

    def read_new(self, limit: int = READ_BYTES) -> List[Dict[str, Any]]:
        """Return the events that came since the last call, in file order."""
        events = []
        for line in self.lines.read_new(limit):
            if not line:
                continue
            try:
                event = self._decode(line)
                if not isinstance(event["seq"], int) or not isinstance(event["type"], str):
                    raise ValueError("seq and type")
                if not isinstance(event["time"], (int, float)) or not isinstance(event["attempt"], int):
                    raise ValueError("time and attempt")
            except (ValueError, TypeError, KeyError, RecursionError):
                self.damaged += 1
            else:
                events.append(event)
        return events

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        """Yield every event from here to the end of the file, a block at a time in memory."""
        while True:
            before = self.lines.offset
            yield from self.read_new()
            if self.lines.offset == before:
                return

    def read_all(self) -> List[Dict[str, Any]]:
        """Return every event from here to the end of the file."""
        return list(self)


def events_of_type(path: StrPath, type_: str) -> Iterator[Dict[str, Any]]:
    """Yield the events of one type, without the cost of decoding a long run's others."""
    mark = f'"{type_}"'.encode()

    def decode(line: bytes) -> Any:
        return json.loads(line) if mark in line else None

    return (event for event in EventReader(path, decode=decode) if event["type"] == type_)
