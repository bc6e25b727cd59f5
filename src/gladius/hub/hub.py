"""All clients that listen. Upstream: store. Downstream: the server's socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gladius.hub.subscription import Send, Subscription
from gladius.store.store import Store

MAX_SUBSCRIPTIONS = 1000


class Hub:
    """Passes each change in the store on to every client's subscription."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscriptions: set[Subscription] = set()
        store.listen(self._notice)

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def full(self) -> bool:
        """Whether no more clients are taken."""
        return len(self._subscriptions) >= MAX_SUBSCRIPTIONS

    @contextmanager
    def subscription(self, send: Send) -> Iterator[Subscription]:
        """A subscription for as long as the client is there."""
        subscription = Subscription(self._store, send)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def _notice(self, run_id: str, changed: frozenset[str]) -> None:
        for subscription in self._subscriptions:
            subscription.notice(run_id, changed)
