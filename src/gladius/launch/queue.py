"""The one way to a new run of a profile: it starts when the machine has room, else it waits. Upstream: server, flows. Downstream: start.

What waits is in files (`queue_book`), what takes room is seen in the store; so a server that comes later goes on. A run that
waits never lets one of the same kind (with a GPU, without) that was asked for later go before it, however small that is.
Past 400 lines because all that takes room on the machine is in this one book, also what waits for nobody (a resume, a probe).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from gladius.errors import ConfigError, DiskFull, GladiusError, LaunchError, MachineFull, NotWaiting
from gladius.launch.attempt import reserved
from gladius.launch.estimate import Estimates
from gladius.launch.queue_book import Entry, QueueBook, behind, moved
from gladius.launch.slots import Claim, Slots, needed_ram
from gladius.launch.start import Starter
from gladius.launch.unstarted import close_to_the_end, close_unstarted, has_begun
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.identity import this_host
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir, new_run_id
from gladius.store.store import Store
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.wire.catalog import Resources, StartRequest
from gladius.wire.queue import Occupant, QueueAnswer, QueueChange, Waiting

_log = logging.getLogger("gladius.launch")

_ENDS = frozenset({"status", "trainer", "supervisor", "loaded", "tick", "gone"})
_MEMORY_LOOK_S = 2.0
"""How often a queue looks whether there is memory again for one that waits for it: nobody tells of that."""


class Queue:
    """Runs on their way to the machine. `submit` and `change` touch files: call them in a thread."""

    def __init__(self, home: Home, starter: Starter, store: Store, slots: Slots) -> None:
        self.slots = slots
        self._home = home
        self._starter = starter
        self._store = store
        self._book = QueueBook(home.queue)
        self._estimates = Estimates(home.history)
        self._entries: dict[str, Entry] = {}
        self._leaving: set[str] = set()
        self._claims: dict[str, Claim] = {}
        self._guests: dict[str, str] = {}
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        store.listen(self._on_change)

    async def open(self) -> None:
        """Take over what an earlier server left waiting, then start what there is room for, as long as this one lives."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._adopt)
        self._task = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """Start nothing any more; who waits stays in the files."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._loop = None

    # Asking for a run

    def submit(
        self, request: StartRequest, source: str, asked_by: str | None = None, wait: bool | None = None
    ) -> RunDir:
        """Start a run, or let it wait for its turn, and return its directory.

        `wait` None and True: it waits when the machine is full; False: it starts at once, whatever else runs.
        Raises ProfileNotFound, DatasetNotFound, PresetNotFound or ConfigError before anything is created, LaunchError after.
        """
        order = self._starter.order(request)
        resources = order.profile.resources
        lacks = self.slots.lacks(resources)
        if lacks is not None and wait is not False:
            raise ConfigError(f"Profile '{order.profile.id}' cannot run on this machine: {lacks}", field="profile_id")
        asked_at = time.time()
        with self._guard:
            place = behind(self._entries.values(), asked_at)
        entry = Entry(
            run_id=self._new_id(request.name or order.profile.id, asked_at), request=request, source=source,
            asked_at=asked_at, priority=request.priority, place=place, asked_by=asked_by, resources=resources,
        )  # fmt: skip
        try:
            self._book.write(entry)
            run = self._starter.create(entry, order)
        except OSError as error:
            self._book.remove(entry.run_id)
            _forget(self._home.run(entry.run_id).root)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(str(self._home.runs)) from error
            raise
        claim = self._claim_now(entry, anyway=wait is False)
        if claim is not None:
            self._launch(entry, claim)
        else:
            self._tell_store(entry.run_id)
        return run

    def waits(self, run_id: str) -> bool:
        """Whether a run is in the queue, not on its way out of it."""
        with self._guard:
            return run_id in self._entries and run_id not in self._leaving

    def change(self, run_id: str, wanted: QueueChange) -> None:
        """Give a waiting run another priority, another place, or both. Raises NotWaiting."""
        with self._guard:
            entry = self._waiting(run_id)
            if wanted.priority is not None:
                entry = replace(entry, priority=wanted.priority)
            changed = [entry]
            if wanted.position is not None:
                order = [one for one in self._ordered() if one.run_id != run_id]
                changed = moved(order, entry, wanted.position)
            # One that is on its way out of the queue would be written anew behind its removal.
            for one in (one for one in changed if one.run_id not in self._leaving):
                self._book.write(one)
                self._entries[one.run_id] = one
        self._wake()

    async def withdraw(self, run_id: str, by: str, command: Command | None = None) -> bool:
        """Cancel a run that waits; False when it does not, or is being started at this moment.

        `command` is the stop that asked for it; it is in the run's mailbox afterwards, and answered.
        """
        done = await asyncio.to_thread(self._cancel, run_id, by, command)
        if done:
            self._tell_store(run_id)
        return done

    # Room for what is no new run

    @contextlib.contextmanager
    def room_at_once(self, run_id: str, resources: Resources) -> Iterator[tuple[int, ...] | None]:
        """Room for an attempt that starts at once, whatever else runs; gives its GPUs, None without any.

        The room stays taken when the block is left well, until the run's process is gone.
        """
        with self._guard:
            claim = self.slots.claim_anyway(resources, self._others(run_id))
            self._claims[run_id] = claim
            self._leaving.add(run_id)
        started = False
        try:
            yield claim.gpus
            started = True
        finally:
            with self._guard:
                self._leaving.discard(run_id)
                if not started:
                    self._claims.pop(run_id, None)
            self._tell_store(run_id)

    @contextlib.contextmanager
    def room_for_guest(self, key: str, name: str, resources: Resources) -> Iterator[tuple[int, ...] | None]:
        """Room for what is no run, for as long as the block lasts; gives its GPUs, None without any.

        It waits for nobody and goes before nobody: raises MachineFull where a run would have to wait now.
        """
        lacks = self.slots.lacks(resources)
        if lacks is not None:
            raise ConfigError(lacks, field="profile_id")
        with self._guard:
            claim = self._free_place(resources, 0)
            if claim is None:
                raise MachineFull(name, len(self._claims))
            self._claims[key], self._guests[key] = claim, name
        try:
            yield claim.gpus
        finally:
            with self._guard:
                self._claims.pop(key, None)
                self._guests.pop(key, None)
            self._wake()

    def _others(self, run_id: str) -> list[Claim]:
        return [claim for one, claim in self._claims.items() if one != run_id]

    # Telling

    def place_for(self, resources: Resources, priority: int = 0) -> int:
        """Where one more run would wait, from 1; 0: it would start at once."""
        with self._guard:
            if self._free_place(resources, priority) is not None:
                return 0
            return len(self._before(priority)) + 1

    def _free_place(self, resources: Resources, priority: int) -> Claim | None:
        """The room that one more run would have at once; None when it would have to wait. Under the guard."""
        pool = self.slots.pool(resources)
        if any(self.slots.pool(one.resources) == pool for one in self._before(priority)):
            return None
        return self.slots.fit(resources, self._claims.values(), self._free_ram(resources))

    def _before(self, priority: int) -> list[Entry]:
        return [one for one in self._ordered() if one.priority >= priority and one.run_id not in self._leaving]

    def _free_ram(self, resources: Resources) -> int | None:
        """Memory that nobody uses and no run of ours has reserved and not taken yet; None where nothing is asked for."""
        if not needed_ram(resources):
            return None
        due = sum(max(0, claim.ram - self._used_ram(run_id)) for run_id, claim in self._claims.items() if claim.ram)
        return psutil.virtual_memory().available - due

    def _used_ram(self, run_id: str) -> int:
        view = self._store.loaded(run_id)
        group = view.system[-1].get("group") if view is not None and view.system else None
        used = group.get("rss") if isinstance(group, dict) else None
        return used if isinstance(used, int) else 0

    def answer(self) -> QueueAnswer:
        """Everything about the queue, as of now. In the store's loop only."""
        with self._guard:
            entries, claims, leaving = self._ordered(), dict(self._claims), set(self._leaving)
        running = [self._occupant(run_id, claim) for run_id, claim in claims.items()]
        rows = self._estimates.of(self.slots, entries, claims, {one.run_id: one.ends_at for one in running})
        waiting = [
            _row(entry, place, "starting" if entry.run_id in leaving else "waiting", *rows[entry.run_id])
            for place, entry in enumerate(entries, start=1)
        ]
        return QueueAnswer(slots=self.slots.told(claims), running=running, waiting=waiting)

    def _occupant(self, run_id: str, claim: Claim) -> Occupant:
        view = self._store.loaded(run_id)
        summary = summarize(view) if view is not None else None
        guest = self._guests.get(run_id)
        eta = summary.eta_seconds if summary is not None else None
        return Occupant(
            run_id=run_id, name=guest or (summary.name if summary is not None else run_id), probe=guest is not None,
            gpus=None if claim.gpus is None else list(claim.gpus), gpu_memory=claim.memory,
            ends_at=None if eta is None or view is None else self._estimates.now() + eta,
        )  # fmt: skip

    # What takes room

    def _on_change(self, run_id: str, changed: frozenset[str]) -> None:
        """A run changed: it may take room now, or leave some."""
        if changed.isdisjoint(_ENDS):
            return
        view = None if "gone" in changed else self._store.loaded(run_id)
        occupies = view is not None and view.attempt > 0 and _occupies(view)
        with self._guard:
            if run_id in self._leaving:
                return
            if view is not None and view.attempt == 0 and run_id not in self._entries:
                return  # just started: the view has yet to hear of it
            if "gone" in changed and run_id in self._entries:
                # Somebody deleted the directory of a run that waits.
                del self._entries[run_id]
                self._book.remove(run_id)
            if occupies == (run_id in self._claims):
                return
            if occupies and view is not None:
                self._claims[run_id] = self._claim_of(view)
                return
            del self._claims[run_id]
        self._wake()

    def _claim_of(self, view: RunView) -> Claim:
        facts = view.directory.read_attempt(view.attempt)
        assigned, raw = facts.get("gpus"), view.run.get("resources")
        resources = Resources.model_validate(raw) if isinstance(raw, dict) else Resources()
        return self.slots.claim_of_started(assigned if isinstance(assigned, list) else None, resources)

    def _claim_now(self, entry: Entry, anyway: bool) -> Claim | None:
        """Put a new run into the queue; where it may start at once, its room is taken and returned."""
        with self._guard:
            self._entries[entry.run_id] = entry
            if anyway:
                claim: Claim | None = self.slots.claim_anyway(entry.resources, self._claims.values())
            else:
                claim = next((found for one, found in self._startable() if one.run_id == entry.run_id), None)
            if claim is not None:
                self._leaving.add(entry.run_id)
                self._claims[entry.run_id] = claim
            return claim

    def _take_next(self) -> tuple[Entry, Claim] | None:
        with self._guard:
            found = next(self._startable(), None)
            if found is not None:
                entry, claim = found
                self._leaving.add(entry.run_id)
                self._claims[entry.run_id] = claim
            return found

    def _startable(self) -> Iterator[tuple[Entry, Claim]]:
        """Who may start now, in order, each beside those before it. Under the guard."""
        claims, closed = list(self._claims.values()), set[str]()
        for entry in self._ordered():
            pool = self.slots.pool(entry.resources)
            if pool in closed or entry.run_id in self._leaving:
                continue
            # One that no longer fits this machine takes its turn, and is told so.
            lost = self.slots.lacks(entry.resources) is not None
            claim = Claim(()) if lost else self.slots.fit(entry.resources, claims, self._free_ram(entry.resources))
            if claim is None:
                closed.add(pool)
                continue
            claims.append(claim)
            yield entry, claim

    def _ordered(self) -> list[Entry]:
        return sorted(self._entries.values(), key=lambda entry: entry.rank)

    def _waiting(self, run_id: str) -> Entry:
        entry = self._entries.get(run_id)
        if entry is None or run_id in self._leaving:
            raise NotWaiting(run_id)
        return entry

    # Starting

    async def _serve(self) -> None:
        await self._store.settled()
        while True:
            self._woken.clear()
            while (taken := self._take_next()) is not None:
                try:
                    await asyncio.to_thread(self._launch, *taken)
                except GladiusError as error:
                    # It is on the run's record; the next one has its turn.
                    _log.warning("%s could not be started: %s", taken[0].run_id, error)
                except Exception:  # noqa: BLE001
                    _log.exception("%s could not be started", taken[0].run_id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._looks_again_in)

    @property
    def _looks_again_in(self) -> float | None:
        with self._guard:
            return _MEMORY_LOOK_S if any(needed_ram(one.resources) for one in self._entries.values()) else None

    def _launch(self, entry: Entry, claim: Claim) -> None:
        """Start one whose room is taken. Whatever comes of it, it waits no more."""
        run, started = self._home.run(entry.run_id), False
        try:
            lacks = self.slots.lacks(entry.resources) if claim.gpus == () else None
            if lacks is not None:
                raise LaunchError(f"It cannot run on this machine: {lacks}")
            self._starter.launch(entry, claim.gpus)
            started = True
        except Exception as error:
            # A supervisor that answered too late has it all the same.
            started = is_held(run.supervisor_lock)
            if not started:
                self._starter.fail(entry, str(error))
            raise
        finally:
            with self._guard:
                self._entries.pop(entry.run_id, None)
                self._leaving.discard(entry.run_id)
                if not started:
                    self._claims.pop(entry.run_id, None)
            self._book.remove(entry.run_id)
            self._tell_store(entry.run_id)

    def _cancel(self, run_id: str, by: str, command: Command | None) -> bool:
        with self._guard:
            entry = self._entries.get(run_id)
            if entry is None or run_id in self._leaving:
                return False
            self._leaving.add(run_id)
        run = self._home.run(run_id)
        try:
            with reserved(run):
                if command is not None:
                    Mailbox(run.control).post(command)
                self._starter.cancel(entry, f"Cancelled by {by} while it waited")
            self._book.remove(run_id)
        finally:
            with self._guard:
                self._leaving.discard(run_id)
                if has_begun(run):
                    self._entries.pop(run_id, None)
        return True

    def _adopt(self) -> None:
        """Read what an earlier server left, and put right what it was in the middle of."""
        for entry in self._book.all():
            run = self._home.run(entry.run_id)
            if has_begun(run):
                self._see_off(entry)
                continue
            # Recorded and never handed over: it waits as before, and nobody takes it for an attempt that was lost.
            run.attempt_json(1).unlink(missing_ok=True)
            try:
                self._starter.create(entry, self._starter.order(entry.request))
            except (GladiusError, OSError) as error:
                _log.warning("%s will fail when its turn comes: %s", entry.run_id, error)
            with self._guard:
                self._entries[entry.run_id] = entry
        for path in self._book.damaged():
            self._give_up(path)

    def _see_off(self, entry: Entry) -> None:
        """One that waits no more: it was started, or cancelled or given up by a server that may have died over it."""
        try:
            close_to_the_end(self._home, self._home.run(entry.run_id), entry.request.epochs)
            self._book.remove(entry.run_id)
        except OSError as error:
            _log.error("the record of %s cannot be finished: %s", entry.run_id, error)

    def _give_up(self, path: Path) -> None:
        """A damaged entry: nobody knows any more what was asked for, and a run that waits for ever would be a lie."""
        run = self._home.run(path.stem)
        try:
            if run.run_json.exists():
                if not has_begun(run):
                    kept = self._book.aside(path)
                    close_unstarted(
                        self._home, run, "error", f"Its entry in the queue is damaged ({kept}). Start it anew."
                    )
                close_to_the_end(self._home, run)
            self._book.set_aside(path)
        except OSError as error:
            _log.error("%s: %s", path, error)

    def _new_id(self, name: str, asked_at: float) -> str:
        while True:
            run_id = new_run_id(name, asked_at)
            if not self._home.run(run_id).root.exists():
                return run_id

    def _tell_store(self, run_id: str) -> None:
        """Have the store read a run, and then the queue looked at."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._store.adopt, run_id)
        self._wake()

    def _wake(self) -> None:
        """Have the queue looked at, from whichever thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken.set)


def _forget(root: Path) -> None:
    """Remove what could be made of a run's directory before there was no more room."""
    shutil.rmtree(root, ignore_errors=True)


def _occupies(view: RunView) -> bool:
    """Whether a process of it is, or may be, on this machine: one that said its last word still holds its memory."""
    if view.run.get("watched") or view.current.exited is not None or view.alive is False:
        return False
    host = view.current.host
    return (host is None or host == this_host()) and (view.alive is True or not view.ended)


def _row(entry: Entry, position: int, state: str, starts_at: float | None, duration: float | None) -> Waiting:
    request = entry.request
    return Waiting(
        run_id=entry.run_id, name=request.name or request.profile_id, profile_id=request.profile_id,
        dataset_id=request.dataset_id, epochs=request.epochs, priority=entry.priority, position=position,
        asked_at=entry.asked_at, asked_by=entry.asked_by, source=entry.source, state=state,
        starts_at=starts_at, duration=duration,
    )  # fmt: skip
