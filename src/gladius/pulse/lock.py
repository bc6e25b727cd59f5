"""Locks that the system releases when their holder dies. Upstream: nothing. Downstream: reporter, supervisor."""

from __future__ import annotations

import contextlib
import json
import os
import time
import weakref
from typing import Any, Dict, Optional, Union

from gladius.errors import LockHeld
from gladius.pulse.identity import Identity
from gladius.pulse.plain_file import plain, small

_PROBE_PATIENCE_S = 0.5


class FileLock:
    """An exclusive lock on a file for the life of this process; the file names its holder.

    Forked children (DataLoader workers) give up their copy of the descriptor at once, else an orphan would hold
    the lock after its parent was killed.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self.path = os.fspath(path)
        self._fd = -1

    def acquire(self, patience: float = _PROBE_PATIENCE_S) -> None:
        """Take the lock or raise LockHeld after `patience` seconds; a momentary probe by a reader is waited out."""
        fd = plain(self.path, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + patience
        while not _try_lock(fd, shared=False):
            if time.monotonic() >= deadline:
                os.close(fd)
                raise LockHeld(self.path, read_holder(self.path))
            time.sleep(0.01)
        self._fd = fd
        _held.add(self)
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            os.write(fd, json.dumps(Identity.current().as_dict()).encode())

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd >= 0


_held: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


def _forget_in_child() -> None:
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def is_held(path: Union[str, "os.PathLike[str]"]) -> bool:
    """Whether any process holds the lock now. Looking disturbs nobody: a shared lock, taken for a moment."""
    try:
        fd = plain(os.fspath(path), os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(fd, shared=True)
    finally:
        os.close(fd)


def read_holder(path: Union[str, "os.PathLike[str]"]) -> Optional[Dict[str, Any]]:
    """Return the identity that the last holder wrote, or None."""
    try:
        with open(path, encoding="utf-8", opener=small) as file:
            holder = json.load(file)
        return holder if isinstance(holder, dict) and "pid" in holder and "host" in holder else None
    except (OSError, ValueError, RecursionError):
        return None


def _try_lock(fd: int, shared: bool) -> bool:
    if os.name == "nt":
        return _try_lock_windows(fd)
    import fcntl

    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _try_lock_windows(fd: int) -> bool:
    """Lock one byte far behind the text, so that readers can still see who holds it."""
    import msvcrt

    os.lseek(fd, 1 << 30, os.SEEK_SET)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return True
    except OSError:
        return False
    finally:
        os.lseek(fd, 0, os.SEEK_SET)
