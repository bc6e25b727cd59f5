"""All runs of a home: found, followed while they live, loaded when asked for. Upstream: watch, view. Downstream: hub, desk, server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from gladius.errors import AmbiguousRun, GladiusError, InvalidRun, RunNotFound
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir
from gladius.store.adoption import Adoption, Attach
from gladius.store.copies import Copies
from gladius.store.shelf import SummaryShelf
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.store.watch import Watcher, open_watcher
from gladius.wire.runs import RunSummary
from pulse_wrapper import safe_read_json

_log = logging.getLogger("gladius.store")

TICK_S = 1.0
RESCAN_S = 5.0
READ_INTERVAL_S = 0.005
"""A burst of appends is read this often; the first of it at once."""
ENDED_IN_MEMORY = 24
_MAX_WATCHED = 4096
_LOCKS = frozenset({"supervisor.lock", "trainer.lock"})

OnChange = Callable[[str, frozenset[str]], None]
"""Called with a run's id and what changed, see `RunView.refresh`; `tick` comes once a second for a live run."""


class Store:
    """The truth about all runs, as their files tell it. It lives in one event loop; only loading happens in threads.

    Live runs stay in memory and are followed; of the ended ones the last 24 asked for are kept.
    """

    def __init__(self, home: Home, attach: Attach | None = None) -> None:
        self.home = home
        self._adoption = Adoption(attach)
        self._shelf = SummaryShelf(home.state / "summaries")
        self._copies = Copies(home.state / "columns")
        self._ids: set[str] = set()
        self._live: dict[str, RunView] = {}
        self._ended: OrderedDict[str, RunView] = OrderedDict()
        self._summaries: dict[str, RunSummary] = {}
        self._parents: dict[str, str | None] = {}
        self._loading: dict[str, asyncio.Task[RunView]] = {}
        self._dirty: dict[str, set[str]] = {}
        self._watcher: Watcher | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._pump_due: asyncio.TimerHandle | None = None
        self._pumped = 0.0
        self._listeners: list[OnChange] = []

    async def open(self) -> None:
        """List the runs and begin to follow those that live."""
        self.home.create()
        self._watcher = open_watcher(self.home.runs, self._on_change)
        self._watcher.add(self.home.runs)
        self._rescan()
        self._copies.open(self.home.run(run_id) for run_id in self.ids())
        self._ticker = asyncio.create_task(self._tick_for_ever())

    async def settled(self) -> None:
        """Wait until every run that may live has been looked at once."""
        while self._loading:
            await asyncio.gather(*map(asyncio.shield, self._loading.values()), return_exceptions=True)

    async def close(self) -> None:
        """Follow nothing any more."""
        for task in (self._ticker, *self._loading.values()):
            if task is not None:
                task.cancel()
        if self._pump_due is not None:
            self._pump_due.cancel()
        if self._watcher is not None:
            self._watcher.close()
        await self._copies.close()

    def listen(self, listener: OnChange) -> None:
        """Have `listener` called after every change that was taken in."""
        self._listeners.append(listener)

    # Asking

    def ids(self) -> list[str]:
        """Every run's id, newest first."""
        return sorted(self._ids, reverse=True)

    def live_ids(self) -> list[str]:
        """The runs that are followed now."""
        return sorted(self._live, reverse=True)

    def loaded(self, run_id: str) -> RunView | None:
        """The view of a run if it is in memory."""
        return self._live.get(run_id) or self._ended.get(run_id)

    def resolve(self, wanted: str) -> str:
        """Return the id that `wanted` means: an id, a unique prefix, a name, or `latest`.

        Raises RunNotFound, AmbiguousRun. Only ids of known runs are ever returned, so no path can be smuggled in.
        """
        if wanted in self._ids:
            return wanted
        if wanted == "latest" and self._ids:
            return max(self._ids)
        found = sorted(run_id for run_id in self._ids if wanted and run_id.startswith(wanted)) or self._named(wanted)
        if not found:
            raise RunNotFound(wanted)
        if len(found) > 1:
            raise AmbiguousRun(wanted, found)
        return found[0]

    async def view(self, run_id: str) -> RunView:
        """Return a run's view, loading it if need be; raises RunNotFound."""
        found = self.loaded(run_id)
        if found is not None:
            if run_id in self._ended:
                self._ended.move_to_end(run_id)
            return found
        if run_id not in self._ids:
            raise RunNotFound(run_id)
        try:
            return await asyncio.shield(self._load(run_id))
        except InvalidRun:
            self._forget(run_id)
            raise RunNotFound(run_id) from None

    async def summary(self, run_id: str) -> RunSummary:
        """Return a run's summary as of now; raises RunNotFound."""
        if run_id in self._live:
            return summarize(self._live[run_id])
        known = self._summaries.get(run_id)
        if known is None and run_id in self._ids and run_id not in self._loading:
            known = self._shelf.get(self.home.run(run_id))
        if known is None:
            view = await self.view(run_id)
            known = summarize(view) if run_id in self._live else self._summaries.get(run_id) or summarize(view)
        if run_id not in self._live:
            self._summaries[run_id] = known
        return known

    async def caught_up(self, run_id: str) -> RunView:
        """Return a run's view after reading what its files hold now; raises RunNotFound."""
        view = await self.view(run_id)
        self._refresh(view, None)
        return view

    async def children(self, run_id: str) -> list[str]:
        """The runs that were forked from this one, oldest first."""
        unread = [one for one in self._ids if one not in self._parents]
        if unread:
            self._parents.update(await asyncio.to_thread(lambda: {one: _parent(self.home.run(one)) for one in unread}))
        return sorted(child for child, parent in self._parents.items() if parent == run_id and child in self._ids)

    def adopt(self, run_id: str) -> None:
        """Take notice of a run now, without waiting for the kernel to tell of it."""
        self._ids.add(run_id)
        self._watch(run_id)
        self._mark(run_id, "")

    # Following

    def _on_change(self, folder: Path, name: str) -> None:
        if folder == self.home.runs:
            self._rescan() if not name else self._noticed(name)
        elif folder.parent == self.home.runs:
            self._mark(folder.name, name)
        else:
            self._mark(folder.parent.name if folder.name == "control" else folder.parent.parent.name, "control")

    def _noticed(self, run_id: str) -> None:
        directory = self.home.run(run_id)
        if run_id.startswith("."):
            return
        if not directory.root.is_dir():
            self._forget(run_id)
            return
        self._watch(run_id)
        if directory.run_json.exists():
            self._ids.add(run_id)
            self._mark(run_id, "")

    def _rescan(self) -> None:
        """Compare with what is on the disk; run directories that are new are looked at once."""
        names = {path.name for path in self.home.runs.iterdir() if not path.name.startswith(".")}
        for run_id in self._ids - names:
            self._forget(run_id)
        new = sorted((name for name in names - self._ids if self.home.run(name).run_json.exists()), reverse=True)
        self._ids.update(new)
        for place, run_id in enumerate(new):
            if place < _MAX_WATCHED:
                self._watch(run_id)
            if _may_live(self.home.run(run_id)):
                self._load(run_id)

    def _watch(self, run_id: str) -> None:
        if self._watcher is None:
            return
        directory = self.home.run(run_id)
        self._watcher.add(directory.root)
        if run_id in self._live:
            self._watcher.add(directory.control)
            self._watcher.add(directory.supervisor_control)

    def _mark(self, run_id: str, name: str) -> None:
        """Note that a file of a run changed; it is read at once, or soon when it was read a moment ago."""
        if run_id not in self._ids:
            if name in ("run.json", ""):
                self._noticed(run_id)
            return
        self._dirty.setdefault(run_id, set()).add(name)
        if self._pump_due is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._pumped + READ_INTERVAL_S - loop.time())
            self._pump_due = loop.call_later(wait, self._pump)

    def _pump(self) -> None:
        self._pump_due = None
        self._pumped = asyncio.get_running_loop().time()
        dirty, self._dirty = self._dirty, {}
        for run_id, names in dirty.items():
            view = self._live.get(run_id)
            if view is None:
                self._awaken(run_id, names)
            else:
                self._refresh(view, None if "" in names else names)

    def _awaken(self, run_id: str, names: set[str]) -> None:
        """A run thought to have ended changed: follow it again; the next tick lets it go if nothing came of it."""
        if names <= _LOCKS:
            return
        view = self._ended.pop(run_id, None)
        self._summaries.pop(run_id, None)
        if view is None:
            self._load(run_id)
            return
        self._live[run_id] = view
        self._watch(run_id)
        self._refresh(view, None)

    def _refresh(self, view: RunView, names: set[str] | None) -> None:
        changed = view.refresh(names)
        if "supervisor" in changed or "trainer" in changed:
            view.judge_process() if view.current.exited is not None or view.alive is None else None
        if "more" in changed:
            self._mark(view.run_id, "")
        if changed:
            self._tell(view.run_id, frozenset(changed))

    def _tell(self, run_id: str, changed: frozenset[str]) -> None:
        for listener in self._listeners:
            listener(run_id, changed)

    # Loading

    def _load(self, run_id: str) -> asyncio.Task[RunView]:
        task = self._loading.get(run_id)
        if task is None:
            task = self._loading[run_id] = asyncio.create_task(self._load_in_thread(run_id))
            task.add_done_callback(_seen_to)
        return task

    async def _load_in_thread(self, run_id: str) -> RunView:
        try:
            directory = self.home.run(run_id)
            view = await asyncio.to_thread(lambda: RunView(directory).load(self._copies.of(directory).pieces()))
        finally:
            del self._loading[run_id]
        if run_id not in self._ids:
            raise RunNotFound(run_id)
        if view.ended and not view.supervised and not self._adoption.incomplete(view):
            self._keep_ended(view)
            self._tell(run_id, frozenset({"loaded"}))
        else:
            self._live[run_id] = view
            self._watch(run_id)
            # What was written between the reading and the watch shows now.
            self._refresh(view, None)
            self._tell(run_id, frozenset({"loaded", "status"}))
        return view

    def _keep_ended(self, view: RunView) -> None:
        self._live.pop(view.run_id, None)
        self._ended[view.run_id] = view
        self._copies.consider(view.directory)
        self._summaries[view.run_id] = summarize(view)
        if view.current.exited is not None and not view.trainer.behind and not view.supervisor.behind:
            # Only the last word is kept: a view that is behind its files would be taken for one that is not.
            self._shelf.put(view.directory, self._summaries[view.run_id])
        while len(self._ended) > ENDED_IN_MEMORY:
            self._ended.popitem(last=False)

    def _forget(self, run_id: str) -> None:
        self._live.pop(run_id, None)
        self._ended.pop(run_id, None)
        self._summaries.pop(run_id, None)
        self._dirty.pop(run_id, None)
        self._parents.pop(run_id, None)
        if run_id in self._ids:
            self._ids.discard(run_id)
            self._shelf.drop(run_id)
            self._copies.drop(run_id)
            self._tell(run_id, frozenset({"gone"}))

    # Once a second

    async def _tick_for_ever(self) -> None:
        rescan_at = time.monotonic() + RESCAN_S
        while True:
            await asyncio.sleep(TICK_S)
            try:
                if time.monotonic() >= rescan_at:
                    rescan_at = time.monotonic() + RESCAN_S
                    self._rescan()
                    for view in self._live.values():
                        self._copies.consider(view.directory)
                for view in list(self._live.values()):
                    self._tick(view)
                await self._adoption.run_due()
            except (OSError, GladiusError):
                _log.exception("a look at the live runs failed; the next is in %s s", TICK_S)

    def _tick(self, view: RunView) -> None:
        if not view.directory.root.is_dir():
            self._forget(view.run_id)
            return
        changed = view.refresh() | {"tick"}
        if view.judge_process():
            changed.add("status")
        if "more" in changed:
            self._mark(view.run_id, "")
        if view.ended and not view.supervised and not self._adoption.incomplete(view):
            self._keep_ended(view)
            changed.add("status")
        else:
            self._adoption.consider(view)
        self._tell(view.run_id, frozenset(changed))

    def _named(self, name: str) -> list[str]:
        """The runs that carry this name."""
        found = []
        for run_id in self._ids:
            view = self.loaded(run_id)
            run = view.run if view is not None else safe_read_json(self.home.run(run_id).run_json) or {}
            if name and run.get("name") == name:
                found.append(run_id)
        return sorted(found)


def _seen_to(task: asyncio.Task[RunView]) -> None:
    """A load that nobody waits for must not complain at exit; its error is logged here."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a run could not be loaded: %s", error)


def _parent(directory: RunDir) -> str | None:
    """The run that this one was forked from; run.json never changes."""
    parent = (safe_read_json(directory.run_json) or {}).get("parent")
    found = parent.get("run_id") if isinstance(parent, dict) else None
    return found if isinstance(found, str) else None


def _may_live(directory: RunDir) -> bool:
    """Whether a run must be looked at when the server starts: somebody holds it, or its record is not complete."""
    if is_held(directory.supervisor_lock) or is_held(directory.trainer_lock):
        return True
    with contextlib.suppress(OSError):
        reported = directory.report_json.stat().st_mtime
        attempt = max(directory.attempt_numbers(), default=0)
        return attempt > 0 and directory.attempt_json(attempt).stat().st_mtime > reported
    return True
