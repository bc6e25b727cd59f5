"""A disk that fails on demand: the Nth open, write, fsync or rename below a folder, once or for good.

In process, in Python's own calls: `os` and `io.open`, behind which every file of ours is written but SQLite's. A pass
without a fault counts the calls; each later pass fails one of them, so the same fault comes at the same place every time.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ERRNOS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)
SHORT = 0
"""Instead of an errno: the write takes a part of its bytes only."""


class FaultyDisk:
    """Stands between the tests and everything below `root`. `calls` are the operations since the last `counting` or `failing`."""

    def __init__(self, root: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = os.path.realpath(root)
        self._paths: dict[int, str] = {}
        self._at = -1
        self._errno = 0
        self._lasts = False
        self._thread: int | None = None
        self.calls: list[tuple[str, str]] = []
        self.failed: list[str] = []
        self._real: dict[str, Any] = {name: getattr(os, name) for name in _WRAPPED}
        self._real_open = io.open
        for name in _WRAPPED:
            monkeypatch.setattr(os, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(io, "open", self._io_open)
        monkeypatch.setattr("builtins.open", self._io_open)

    @contextmanager
    def counting(self) -> Iterator[list[tuple[str, str]]]:
        """Let everything through and note it."""
        with self.failing(-1, 0, lasts=False):
            yield self.calls

    @contextmanager
    def failing(self, at: int, error: int, *, lasts: bool, everywhere: bool = False) -> Iterator[None]:
        """Fail call number `at` (from 0) of this thread (`everywhere`: of any), and with `lasts` all that follow."""
        self.calls, self.failed = [], []
        self._at, self._errno, self._lasts = at, error, lasts
        self._thread = None if everywhere else threading.get_ident()
        self._on = True
        try:
            yield
        finally:
            self._on = False

    _on = False

    def _step(self, kind: str, path: Any, size: int = 0) -> int:
        """Count one call, raise its fault if it has one; return how many of `size` bytes may be written."""
        if not self._on or (self._thread is not None and self._thread != threading.get_ident()):
            return size
        number = len(self.calls)
        self.calls.append((kind, os.path.basename(path)))
        hit = number == self._at or (self._lasts and 0 <= self._at < number)
        if not hit:
            return size
        if self._errno == SHORT:
            if number == self._at and kind == "write":
                self.failed.append(kind)
                return max(1, size // 2)
            if not self._lasts or number == self._at:
                return size
        self.failed.append(kind)
        number = self._errno or errno.ENOSPC
        raise OSError(number, os.strerror(number), os.fspath(path))

    def _mine(self, path: Any, dir_fd: int | None = None) -> str | None:
        if isinstance(path, int):
            return self._paths.get(path)
        if dir_fd is not None:
            return None
        whole = os.path.abspath(os.fsdecode(path))
        return whole if whole.startswith(self._root) else None

    # os

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        mine = self._mine(path, dir_fd)
        # A folder is opened to be synced, or in a server, where every thread counts, to be read: who reads is let through.
        syncs = self._thread is not None and mine is not None and os.path.isdir(mine)
        if mine is not None and (syncs or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            self._step("open", mine)
        descriptor: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        if mine is not None:
            self._paths[descriptor] = mine
        else:
            self._paths.pop(descriptor, None)
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._paths.pop(descriptor, None)
        self._real["close"](descriptor)

    def _write(self, descriptor: int, data: Any) -> int:
        mine = self._paths.get(descriptor)
        size = len(data)
        if mine is not None:
            size = self._step("write", mine, size)
        return int(self._real["write"](descriptor, memoryview(data)[:size]))

    def _fsync(self, descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        mine = self._paths.get(number)
        if mine is not None:
            self._step("fsync", mine)
        self._real["fsync"](number)

    def _replace(self, source: Any, target: Any, **options: Any) -> None:
        self._two("replace", source, target, options)

    def _rename(self, source: Any, target: Any, **options: Any) -> None:
        self._two("rename", source, target, options)

    def _link(self, source: Any, target: Any, **options: Any) -> None:
        self._two("link", source, target, options)

    def _two(self, name: str, source: Any, target: Any, options: dict[str, Any]) -> None:
        mine = self._mine(target)
        if mine is not None:
            self._step("rename", mine)
        self._real[name](source, target, **options)

    def _mkdir(self, path: Any, *args: Any, **options: Any) -> None:
        mine = self._mine(path, options.get("dir_fd"))
        if mine is not None and not os.path.isdir(mine):
            self._step("open", mine)
        self._real["mkdir"](path, *args, **options)

    # io

    def _io_open(
        self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
        errors: str | None = None, newline: str | None = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        mine = self._mine(file)
        if mine is None or not set(mode) & set("wax+"):
            return self._real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if opener is None and not isinstance(file, int):
            self._step("open", mine)
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        raw.disk = self
        self._paths[raw.fileno()] = mine
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffer
        text = io.TextIOWrapper(buffer, encoding or "utf-8", errors, newline)
        text.mode = mode
        return text


_WRAPPED = ("open", "close", "write", "fsync", "replace", "rename", "link", "mkdir")


class _Raw(io.FileIO):
    disk: FaultyDisk

    def write(self, data: Any) -> int:
        """Python's buffers write through here."""
        mine = self.disk._paths.get(self.fileno())
        view = memoryview(data).cast("B")
        size = len(view) if mine is None else self.disk._step("write", mine, len(view))
        return int(super().write(view[:size]))

    def close(self) -> None:
        if not self.closed:
            self.disk._paths.pop(self.fileno(), None)
        super().close()


def faults(calls: list[tuple[str, str]], errnos: tuple[int, ...] = ERRNOS) -> Iterator[tuple[int, int, bool]]:
    """Each call with each errno, once and for good; each write short as well."""
    for at, (kind, _) in enumerate(calls):
        kinds = (*errnos, SHORT) if kind == "write" else errnos
        yield from ((at, error, lasts) for error in kinds for lasts in (False, True))


def sampled(calls: list[tuple[str, str]]) -> Iterator[tuple[int, int, bool]]:
    """Each call with one errno, once or for good; each write short as well: what `make test` has time for."""
    for at, (kind, _) in enumerate(calls):
        yield at, ERRNOS[at % len(ERRNOS)], bool(at % 2)
        if kind == "write":
            yield at, SHORT, not at % 2
