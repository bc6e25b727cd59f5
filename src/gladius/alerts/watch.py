"""Listen to the store, judge what changed, enter it in the book. Upstream: store, rules. Downstream: hub, server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from gladius.alerts.book import Book
from gladius.alerts.settings import SettingsFile
from gladius.errors import AlertNotFound
from gladius.pulse.rundir import Home
from gladius.store.store import Store
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord

_log = logging.getLogger("gladius.alerts")

OnAlert = Callable[[AlertRecord], None]
"""Called with an alert as it stands each time one begins, changes, ends or is acknowledged."""

FRESH_S = 60.0
"""What happened longer ago than this is past, whenever it is read: it enters the book and rings no more."""


class Watch:
    """Keeps the book true to the runs. It lives in the store's event loop."""

    def __init__(self, home: Home, store: Store) -> None:
        self.settings = SettingsFile(home.state / "settings.json")
        self.book = Book(home.state / "alerts.jsonl")
        self._opened_at = 0.0
        self._listeners: list[OnAlert] = []
        self._store = store
        store.listen(self._notice)

    def open(self) -> None:
        """Read settings and book; to be called before the store is opened."""
        self._opened_at = time.time()
        self.settings.read()
        self.book.open()

    def close(self) -> None:
        """Write nothing any more."""
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

    def _notice(self, run_id: str, changed: frozenset[str]) -> None:
        if "gone" in changed:
            self.book.drop_run(run_id)
            return
        view = self._store.loaded(run_id)
        if view is not None and not changed.isdisjoint(("trainer", "supervisor", "loaded")):
            self._take_told(view)

    def _take_told(self, view: RunView) -> None:
        for event in view.alerts:
            id_ = f"{view.run_id}~{event['stream']}~{event['seq']}"
            if self.book.get(id_) is None:
                alert = AlertRecord(
                    id=id_, run_id=view.run_id, code=event["code"], level=event["level"], message=event["message"],
                    value=event.get("value"), threshold=event.get("threshold"), attempt=event["attempt"],
                    began_at=event["time"], ended_at=event["time"],
                )  # fmt: skip
                self.book.begin(alert)
                if self._is_fresh(alert.began_at):
                    self._tell(alert)

    def _is_fresh(self, at: float) -> bool:
        return at >= self._opened_at and time.time() - at < FRESH_S

    def _tell(self, alert: AlertRecord) -> None:
        for listener in self._listeners:
            listener(alert)
