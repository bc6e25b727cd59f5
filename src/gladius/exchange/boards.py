"""Every TensorBoard that was started, ended when nobody looks. Upstream: rooms. Downstream: board processes, the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import importlib.util
import json
import os
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.errors import TensorBoardFailed, TensorBoardMissing
from gladius.exchange.event_files import own_folders
from gladius.pulse.rundir import Home, RunDir

PREFIX = "/tensorboard/"
IDLE_S = 15 * 60.0
_START_S = 90.0
_END_S = 5.0
_MOST = 8
_PATH = re.compile(rf"{PREFIX}([^/]+)/([^/]+)(/.*)?\Z", re.DOTALL)


@dataclass
class Board:
    """One running TensorBoard. Whoever knows its key may look at it, without being signed in."""

    run_id: str
    key: str
    process: asyncio.subprocess.Process
    port: int
    used: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        """Where the server has it, within the base path; without a slash at the end."""
        return f"{PREFIX}{self.run_id}/{self.key}"


class TensorBoards:
    """At most eight, one for each run; the one that nobody looked at for the longest time makes way.

    Lives in the event loop.
    """

    def __init__(self, home: Home, idle_s: float = IDLE_S) -> None:
        self._logs = home.logs / "tensorboard"
        self._idle_s = idle_s
        self._boards: dict[str, Board] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._keeper: asyncio.Task[None] | None = None

    @staticmethod
    def reason() -> str | None:
        """Why none can be started here; None when one can."""
        return None if importlib.util.find_spec("tensorboard") else str(TensorBoardMissing())

    async def open(self, run: RunDir, name: str, config: dict[str, Any], attempt: int) -> Board:
        """Return the run's TensorBoard, started if need be; raises TensorBoardMissing, TensorBoardFailed."""
        if self.reason() is not None:
            raise TensorBoardMissing()
        async with self._opening.setdefault(run.run_id, asyncio.Lock()):
            board = self._boards.get(run.run_id)
            if board is None or board.process.returncode is not None:
                await self._make_room()
                board = self._boards[run.run_id] = await self._start(run, name, config, attempt)
            board.used = time.monotonic()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._end_idle_ones())
        return board

    def find(self, path: str) -> Board | None:
        """The living TensorBoard that a path within the base path leads to, by its run and key."""
        found = _PATH.match(path)
        board = self._boards.get(found[1]) if found else None
        if found is None or board is None or board.process.returncode is not None:
            return None
        return board if hmac.compare_digest(board.key.encode(), found[2].encode()) else None

    async def end(self, run_id: str) -> None:
        """End the one of a run that is no more, if there is one."""
        board = self._boards.get(run_id)
        if board is not None:
            await self._end(board)

    async def close(self) -> None:
        """End all of them."""
        if self._keeper is not None:
            self._keeper.cancel()
        await asyncio.gather(*(self._end(board) for board in list(self._boards.values())))

    async def _start(self, run: RunDir, name: str, config: dict[str, Any], attempt: int) -> Board:
        key = secrets.token_urlsafe(24)
        log = self._logs / f"{run.run_id}.log"
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        cwd = Path(str(run.read_attempt(attempt).get("cwd") or "/"))
        settings = {
            "run": str(run.root), "prefix": f"{PREFIX}{run.run_id}/{key}", "title": f"{name} · TensorBoard",
            "folders": [str(folder) for folder in own_folders(config, cwd)],
        }  # fmt: skip
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as told:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "gladius.exchange.board",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=told, start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            line = await asyncio.wait_for(process.stdout.readline(), _START_S)
            port = int(json.loads(line)["port"])
        except (OSError, ValueError, TimeoutError, asyncio.CancelledError) as error:
            await _kill(process)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise TensorBoardFailed(_last_line(log), str(log)) from error
        return Board(run.run_id, key, process, port)

    async def _make_room(self) -> None:
        while len(self._boards) >= _MOST:
            await self._end(min(self._boards.values(), key=lambda board: board.used))

    async def _end_idle_ones(self) -> None:
        while True:
            await asyncio.sleep(min(self._idle_s / 4, 5.0))
            now = time.monotonic()
            for board in list(self._boards.values()):
                if now - board.used > self._idle_s or board.process.returncode is not None:
                    await self._end(board)

    async def _end(self, board: Board) -> None:
        if self._boards.get(board.run_id) is board:
            del self._boards[board.run_id]
        await _kill(board.process)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End it by the end of its input, which its own child hears too; by force where it does not listen."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].strip() if lines else f"it gave no sign within {_START_S:g} s"
