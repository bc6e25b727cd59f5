"""Make a run of a status file that another program writes, and follow it. Upstream: cli, server. Downstream: supervise, run directory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gladius.errors import ConfigError, RunNotLive, StatusUnfit
from gladius.pulse.rundir import Home, RunDir
from gladius.store.attached import SOURCE
from gladius.store.store import Store
from gladius.store.view import RunView
from gladius.supervise.foreign import LOOK_S, Foreign, attempt_facts, read_foreign

T = TypeVar("T")
_log = logging.getLogger("gladius.launch")

_AT_ONCE = 8
_HINT = "Give the path of a training_status.json: six fields of PULSE v1, as docs/pulse.md says."


def attach(home: Home, path: Path, name: str | None = None) -> RunDir:
    """Make a run of the status file at `path`; a server that sees the run follows the file. Raises ConfigError."""
    watched = Path(os.path.realpath(path.expanduser()))
    try:
        read_foreign(watched)
    except StatusUnfit as problem:
        raise ConfigError(str(problem), _HINT, "path") from None
    facts = {"source": SOURCE, "engine": None, "watched": str(watched)}
    run = home.new_run(name or watched.parent.name or watched.stem, facts, "Watched from now on")
    run.write_attempt(1, attempt_facts(watched))
    return run


class Attachments:
    """Follows every watched file of a home while a server runs; after a restart those that were not detached.

    Files are read in threads of their own: a network file system that hangs holds up nothing but its own runs.
    """

    def __init__(self, store: Store, folders: Sequence[Path]) -> None:
        self._store = store
        self._folders = folders
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, Foreign] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, "gladius-attached")
        store.listen(self._notice)

    async def attach(self, path: Path, name: str | None) -> RunDir:
        """As `attach`, for a file within the folders that the server reads. Raises ConfigError."""
        real = Path(os.path.realpath(path.expanduser()))
        if not any(real.is_relative_to(os.path.realpath(folder)) for folder in self._folders):
            hint = "'gladius attach PATH' on this machine watches any file; 'gladius up --datasets DIR' adds a folder."
            raise ConfigError(f"{path} leads out of the folders that this server reads.", hint, "path")
        run = await self._in_thread(lambda: attach(self._store.home, path, name))
        self._store.adopt(run.run_id)
        return run

    async def detach(self, view: RunView, by: str) -> None:
        """Watch a file no more; the run stays as it was last seen. Raises RunNotLive."""
        if not view.attached:
            raise RunNotLive(f"'{view.run_id}' watches no file.", "Only what 'gladius attach' made can be detached.")
        if view.ended:
            raise RunNotLive(f"'{view.run_id}' is detached already.", "'gladius attach PATH' watches the file anew.")
        found = self._open.pop(view.run_id, None)
        task = self._tasks.pop(view.run_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        watched = Path(str(view.run.get("watched")))
        await self._in_thread(lambda: (found or Foreign(view.directory, watched)).detach(by))
        await self._store.caught_up(view.run_id)

    async def close(self) -> None:
        """Follow nothing any more."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _notice(self, run_id: str, changed: frozenset[str]) -> None:
        if "gone" in changed:
            task = self._tasks.pop(run_id, None)
            if task is not None:
                task.cancel()
        elif run_id not in self._tasks and "loaded" in changed:
            view = self._store.loaded(run_id)
            if view is not None and view.attached and not view.ended:
                self._tasks[run_id] = asyncio.create_task(self._follow(view))

    async def _follow(self, view: RunView) -> None:
        watched = Path(str(view.run.get("watched")))
        foreign = await self._in_thread(lambda: Foreign(view.directory, watched))
        self._open[view.run_id] = foreign
        try:
            while True:
                try:
                    await self._in_thread(foreign.look)
                except Exception:  # noqa: BLE001
                    # An edge: one file must never cost the others their looks.
                    _log.exception("a look at %s failed", watched)
                await asyncio.sleep(LOOK_S)
        finally:
            if self._open.pop(view.run_id, None) is not None:
                foreign.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        with contextlib.suppress(asyncio.CancelledError):
            return await asyncio.shield(future)
        # Whoever is called off waits for the look that is under way, so that nobody else writes meanwhile.
        await asyncio.wait([future], timeout=LOOK_S)
        raise asyncio.CancelledError
