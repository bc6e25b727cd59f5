"""The last things that happened, over all runs and flows. Upstream: store, alerts. Downstream: server, sockets.

It is no truth of its own: everything in it is found in the runs' files and in the book of alerts, and found again after a
restart. In memory are the newest few hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from heapq import nlargest

from gladius.alerts.watch import Watch
from gladius.errors import GladiusError
from gladius.hub.happenings import TYPES, WAITED_S, Teller, read_tail
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import RunDir
from gladius.store.store import Store
from gladius.store.stream import decode_event
from gladius.store.summary import annotated
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord
from gladius.wire.overview import Activity

_log = logging.getLogger("gladius.hub")

SHOWN = 100
_KEPT = 600
_PAST_RUNS = 60
_LOOKED_AT = 2000
_TELLING = frozenset({"tick", "supervisor", "status"})
_TOLD_OTHERWISE = frozenset({"checkpoint_failed", "run_failed", "run_lost"})

OnActivity = Callable[[Activity], None]


class Activities:
    """Collects activities as the store tells of changes; lives in the store's event loop."""

    def __init__(self, store: Store, alerts: Watch) -> None:
        self._store = store
        self._alerts = alerts
        self._found: dict[str, Activity] = {}
        self._seen: dict[str, dict[str, int]] = {}
        self._tellers: dict[str, Teller] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._listeners: list[OnActivity] = []
        self._sources: list[Callable[[], Iterable[Activity]]] = []
        store.listen(self._notice)
        alerts.listen(self._alerted)

    def listen(self, listener: OnActivity) -> None:
        """Have `listener` called with each activity that is new, or known better."""
        self._listeners.append(listener)

    def remember(self, source: Callable[[], Iterable[Activity]]) -> None:
        """Ask `source`, in a thread, for what a room that is not known here did before this server."""
        self._sources.append(source)

    def add(self, one: Activity) -> None:
        """Take what happened in such a room just now."""
        self._take(one)

    async def newest(self, limit: int = SHOWN) -> list[Activity]:
        """The newest, newest first, under the runs' present names."""
        if self._reading:
            await asyncio.wait(self._reading, timeout=2.0)
        of_alerts = [one for alert in self._alerts.alerts(limit=limit * 2) for one in _of_alert(alert)]
        known = set(self._store.ids())
        found = nlargest(limit, (*self._found.values(), *of_alerts), key=lambda one: (one.time, one.id))
        names = {}
        for run_id in {one.run_id for one in found if one.run_id is not None} & known:
            # Deleted meanwhile: what happened to it is told under the name it had.
            with contextlib.suppress(GladiusError):
                names[run_id] = (await self._store.summary(run_id)).name
        return [one.model_copy(update={"name": names.get(one.run_id or "", one.name)}) for one in found]

    async def catch_up(self) -> None:
        """Read the ends of the runs that ended last, so that a server that was just started knows what happened."""
        for source in self._sources:
            for one in await asyncio.to_thread(list, source()):
                self._take(one, live=False)
        directories = [self._store.home.run(run_id) for run_id in self._store.ids()[:_LOOKED_AT]]
        live = set(self._store.live_ids())
        for directory in await asyncio.to_thread(_last_ended, directories):
            if directory.run_id not in live:
                await self._read(directory)

    def close(self) -> None:
        """Read nothing any more."""
        for task in self._reading:
            task.cancel()
        for timer in self._waiting.values():
            timer.cancel()

    # Taking in

    def _notice(self, run_id: str, changed: frozenset[str]) -> None:
        if "gone" in changed:
            self._forget(run_id)
            return
        view = self._store.loaded(run_id)
        if view is None or changed.isdisjoint(_TELLING | {"loaded"}):
            return
        try:
            self._follow(view)
        except Exception:  # noqa: BLE001
            # An edge: a list of what happened must cost neither the store its tick nor the clients their events.
            _log.exception("what happened to %s could not be read", run_id)

    def _follow(self, view: RunView) -> None:
        seen = self._seen.get(view.run_id)
        ends = {"trainer": view.trainer.last_seq, "supervisor": view.supervisor.last_seq}
        if seen is None:
            self._seen[view.run_id] = ends
            self._read_soon(view.directory)
            return
        for name, stream in (("trainer", view.trainer), ("supervisor", view.supervisor)):
            if stream.last_seq < seen[name]:
                seen[name] = -1
            while seen[name] < stream.last_seq:
                batch = stream.after(seen[name], TYPES.__contains__)
                if batch.cursor <= seen[name]:
                    break
                seen[name] = batch.cursor
                for line in batch.lines:
                    self._take(self._teller(view.directory).tell(name, decode_event(line.raw)))
        if view.ended:
            self._tellers.pop(view.run_id, None)

    def _read_soon(self, directory: RunDir, live: bool = False) -> None:
        task = asyncio.create_task(self._read(directory, live))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, directory: RunDir, live: bool = False) -> None:
        run, events = await asyncio.to_thread(lambda: (read_object(directory.run_json), read_tail(directory)))
        if run is None:
            return
        teller = self._tellers[directory.run_id] = Teller(directory, run)
        found = [one for stream, event in events if (one := teller.tell(stream, event)) is not None]
        started = min((one.time for one in found), default=None)
        for one in (teller.birth(started, time.time()), *sorted(found, key=lambda one: one.time)):
            self._take(one, live)
        asked = teller.may_wait_since
        if started is None and asked is not None and (left := asked + WAITED_S - time.time()) > 0:
            # Whether it waits is known when it could have begun: look again then.
            again = asyncio.get_running_loop().call_later(min(left, WAITED_S) + 0.1, self._read_soon, directory, True)
            self._waiting[directory.run_id] = again

    def _teller(self, directory: RunDir) -> Teller:
        found = self._tellers.get(directory.run_id)
        if found is None:
            found = self._tellers[directory.run_id] = Teller(directory, read_object(directory.run_json) or {})
        return found

    def _take(self, one: Activity | None, live: bool = True) -> None:
        if one is None:
            return
        known = self._found.get(one.id)
        if known is not None:
            if one.data.get("by_verdict") and not known.data.get("by_verdict"):
                return  # the trainer's own last word counts
            one = one.model_copy(update={"time": min(one.time, known.time), "data": {**known.data, **one.data}})
            if one == known:
                return
        self._found[one.id] = one
        if len(self._found) > _KEPT + 200:
            newest = nlargest(_KEPT, self._found.values(), key=lambda one: (one.time, one.id))
            self._found = {one.id: one for one in newest}
        if live:
            self._tell((one,))

    def _forget(self, run_id: str) -> None:
        self._seen.pop(run_id, None)
        self._tellers.pop(run_id, None)
        if (timer := self._waiting.pop(run_id, None)) is not None:
            timer.cancel()
        self._found = {id_: one for id_, one in self._found.items() if one.run_id != run_id}

    def _alerted(self, alert: AlertRecord) -> None:
        self._tell(_of_alert(alert))

    def _tell(self, activities: Iterable[Activity]) -> None:
        for one in map(self._renamed, activities):
            for listener in self._listeners:
                listener(one)

    def _renamed(self, one: Activity) -> Activity:
        """Under the run's present name."""
        view = None if one.run_id is None else self._store.loaded(one.run_id)
        if view is None:
            return one
        return one.model_copy(update={"name": annotated(view.run_id, view.run, view.annotations)["name"]})


def _of_alert(alert: AlertRecord) -> list[Activity]:
    """That it was raised, and that it has ended. A notice is no alert, and what an event tells is told once."""
    if alert.level == "info" or alert.code in _TOLD_OTHERWISE:
        return []
    data = {"code": alert.code, "level": alert.level, "message": alert.message, "data": alert.data}
    fields = {"run_id": alert.run_id, "name": alert.run_id, "attempt": alert.attempt, "data": data}
    found = [Activity(id=f"{alert.id}~raised", time=alert.began_at, kind="alert_raised", **fields)]
    if alert.ended_at is not None and alert.ended_at > alert.began_at:
        found.append(Activity(id=f"{alert.id}~cleared", time=alert.ended_at, kind="alert_cleared", **fields))
    return found


def _last_ended(directories: list[RunDir]) -> list[RunDir]:
    """Those with the newest reports."""
    ends: list[tuple[float, RunDir]] = []
    for directory in directories:
        with contextlib.suppress(OSError):
            ends.append((directory.report_json.stat().st_mtime, directory))
    return [directory for _, directory in nlargest(_PAST_RUNS, ends, key=lambda one: one[0])]
