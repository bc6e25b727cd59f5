"""Keep the columnar copies of long runs up to date. Upstream: columns. Downstream: store.

Each extension runs in a process of its own, one at a time and with the lowest priority: what the server does meanwhile
is not held up. Only an index: deleting the folder loses nothing but time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from gladius.pulse.rundir import RunDir
from gladius.store.columns import ColumnCopy

_log = logging.getLogger("gladius.store")

WORTH_BYTES = 8 << 20
"""A stream that grew by less since its last copy is read quickly enough line by line."""
END_S = 2.0
"""A process that is told to end has this long; then it is killed."""
LIMIT_BYTES = 4 << 30
"""All copies together; those that were not used for longest go first."""


class Copies:
    """The copies of one home, and who brings them up to date."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, int] = {}
        self._due: asyncio.Queue[RunDir] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None

    def open(self, directories: Iterable[RunDir]) -> None:
        """Begin to work, first of all for the runs that are there."""
        self._worker = asyncio.create_task(self._work(list(directories)))

    async def close(self) -> None:
        """Stop working; what an extension has written so far stays good."""
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker

    def of(self, directory: RunDir) -> ColumnCopy:
        """The copy of a run's trainer stream, whether or not it was ever made."""
        return ColumnCopy(directory.events, self._folder / f"{directory.run_id}.columns")

    def consider(self, directory: RunDir) -> None:
        """Have the copy extended when the stream has grown enough for that to be worth it."""
        size = _size(directory.events)
        if size - self._seen.get(directory.run_id, 0) >= WORTH_BYTES:
            self._seen[directory.run_id] = size
            self._due.put_nowait(directory)

    def drop(self, run_id: str) -> None:
        """Forget a run that is gone."""
        self._seen.pop(run_id, None)
        for suffix in ("columns", "lock"):
            with contextlib.suppress(OSError):
                (self._folder / f"{run_id}.{suffix}").unlink()

    async def _work(self, known: list[RunDir]) -> None:
        long, self._seen = await asyncio.to_thread(self._covered, known)
        for directory in long:
            self.consider(directory)
        while True:
            try:
                await self._extend(await self._due.get())
            except OSError as error:
                _log.warning("no columnar copy could be made: %s", error)

    def _covered(self, known: list[RunDir]) -> tuple[list[RunDir], dict[str, int]]:
        """The runs with long streams, and how many bytes of each its copy holds."""
        # Names and no paths: of 10,000 runs, few are long.
        long = [one for one in known if _size(f"{one.root}/events.jsonl") >= WORTH_BYTES]
        return long, {directory.run_id: self.of(directory).covered() for directory in long}

    async def _extend(self, directory: RunDir) -> None:
        copy = self.of(directory)
        arguments = ("-m", "gladius.store.columns", str(directory.events), str(copy.path))
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            _, complaint = await process.communicate()
        finally:
            await _end(process)
        if process.returncode:
            _log.warning("%s", complaint.decode("utf-8", "replace").strip().rpartition("\n")[2])
        await asyncio.to_thread(self._make_room)

    def _make_room(self) -> None:
        with contextlib.suppress(OSError):
            copies = sorted(self._folder.glob("*.columns"), key=lambda path: path.stat().st_atime)
            total = sum(path.stat().st_size for path in copies)
            for path in copies[:-1]:
                if total <= LIMIT_BYTES:
                    return
                total -= path.stat().st_size
                path.unlink()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it if it still runs, by force where it does not listen."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_S)
        if process.returncode is None:
            process.kill()
            await process.wait()


def _size(path: Path | str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0
