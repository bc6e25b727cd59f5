"""Make a run of a status file that another program writes, and follow it. Upstream: cli, server. Downstream: supervise, run directory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gladius.catalog.dataset_roots import Roots
from gladius.errors import ConfigError, GladiusError, RunNotLive, StatusUnfit
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import Home, RunDir
from gladius.store.attached import SOURCE
from gladius.store.store import Store
from gladius.store.view import RunView
from gladius.supervise.foreign import LOOK_S, Foreign, attempt_facts, is_detached, read_foreign

T = TypeVar("T")
_log = logging.getLogger("gladius.launch")

_AT_ONCE = 8
_ALL_READ_S = 600.0
"""How long the reading of runs that are in no index is waited for."""
_HINT = "Give the path of a training_status.json: six fields of PULSE v1, as docs/pulse.md says."


def attach(home: Home, path: Path, name: str | None = None) -> RunDir:
    """Make a run of the status file at `path`, or return the one that watches it. A server that sees it follows the file.

    Raises ConfigError for a path at which no status can be read now.
    """
    watched = Path(os.path.realpath(path))
    if watched.is_relative_to(os.path.realpath(home.runs)):
        raise ConfigError(f"{path} belongs to a run that is here already.", "'gladius ls' lists the runs.", "path")
    try:
        read_foreign(watched)
    except StatusUnfit as problem:
        raise ConfigError(str(problem), _HINT, "path") from None
    for run in attached(home):
        if run.read_run().get("watched") == str(watched) and not is_detached(run):
            return run
    facts = {"source": SOURCE, "engine": None, "watched": str(watched)}
    run = home.new_run(name or watched.parent.name or watched.stem, facts, "Watched from now on")
    run.write_attempt(1, attempt_facts(watched))
    return run


def attached(home: Home) -> Iterable[RunDir]:
    """The runs that were made of a status file, newest first."""
    return (run for run in home.all_runs() if (read_object(run.run_json) or {}).get("source") == SOURCE)


class Attachments:
    """Follows every watched file of a home while a server runs; after a restart those that were not detached.

    Files are read in threads of their own: a network file system that hangs holds up nothing but its own runs.
    """

    def __init__(self, store: Store, roots: Roots) -> None:
        self._store = store
        self._roots = Roots([*roots.folders, store.home.root])
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, Foreign] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, "gladius-attached")
        store.listen(self._notice)

    async def catch_up(self) -> None:
        """Look for the runs whose file ended before this server began: the next training in it must show."""
        for run_id in await self._store.of_source(SOURCE, _ALL_READ_S):
            with contextlib.suppress(GladiusError):
                await self._store.view(run_id)

    async def attach(self, path: Path, name: str | None) -> RunDir:
        """As `attach`, for an absolute path within the folders that the server reads. Raises ConfigError."""
        if not path.is_absolute() or "\0" in str(path):
            raise ConfigError(f"{path} is no absolute path.", "It begins with a slash.", "path")
        run = await self._in_thread(lambda: attach(self._store.home, self._within(path), name))
        self._store.adopt(run.run_id)
        return run

    def _within(self, path: Path) -> Path:
        try:
            return self._roots.within(path)
        except ConfigError as error:
            hint = f"{error.hint} 'gladius attach PATH' on this machine watches any file."
            raise ConfigError(error.message, hint, "path") from None

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
