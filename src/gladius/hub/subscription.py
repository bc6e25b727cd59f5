"""One client: which runs and topics it wants, and the loop that tells it. Upstream: hub. Downstream: the server's socket."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections import deque
from collections.abc import Awaitable, Callable

from gladius.errors import GladiusError
from gladius.hub.feed import Feed
from gladius.hub.frames import alert_frame, gap_frame, gone_frame
from gladius.hub.summaries import Summaries
from gladius.store.store import Store
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord
from gladius.wire.messages import Subscribe
from gladius.wire.runs import Cursors

Send = Callable[[str], Awaitable[None]]

_EVERY_RUN = "*"
_OUTPUT = frozenset({"console"})
_MOST_ALERTS = 256
_MOST_NEWS = 128
_MOST_GONE = 1000


class Subscription:
    """Pulls frames for one client and sends them one after another.

    There is no queue: a wake-up only marks a run, and the next frame is made when the client took the last one. So a
    slow client costs a few cursors, never memory. A run named by the client is told from its cursor on, without one
    from its beginning; `*` means every run: those that come later from their beginning, those known already from now on.
    Alerts are told from now on, before anything else, of every run where they are wanted everywhere; of more than 256
    that wait, the oldest become a gap. Of runs that went to the trash a client hears the last 1000.
    """

    def __init__(self, store: Store, summaries: Summaries, send: Send) -> None:
        self._store = store
        self._summaries = summaries
        self._send = send
        self._feeds: dict[str, Feed] = {}
        self._topics: frozenset[str] = frozenset()
        self._everywhere: frozenset[str] = frozenset()
        self._every = False
        self._known: frozenset[str] = frozenset()
        self._awaited: set[str] = set()
        self._alerts: deque[AlertRecord] = deque()
        self._alerts_skipped: dict[str, int] = {}
        self._news: deque[tuple[str, str]] = deque(maxlen=_MOST_NEWS)
        self._gone: deque[str] = deque(maxlen=_MOST_GONE)
        self._wake = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._plans: list[tuple[float, int, Feed]] = []
        self._turns = itertools.count()
        self._asleep_until = -math.inf

    async def change(self, wanted: Subscribe) -> list[str]:
        """Take what the client wants from now on; returns the names that mean no run yet.

        Runs that stay keep their cursors, unless new ones are given. A name that means no run is told of when one of
        that id appears.
        """
        named, unknown = self._resolve([name for name in wanted.runs if name != _EVERY_RUN])
        cursors, _ = self._resolve(list(wanted.cursors))
        every = _EVERY_RUN in wanted.runs
        wide = {*cursors, *self._store.live_ids()} if every else set()
        feeds: dict[str, Feed] = {}
        for run_id in {*named, *wide}:
            old = self._feeds.get(run_id)
            if run_id in cursors:
                feeds[run_id] = self._feed(run_id, wanted.cursors[cursors[run_id]], run_id in named)
            elif old is not None:
                feeds[run_id] = old
                old.changed, old.named = True, run_id in named
            else:
                begin = Cursors() if run_id in named else _end_of(await self._store.view(run_id))
                feeds[run_id] = self._feed(run_id, begin, run_id in named)
        self._topics = frozenset(wanted.topics)
        self._everywhere = frozenset(wanted.everywhere)
        self._every = every
        self._known = frozenset(self._store.ids())
        self._awaited = set(unknown)
        self._feeds = feeds
        self._plans.clear()
        for feed in feeds.values():
            feed.planned = math.inf
            self._plan(feed)
        self._wake.set()
        return unknown

    def notice(self, run_id: str, changed: frozenset[str]) -> None:
        """Mark a run as changed; cheap, and never waits."""
        if "gone" in changed:
            self._lose(run_id)
            return
        feed = self._feeds.get(run_id)
        if feed is None:
            feed = self._first_heard(run_id, changed)
            if feed is None:
                return
            self._feeds[run_id] = feed
        elif changed == _OUTPUT:
            # Up to 200 times a second in a flood: whoever does not listen to it, or is to be told soon anyway, is left alone.
            if "console" in self._topics and feed.output_came():
                self._plan(feed)
            return
        elif feed.changed and feed.planned < math.inf:
            return  # it will be looked at for an earlier change
        feed.changed = True
        self._plan(feed)

    def _plan(self, feed: Feed) -> None:
        """Have a feed looked at when it is due, where that is sooner than was planned."""
        now = self._clock()
        due = feed.due(self._topics, now)
        if due < feed.planned:
            feed.planned = due
            heapq.heappush(self._plans, (due, next(self._turns), feed))
            if due < self._asleep_until:
                self._wake.set()

    def _lose(self, run_id: str) -> None:
        """A run that went to the trash: should it come back, it is a new one."""
        heard = self._feeds.pop(run_id, None) is not None
        self._known -= {run_id}
        if "runs" in self._topics and (heard or self._every):
            self._gone.append(run_id)
            self._wake.set()

    def alert(self, alert: AlertRecord) -> None:
        """Have an alert told as soon as the client takes it; cheap, and never waits."""
        of_those_runs = "alerts" in self._topics and (self._every or alert.run_id in self._feeds)
        if not of_those_runs and "alerts" not in self._everywhere:
            return
        if len(self._alerts) >= _MOST_ALERTS:
            skipped = self._alerts.popleft().run_id
            self._alerts_skipped[skipped] = self._alerts_skipped.get(skipped, 0) + 1
        self._alerts.append(alert)
        self._wake.set()

    def hears(self, topic: str) -> bool:
        """Whether this client listens to a topic."""
        return topic in self._topics

    def news(self, topic: str, text: str) -> None:
        """Have a frame told that belongs to no run's stream; of many that wait the oldest are left out, for HTTP has all."""
        if topic in self._topics:
            self._news.append((topic, text))
            self._wake.set()

    async def run(self) -> None:
        """Tell the client for ever; ends with the error that `send` raises when the client is gone."""
        while True:
            await self._tell_alerts()
            ready = self._due()
            for feed in ready:
                await self._tell(feed, self._clock())
            if ready:
                # Whatever a feed thinks is due, others have their turn in between.
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            if self._alerts or self._news or self._gone:
                continue
            await self._sleep()

    def _due(self) -> list[Feed]:
        """The feeds to be looked at now; a plan that was made anew since, or whose feed is heard no more, is none."""
        ready, now = [], self._clock()
        while self._plans and self._plans[0][0] <= now:
            due, _, feed = heapq.heappop(self._plans)
            if feed.planned == due and self._feeds.get(feed.run_id) is feed:
                feed.planned = math.inf
                ready.append(feed)
        return ready

    async def _sleep(self) -> None:
        self._asleep_until = self._plans[0][0] if self._plans else math.inf
        timer = None
        if self._plans:
            timer = asyncio.get_running_loop().call_at(self._asleep_until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            self._asleep_until = -math.inf
            if timer is not None:
                timer.cancel()

    async def _tell_alerts(self) -> None:
        while self._alerts_skipped:
            run_id, count = self._alerts_skipped.popitem()
            await self._send(gap_frame(run_id, {"alerts": count}))
        while self._alerts:
            await self._send(alert_frame(self._alerts.popleft()))
        while self._gone:
            await self._send(gone_frame(self._gone.popleft()))
        while self._news:
            topic, text = self._news.popleft()
            # A measurement that waited behind a newer one is worth nothing.
            if topic != "machine" or all(later != "machine" for later, _ in self._news):
                await self._send(text)

    async def _tell(self, feed: Feed, now: float) -> None:
        try:
            view = await self._store.view(feed.run_id)
        except GladiusError:
            self._feeds.pop(feed.run_id, None)
            return
        for text in feed.frames(view, self._topics, now):
            if text is None:
                await asyncio.sleep(0)
                await self._tell_alerts()
            else:
                await self._send(text)
        self._plan(feed)

    def _resolve(self, names: list[str]) -> tuple[dict[str, str], list[str]]:
        """Ids -> the names that meant them, and the names that mean no run."""
        found: dict[str, str] = {}
        unknown = []
        for name in names:
            try:
                found[self._store.resolve(name)] = name
            except GladiusError:
                unknown.append(name)
        return found, unknown

    def _feed(self, run_id: str, cursors: Cursors, named: bool) -> Feed:
        return Feed(run_id, cursors, named, self._summaries)

    def _first_heard(self, run_id: str, changed: frozenset[str]) -> Feed | None:
        """A run that is new is told from its beginning; one known before, when it comes to life again, from now on."""
        if run_id in self._awaited:
            return self._feed(run_id, Cursors(), named=True)
        if not self._every:
            return None
        if run_id not in self._known:
            return self._feed(run_id, Cursors(), named=False)
        view = self._store.loaded(run_id)
        if view is None:
            return None
        # An ended run has nothing to tell, unless people say something else of it now.
        return self._feed(run_id, _end_of(view), named=False) if not view.ended or "facts" in changed else None


def _end_of(view: RunView) -> Cursors:
    return Cursors(events=view.trainer.last_seq, supervisor=view.supervisor.last_seq, console=view.console_size)
