"""Listen to the store, judge what changed, enter it in the book. Upstream: store, rules. Downstream: hub, server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from gladius.alerts.book import Book
from gladius.alerts.concern import concern_of
from gladius.alerts.settings import SettingsFile
from gladius.alerts.tracker import Tracker
from gladius.errors import AlertNotFound, GladiusError
from gladius.pulse.rundir import Home
from gladius.store.store import ENDED_IN_MEMORY, Store
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord

_log = logging.getLogger("gladius.alerts")

OnAlert = Callable[[AlertRecord], None]
"""Called with an alert as it stands each time one begins, changes, ends or is acknowledged."""

TOUCH_S = 60.0
"""How often the book's file says that a server watches."""
FRESH_S = 60.0
"""What happened longer ago than this is past, whenever it is read: it enters the book and rings no more."""

REST_S = 0.5
"""Rows of plain numbers, and what they make of the status, are judged this often: what they make an alert of lasts for long.
All else is judged at once."""
_ROWS = frozenset({"trainer", "more", "status", "console"})

_TELLING = frozenset({"loaded", "trainer", "supervisor", "status", "commands", "tick"})


class Watch:
    """Keeps the book true to the runs. It lives in the store's event loop."""

    def __init__(self, home: Home, store: Store) -> None:
        self.settings = SettingsFile(home.state / "settings.json")
        self.book = Book(home.state / "alerts.jsonl")
        self._home = home
        self._store = store
        self._trackers: dict[str, Tracker] = {}
        self._listeners: list[OnAlert] = []
        self._opened_at = 0.0
        self._last_watched: float | None = None
        self._touch_at = 0.0
        self._resting: dict[str, int] = {}
        """Runs whose rows were judged a moment ago, and how many moments they had then."""
        self._waiting: set[str] = set()
        """Those of them that have more rows since."""
        store.listen(self._notice)

    def open(self) -> None:
        """Read settings and book; to be called before the store is opened."""
        self._opened_at = time.time()
        self._last_watched = self.book.touched_at
        self.settings.read()
        self.book.open()

    def close(self) -> None:
        """Judge what still waits for that, and write nothing any more."""
        for run_id in [*self._waiting]:
            self._rested(run_id)
        self.book.touch()
        self.book.close()

    def listen(self, listener: OnAlert) -> None:
        """Have `listener` called for everything that is new; what is past when it is first read is not."""
        self._listeners.append(listener)

    def alerts(self, run_id: str | None = None, active: bool | None = None, limit: int = 200) -> list[AlertRecord]:
        """The newest alerts, of one run or of all; `active` chooses those that last, or that have ended."""
        found = self.book.all() if run_id is None else self.book.of_run(run_id)
        return [one for one in found if active is None or (one.ended_at is None) is active][:limit]

    def acknowledge(self, id_: str, by: str) -> AlertRecord:
        """Note that a person has seen an alert; the first one counts. Raises AlertNotFound."""
        known = self.book.get(id_)
        if known is None:
            raise AlertNotFound(id_)
        if known.acknowledged_at is not None:
            return known
        alert = self.book.update("ack", id_, acknowledged_at=time.time(), acknowledged_by=by)
        self._tell(alert)
        return alert

    async def catch_up(self) -> None:
        """Read the runs that ended while no server ran, so that what they had to tell is in the book; the newest 24."""
        since = self._last_watched
        if since is None:
            return
        for run_id in await asyncio.to_thread(self._missed, self._store.ids(), since - TOUCH_S):
            with contextlib.suppress(GladiusError):
                await self._store.view(run_id)

    def _missed(self, run_ids: list[str], since: float) -> list[str]:
        """The newest of these runs whose reports were written since then."""
        missed: list[str] = []
        for run_id in run_ids:
            with contextlib.suppress(OSError):
                if self._home.run(run_id).report_json.stat().st_mtime >= since:
                    missed.append(run_id)
        return missed[:ENDED_IN_MEMORY]

    def _notice(self, run_id: str, changed: frozenset[str]) -> None:
        if "gone" in changed:
            self._trackers.pop(run_id, None)
            self.book.drop_run(run_id)
            self._waiting.discard(run_id)
            return
        view = self._store.loaded(run_id)
        if view is None or changed.isdisjoint(_TELLING):
            return
        if changed <= _ROWS and self._resting.get(run_id) == view.moments:
            self._waiting.add(run_id)
        else:
            self._judge_now(view)
        if "tick" in changed and time.monotonic() >= self._touch_at:
            self._touch_at = time.monotonic() + TOUCH_S
            self.book.touch()

    def _judge_now(self, view: RunView) -> None:
        self._waiting.discard(view.run_id)
        if view.run_id not in self._resting:
            asyncio.get_running_loop().call_later(REST_S, self._rested, view.run_id)
        self._resting[view.run_id] = view.moments
        try:
            self._judge(view)
        except Exception:  # noqa: BLE001
            # An edge: a defect of a rule must cost neither the store its tick nor the clients their events.
            _log.exception("the alerts of %s could not be judged", view.run_id)

    def _rested(self, run_id: str) -> None:
        self._resting.pop(run_id, None)
        view = self._store.loaded(run_id)
        if run_id in self._waiting and view is not None:
            self._judge_now(view)

    def _judge(self, view: RunView) -> None:
        tracker = self._trackers.get(view.run_id)
        first = tracker is None or not tracker.follows(view)
        if tracker is None or first:
            self._trackers = {id_: one for id_, one in self._trackers.items() if not one.is_orphan}
            tracker = self._trackers[view.run_id] = Tracker(view, self.book)
        for alert in tracker.read(view, self.settings.thresholds):
            if not first or self._is_fresh(alert.ended_at or alert.began_at):
                self._tell(alert)
        view.concern = concern_of(tracker.active)

    def _is_fresh(self, at: float) -> bool:
        now = time.time()
        # A clock that was put back makes everything older than this server.
        return (at >= self._opened_at or now < self._opened_at) and abs(now - at) < FRESH_S

    def _tell(self, alert: AlertRecord) -> None:
        for listener in self._listeners:
            listener(alert)
