"""Have documents read by a process of its own, in bounded time and memory. Upstream: job. Downstream: reader."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gladius.knowledge.walk import Found
from gladius.wire.knowledge import IndexOptions, SkipReason

_LOOK_S = 0.1
_START_S = 60.0
_LONGEST_LINE = 2**16
_MOST = 512 * 2**20


class Interrupted(Exception):
    """Somebody wants the indexing to end."""


@dataclass(frozen=True)
class Reading:
    """What became of one file: a packed `body`, or `same` as before, or the `reason` why it gives nothing."""

    sha256: str | None = None
    same: bool = False
    characters: int = 0
    body: bytes | None = None
    reason: SkipReason | None = None
    detail: str = ""


class Worker:
    """The reading process; a new one after each that died or was ended. `interrupted` is asked while it works."""

    def __init__(self, root: Path, options: IndexOptions, interrupted: Callable[[], bool]) -> None:
        self._root = root
        self._options = options
        self._interrupted = interrupted
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, found: Found, known: str | None) -> Reading:
        """Read one file; `known` is the digest of what was read the last time. Raises Interrupted."""
        if found.size is not None and found.size > self._options.max_file_mib * 2**20:
            return Reading(reason="too_large", detail=f"{found.size:,}")
        if not found.size:
            return Reading(reason="empty")
        for attempt in (1, 2):
            try:
                return self._ask(found, known)
            except TimeoutError:
                self.close()
                return Reading(reason="timeout", detail=f"{self._options.seconds_per_file:g} s")
            except (EOFError, BrokenPipeError, ValueError):
                code = self._ended()
                if code == -24:  # SIGXCPU
                    return Reading(reason="timeout", detail=f"{self._options.seconds_per_file:g} s")
                # What killed it may have been aimed at this machine's memory and not at this file.
                if attempt == 2:
                    return Reading(reason="crashed", detail=f"{code}")
        raise AssertionError

    def close(self) -> None:
        """End the process."""
        self._ended()

    def _ask(self, found: Found, known: str | None) -> Reading:
        # The time of one file does not run while Python starts.
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        request = {
            "path": str(self._root / found.path), "kind": found.kind, "known": known, "encoding": self._options.encoding,
            "max_bytes": self._options.max_file_mib * 2**20, "seconds": self._options.seconds_per_file,
            "memory_mib": self._options.memory_mib,
        }  # fmt: skip
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        pipe = _Pipe(
            process.stdout.fileno(), time.monotonic() + self._options.seconds_per_file + 1.0, self._interrupted
        )
        told = json.loads(pipe.line())
        size = int(told.pop("size"))
        body = pipe.exactly(size) if size else None
        return Reading(body=body, **told)

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gladius.knowledge.reader"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        _Pipe(self._process.stdout.fileno(), time.monotonic() + _START_S, self._interrupted).line()
        return self._process

    def _ended(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2 if process.poll() is None else 0)
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        return code


class _Pipe:
    """One answer out of a pipe, until a moment. Raises TimeoutError, EOFError, Interrupted, ValueError."""

    def __init__(self, descriptor: int, until: float, interrupted: Callable[[], bool]) -> None:
        self._descriptor = descriptor
        self._until = until
        self._interrupted = interrupted
        self._held = bytearray()

    def line(self) -> bytes:
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > _LONGEST_LINE:
                raise ValueError
            self._more()
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        return line

    def exactly(self, size: int) -> bytes:
        if size > _MOST:
            raise ValueError
        while len(self._held) < size:
            self._more()
        return bytes(self._held[:size])

    def _more(self) -> None:
        while not select.select([self._descriptor], [], [], _LOOK_S)[0]:
            if self._interrupted():
                raise Interrupted
            if time.monotonic() > self._until:
                raise TimeoutError
        piece = os.read(self._descriptor, 2**20)
        if not piece:
            raise EOFError
        self._held += piece
