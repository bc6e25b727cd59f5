"""All clients that listen. Upstream: store, alerts. Downstream: the server's socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gladius.alerts.watch import Watch
from gladius.hub.frames import frame
from gladius.hub.subscription import Send, Subscription
from gladius.hub.summaries import Summaries
from gladius.store.store import Store
from gladius.wire.alerts import AlertRecord
from gladius.wire.base import Wire

MAX_SUBSCRIPTIONS = 1000


class Hub:
    """Passes each change in the store, and each alert, on to every client's subscription."""

    def __init__(self, store: Store, alerts: Watch | None = None) -> None:
        self._store = store
        self._subscriptions: set[Subscription] = set()
        self._summaries = Summaries()
        store.listen(self._notice)
        if alerts is not None:
            alerts.listen(self._alert)

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def full(self) -> bool:
        """Whether no more clients are taken."""
        return len(self._subscriptions) >= MAX_SUBSCRIPTIONS

    @contextmanager
    def subscription(self, send: Send) -> Iterator[Subscription]:
        """A subscription for as long as the client is there."""
        subscription = Subscription(self._store, self._summaries, send)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def hears(self, topic: str) -> bool:
        """Whether any client listens to a topic."""
        return any(subscription.hears(topic) for subscription in self._subscriptions)

    def news(self, topic: str, message: Wire) -> None:
        """Tell everybody who listens to a topic that belongs to no run's stream: `activities`, `machine`."""
        if self.hears(topic):
            text = frame(message)
            for subscription in self._subscriptions:
                subscription.news(topic, text)

    def _notice(self, run_id: str, changed: frozenset[str]) -> None:
        for subscription in self._subscriptions:
            subscription.notice(run_id, changed)

    def _alert(self, alert: AlertRecord) -> None:
        for subscription in self._subscriptions:
            subscription.alert(alert)
