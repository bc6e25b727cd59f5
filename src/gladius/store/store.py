"""All runs of a home: found, followed while they live, loaded when asked for. Upstream: watch, view. Downstream: hub, desk, server.

Past 400 lines because who follows a run, who lets it go and who may change it are one set of rules over the same books.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from gladius.errors import AmbiguousRun, GladiusError, InvalidRun, RunBusy, RunNotFound, RunUnreadable
from gladius.pulse.lock import is_held
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import Home, RunDir
from gladius.store.adoption import Adoption, Attach, is_report_of
from gladius.store.annotations import annotate
from gladius.store.copies import Copies
from gladius.store.shelf import Shelf
from gladius.store.soundness import why_unreadable
from gladius.store.standing import Standing
from gladius.store.summary import summarize
from gladius.store.table import Wanted, parent_of, row_of
from gladius.store.trash import Trash
from gladius.store.view import RunView
from gladius.store.watch import READ_INTERVAL_S, Watcher, open_watcher
from gladius.wire.runs import RunPatch, RunSummary, TrashedRun

_log = logging.getLogger("gladius.store")

TICK_S = 1.0
RESCAN_S = 5.0
ENDED_IN_MEMORY = 24
_LOOK_S = 0.01
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
        self._shelf = Shelf(home)
        self.trash = Trash(home)
        self._copies = Copies(home.state / "columns")
        self._ids: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._live: dict[str, RunView] = {}
        self._standing = Standing()
        self._stood: set[str] = set()
        """The living runs of the last look at that."""
        self._ended: OrderedDict[str, RunView] = OrderedDict()
        self._reading: asyncio.Task[None] | None = None
        self._loading: dict[str, asyncio.Task[RunView]] = {}
        self._dirty: dict[str, set[str]] = {}
        self._watcher: Watcher | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._pump_due: asyncio.TimerHandle | None = None
        self._pumped = 0.0
        self._listeners: list[OnChange] = []
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """List the runs and begin to follow those that live."""
        self.home.create()
        self._watcher = open_watcher(self.home.runs, self._on_change)
        self._watcher.add(self.home.runs)
        names = sorted(self._names(), reverse=True)
        for name in names[:_MAX_WATCHED]:
            self._watch(name)
        unread, living = await asyncio.to_thread(self._look_at_all, names)
        self._ids.update(self._shelf.rows, unread)
        for run_id in living:
            self._load(run_id)
        self._reading = asyncio.create_task(self._read_all(unread))
        self._copies.open(self.home.run(run_id) for run_id in self.ids())
        self._ticker = asyncio.create_task(self._tick_for_ever())

    async def settled(self) -> None:
        """Wait until every run that may live has been looked at once."""
        while self._loading:
            await asyncio.gather(*map(asyncio.shield, self._loading.values()), return_exceptions=True)

    async def close(self) -> None:
        """Follow nothing any more."""
        for task in (self._ticker, self._reading, *self._loading.values()):
            if task is not None:
                task.cancel()
        if self._pump_due is not None:
            self._pump_due.cancel()
        if self._watcher is not None:
            self._watcher.close()
        await self._copies.close()
        self._shelf.close()

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

    def unreadable(self) -> dict[str, str]:
        """The runs that are there and cannot be listed, each with the reason."""
        return dict(self._unreadable)

    def loaded(self, run_id: str) -> RunView | None:
        """The view of a run if it is in memory."""
        return self._live.get(run_id) or self._ended.get(run_id)

    def resolve(self, wanted: str) -> str:
        """Return the id that `wanted` means: an id, a unique prefix, a name, or `latest`.

        Raises RunNotFound, RunUnreadable, AmbiguousRun. Only ids of known runs are ever returned, so no path can be smuggled in.
        """
        if wanted in self._ids:
            return wanted
        if wanted == "latest" and self._ids:
            return max(self._ids)
        found = sorted(run_id for run_id in self._ids if wanted and run_id.startswith(wanted)) or self._named(wanted)
        if not found:
            raise self._missing(wanted)
        if len(found) > 1:
            raise AmbiguousRun(wanted, found)
        return found[0]

    async def view(self, run_id: str) -> RunView:
        """Return a run's view, loading it if need be; raises RunNotFound, RunUnreadable."""
        found = self.loaded(run_id)
        if found is not None:
            if run_id in self._ended:
                self._ended.move_to_end(run_id)
            return found
        if run_id not in self._ids:
            raise self._missing(run_id)
        try:
            return await asyncio.shield(self._load(run_id))
        except InvalidRun:
            raise self._missing(run_id) from None

    async def summary(self, run_id: str) -> RunSummary:
        """Return a run's summary as of now; raises RunNotFound."""
        kept = None if run_id in self._live else self._shelf.told([run_id]).get(run_id)
        return RunSummary.model_validate_json(kept) if kept is not None else summarize(await self.view(run_id))

    async def told(self, run_ids: list[str]) -> dict[str, str]:
        """The summaries of these runs as JSON, in this order; one that has gone meanwhile is left out."""
        kept = self._shelf.told(one for one in run_ids if one not in self._live)
        found: dict[str, str] = {}
        for run_id in run_ids:
            text = kept.get(run_id)
            with contextlib.suppress(RunNotFound, RunUnreadable):
                found[run_id] = text if text is not None else summarize(await self.view(run_id)).model_dump_json()
        return found

    @property
    def unread(self) -> int:
        """How many runs nothing is known of yet but that they are there."""
        rows = self._shelf.rows
        return max(0, len(self._ids) - len(rows) - sum(run_id not in rows for run_id in self._live))

    async def standing(self, patience: float) -> tuple[Standing, int]:
        """Every run as of now, in any order, and how many are missing because reading them takes longer than `patience` seconds."""
        deadline = time.monotonic() + patience
        while (unread := self.unread) and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_S)
        changed = dict.fromkeys(self._stood - self._live.keys()) | self._shelf.changed
        rows = {run_id: self._shelf.rows.get(run_id) for run_id in changed}
        rows.update((one, row_of(summarize(view), view.run, view.annotations)) for one, view in self._live.items())
        self._standing.take(rows)
        self._shelf.changed.clear()
        self._stood = set(self._live)
        return self._standing, unread

    async def of_source(self, source: str, patience: float) -> list[str]:
        """The ids of the runs that have this source, as far as they are read within `patience` seconds."""
        standing, _ = await self.standing(patience)
        return list(standing.ordered(Wanted(source=source)))

    async def caught_up(self, run_id: str) -> RunView:
        """Return a run's view after reading what its files hold now; raises RunNotFound."""
        view = await self.view(run_id)
        self._refresh(view, None)
        return view

    def parents(self) -> dict[str, str | None]:
        """The run that each was forked from, of the runs that are read."""
        known = {run_id: row.parent for run_id, row in self._shelf.rows.items()}
        return {**known, **{run_id: parent_of(view.run) for run_id, view in self._live.items()}}

    # Changing

    async def annotate(self, run_id: str, patch: RunPatch) -> RunSummary:
        """Change a run's name, tags or notes; raises RunNotFound, FieldErrors, NotesChanged, OSError."""
        # In memory, so that who listens to every run can be told at once.
        directory = (await self.view(run_id)).directory
        async with self._changing:
            await asyncio.to_thread(annotate, directory, patch)
        if run_id in self._live:
            self._refresh(self._live[run_id], {"annotations.json"})
        else:
            self._annotated(run_id)
        return await self.summary(run_id)

    async def delete(self, run_id: str) -> TrashedRun:
        """Put a run that has ended into the trash; raises RunNotFound, RunBusy while it lives, TrashElsewhere, OSError."""
        view = await self.caught_up(run_id)
        view.judge_process()
        if not view.ended:
            hint = (
                "Watch it no more first: 'gladius detach RUN'."
                if view.attached
                else "Stop it first: 'gladius stop RUN'."
            )
            state = "its file is watched" if view.attached else view.state
            raise RunBusy(f"Run '{run_id}' lives ({state}).", hint)
        if self._adoption.incomplete(view):
            raise RunBusy(f"The record of '{run_id}' is being completed.", "Try again in a minute.")
        async with self._changing:
            thrown = await asyncio.to_thread(self.trash.put, view.directory)
        self._forget(run_id)
        return thrown

    async def restore(self, entry: str) -> str:
        """Take a run out of the trash and return its id; raises TrashNotFound, RunExists, TrashElsewhere, OSError."""
        async with self._changing:
            run_id = await asyncio.to_thread(self.trash.restore, entry)
        self.adopt(run_id)
        await self.view(run_id)
        self._tell(run_id, frozenset({"facts"}))
        return run_id

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
        if directory.root.is_symlink() or not directory.root.is_dir():
            self._forget(run_id)
            return
        self._watch(run_id)
        if directory.exists():
            self._ids.add(run_id)
            self._mark(run_id, "")

    def _rescan(self) -> None:
        """Compare with what is on the disk; run directories that are new are looked at once."""
        names = self._names()
        if self._watcher is not None:
            self._watcher.add(self.home.runs)  # a home that came back is another folder
        for run_id in self._ids - names:
            self._forget(run_id)
        for run_id in [run_id for run_id in self._unreadable if why_unreadable(self.home.run(run_id)) is None]:
            del self._unreadable[run_id]
        for run_id in sorted(names - self._ids - self._unreadable.keys(), reverse=True):
            if self.home.run(run_id).exists():
                self.adopt(run_id)
        if self._reading is not None and self._reading.done() and self._shelf.renew():
            self._reading = asyncio.create_task(self._read_all(self.ids()))

    def _names(self) -> set[str]:
        with os.scandir(self.home.runs) as entries:
            return {one.name for one in entries if not one.name.startswith(".") and not one.is_symlink()}

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
        if name.startswith("."):
            return  # somebody's unfinished file
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
        if names <= _LOCKS | {"annotations.json"} and run_id in self._shelf.rows:
            self._annotated(run_id)
            return
        view = self._ended.pop(run_id, None)
        self._shelf.take(run_id)
        if view is None:
            self._load(run_id)
            return
        self._live[run_id] = view
        self._watch(run_id)
        self._refresh(view, None)

    def _annotated(self, run_id: str) -> None:
        """People said something of a run that has ended."""
        if (view := self._ended.get(run_id)) is not None:
            view.refresh({"annotations.json"})
        if self._shelf.annotate(run_id):
            self._tell(run_id, frozenset({"facts"}))
        else:
            self._shelf.take(run_id)
            self._load(run_id)

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
            view = await asyncio.to_thread(self._read, run_id)
        except InvalidRun:
            self._set_aside(run_id)
            raise
        finally:
            del self._loading[run_id]
        if run_id not in self._ids:
            raise RunNotFound(run_id)
        if self._is_over(view):
            self._keep_ended(view)
            self._tell(run_id, frozenset({"loaded"}))
        else:
            self._live[run_id] = view
            self._watch(run_id)
            # What was written between the reading and the watch shows now.
            self._refresh(view, None)
            self._tell(run_id, frozenset({"loaded", "status"}))
        return view

    def _is_over(self, view: RunView) -> bool:
        return view.ended and not view.supervised and not self._adoption.incomplete(view)

    def _keep_ended(self, view: RunView) -> None:
        self._live.pop(view.run_id, None)
        self._ended[view.run_id] = view
        self._copies.consider(view.directory)
        self._shelf.put(view)
        while len(self._ended) > ENDED_IN_MEMORY:
            self._ended.popitem(last=False)

    def _look_at_all(self, names: list[str]) -> tuple[list[str], list[str]]:
        """The runs that have to be read, and those of them that may live."""
        self.trash.sweep()
        unread = [name for name in self._shelf.open(names) if self.home.run(name).exists()]
        return unread, [run_id for run_id in unread if _may_live(self.home.run(run_id))]

    async def _read_all(self, unread: list[str]) -> None:
        """Read ended runs for their rows, newest first; none of them stays in memory."""
        for run_id in unread:
            if run_id in self._live or run_id in self._loading or run_id not in self._ids:
                continue
            try:
                view = await asyncio.to_thread(self._read, run_id)
            except InvalidRun:
                self._set_aside(run_id)
                continue
            except Exception:  # noqa: BLE001
                # An edge: one run that cannot be read must not keep the others from being listed.
                _log.exception("%s could not be read", run_id)
                continue
            if run_id in self._live or run_id in self._loading or run_id not in self._ids:
                continue
            if self._is_over(view):
                self._shelf.put(view)
            else:
                self._load(run_id)

    def _read(self, run_id: str) -> RunView:
        directory = self.home.run(run_id)
        return RunView(directory).load(self._copies.of(directory).pieces())

    def _set_aside(self, run_id: str) -> None:
        """Its run.json is broken or cannot be read: it is told of, and looked at again with each rescan."""
        reason = why_unreadable(self.home.run(run_id))
        self._forget(run_id)
        if reason is not None:
            self._unreadable[run_id] = reason

    def _missing(self, run_id: str) -> GladiusError:
        reason = self._unreadable.get(run_id)
        if reason is None:
            return RunNotFound(run_id)
        return RunUnreadable(run_id, str(self.home.run(run_id).run_json), reason)

    def _forget(self, run_id: str) -> None:
        self._unreadable.pop(run_id, None)
        self._live.pop(run_id, None)
        self._ended.pop(run_id, None)
        self._shelf.take(run_id)
        self._dirty.pop(run_id, None)
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
            if not self.home.runs.is_dir():
                # A home that is away for a while has lost no run: what was known of them stays.
                rescan_at = 0.0
                continue
            try:
                if time.monotonic() >= rescan_at:
                    rescan_at = time.monotonic() + RESCAN_S
                    self._rescan()
                    for view in self._live.values():
                        self._copies.consider(view.directory)
                for view in list(self._live.values()):
                    if self._live.get(view.run_id) is view:
                        self._tick(view)
                    # A hundred runs take longer than a log call may wait: what they write meanwhile comes in between.
                    await asyncio.sleep(0)
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
        if self._is_over(view):
            self._keep_ended(view)
            changed.add("status")
        else:
            self._adoption.consider(view)
        self._tell(view.run_id, frozenset(changed))

    def _named(self, name: str) -> list[str]:
        """The runs that carry this name; where none does, those that were started with it."""
        now: list[str] = []
        began: list[str] = []
        for run_id in self._ids if name else ():
            row, view = self._shelf.rows.get(run_id), self._live.get(run_id)
            run = view.run if view is not None else {}
            if row is None and view is None:
                run = read_object(self.home.run(run_id).run_json) or {}
            first = row.first_name if row is not None else run.get("name")
            shown = (
                row.name if row is not None else (view.annotations.get("name") if view is not None else None) or first
            )
            now += [run_id] if name == shown else []
            began += [run_id] if name == first else []
        return sorted(now or began)


def _seen_to(task: asyncio.Task[RunView]) -> None:
    """A load that nobody waits for must not complain at exit; its error is logged here."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a run could not be loaded: %s", error)


def _may_live(directory: RunDir) -> bool:
    """Whether a run must be looked at when the server starts: somebody holds it, or its record is not complete."""
    if is_held(directory.supervisor_lock) or is_held(directory.trainer_lock):
        return True
    with contextlib.suppress(OSError):
        reported = directory.report_json.stat().st_mtime
        attempt = max(directory.attempt_numbers(), default=0)
        launched = directory.attempt_json(attempt).stat().st_mtime if attempt > 0 else 0.0
        return attempt > 0 and not is_report_of(directory, attempt, launched, reported)
    return True
