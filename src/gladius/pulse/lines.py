"""Follow the lines of a file that grows. Upstream: event streams. Downstream: events, store."""

from __future__ import annotations

import os
from typing import List, Optional

from gladius.pulse.plain_file import StrPath, plain

READ_BYTES = 1 << 22
_LONGEST_LINE = 64 << 20
"""No event is that long: what has no line break for so many bytes is passed over, or it would fill the memory."""


class LineFollower:
    """Reads the whole new lines of a growing file; a torn last line waits until a newline ends it."""

    def __init__(self, path: StrPath, offset: int = 0) -> None:
        self.path = os.fspath(path)
        self.offset = offset
        self.restarted = 0
        self._inode: Optional[int] = None

    def read_new(self, limit: int = READ_BYTES) -> List[bytes]:
        """Return new whole lines without their newlines, about `limit` bytes of them at most; [] when there are none.

        A file that was replaced or cut is read again from its start, and `restarted` counts that.
        """
        # Looked at a thousand times a second where many trainings run: no file object, which asks the kernel four times more.
        try:
            fd = plain(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            return []
        try:
            info = os.fstat(fd)
            if (self._inode is not None and info.st_ino != self._inode) or info.st_size < self.offset:
                self.offset = 0
                self.restarted += 1
            self._inode = info.st_ino
            if info.st_size == self.offset:
                return []
            os.lseek(fd, self.offset, os.SEEK_SET)
            block = os.read(fd, min(limit, info.st_size - self.offset))
            end = block.rfind(b"\n")
            if end < 0:
                return self._long_line(fd, block, info.st_size - self.offset)
        finally:
            os.close(fd)
        self.offset += end + 1
        return block[:end].split(b"\n")

    def _long_line(self, fd: int, begin: bytes, unread: int) -> List[bytes]:
        """The line that begins so, alone; [] where it has no end yet, or is longer than any: then all of it is passed over."""
        pieces, size, end = [begin], len(begin), -1
        while end < 0 and size < unread:
            if size > _LONGEST_LINE:
                self.offset += unread
                return []
            piece = os.read(fd, READ_BYTES)
            if not piece:
                break
            end = piece.find(b"\n")
            pieces.append(piece if end < 0 else piece[:end])
            size += len(pieces[-1])
        if end < 0:
            return []
        self.offset += size + 1
        return [b"".join(pieces)]
