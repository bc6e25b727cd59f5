"""What one client has heard of one run, and what comes next. Upstream: store. Downstream: subscription."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from gladius.hub.frames import events_frame, status_frame, system_frame
from gladius.hub.output import Output
from gladius.hub.pacing import Bucket
from gladius.hub.summaries import Made, Summaries
from gladius.store.stream import EventStream, Line
from gladius.store.view import RunView
from gladius.wire.runs import Cursors

HEARTBEAT_S = 10.0
EVENTS_PIECE = 1 << 17
_TYPES = {"metrics": "metrics", "system": "system"}
_AT_ONCE = frozenset({"status", "metrics", "events", "console", "system"})
"""Topics of which one hears as soon as something changed; a summary has its own time."""


class Feed:
    """Cursors into one run. Nothing waits here: what a slow client did not take yet stays in the run's files.

    Each lane (state, trainer, supervisor, console) keeps the pace by itself, so that much output delays no metric.
    """

    def __init__(self, run_id: str, cursors: Cursors, named: bool, summaries: Summaries) -> None:
        self.run_id = run_id
        self.named = named
        self.changed = True
        self.planned = math.inf
        """When its subscription will look at it next."""
        self._buckets = {"state": Bucket(), "trainer": Bucket(), "supervisor": Bucket(), "console": Bucket()}
        self._waiting: set[str] = set()
        self._seen = {"trainer": cursors.events, "supervisor": cursors.supervisor}
        self._output = Output(run_id, cursors.console)
        self._status_told: str | None = None
        self._status_at = 0.0
        self._summaries = summaries
        self._summary: Made | None = None
        self._changed_at = 0.0

    def due(self, topics: frozenset[str], now: float) -> float:
        """When to look at this run again (monotonic seconds): now after a change, else when a lane may go on."""
        summary = self._summary
        if self.changed and (not topics.isdisjoint(_AT_ONCE) or (summary is None and "runs" in topics)):
            return now
        times = [self._buckets[lane].not_before for lane in self._waiting if lane != "summary"]
        if summary is not None and (self.changed or "summary" in self._waiting):
            times.append(summary.due)
        if self.named and "status" in topics:
            times.append(self._status_at + HEARTBEAT_S)
        return min(times, default=math.inf)

    def output_came(self) -> bool:
        """Note that the trainer printed; false where that is known, and its turn will come."""
        if self.changed or "console" in self._waiting:
            return False
        self._waiting.add("console")
        return True

    def frames(self, view: RunView, topics: frozenset[str], now: float) -> Iterator[str | None]:
        """Yield what this client has not heard of the run, up to what the view holds now; None is a pause for others.

        Cursors move as frames are taken, so that a client that goes away in between loses and doubles nothing.
        """
        changed, self.changed = self.changed, False
        waiting, self._waiting = self._waiting, set()
        for name, stream in (("trainer", view.trainer), ("supervisor", view.supervisor)):
            wanted = _wanted(topics)
            if wanted is not None and self._seen[name] < stream.last_seq and self._may(name, now):
                yield from self._events(name, stream, wanted, topics)
        if "status" in topics and (changed or "state" in waiting or now - self._status_at >= HEARTBEAT_S):
            yield from self._status(view, now)
        if "runs" in topics and (changed or "summary" in waiting):
            yield from self._tell_summary(view, now, changed)
        if "console" in topics and self._output.is_behind(view) and self._may("console", now):
            yield from self._output.frames(view)
            if self._output.more:
                self._waiting.add("console")

    def _may(self, lane: str, now: float) -> bool:
        if self._buckets[lane].take(now):
            return True
        self._waiting.add(lane)
        return False

    def _status(self, view: RunView, now: float) -> Iterator[str]:
        text = status_frame(view)
        due = text != self._status_told or now - self._status_at >= HEARTBEAT_S
        if due and self._may("state", now):
            self._status_told = text
            self._status_at = now
            yield text

    def _tell_summary(self, view: RunView, now: float, changed: bool) -> Iterator[str]:
        self._changed_at = now if changed else self._changed_at
        before, made = self._summary, self._summaries.of(view, now)
        self._summary = made
        if made.at < self._changed_at:
            self._waiting.add("summary")
        if before is None or made.told != before.told:
            yield made.text

    def _events(
        self, name: str, stream: EventStream, wanted: Callable[[str], bool], topics: frozenset[str]
    ) -> Iterator[str | None]:
        while self._seen[name] < stream.last_seq:
            batch = stream.after(self._seen[name], wanted, max_bytes=EVENTS_PIECE)
            if batch.cursor <= self._seen[name]:
                return
            self._seen[name] = batch.cursor
            yield from _told(self.run_id, name, batch.lines, topics)
            yield None


def _wanted(topics: frozenset[str]) -> Callable[[str], bool] | None:
    """Which event types these topics need; None when they need no events."""
    if "events" in topics:
        return lambda type_: type_ != "metrics" or "metrics" in topics
    types = {type_ for type_, topic in _TYPES.items() if topic in topics}
    return types.__contains__ if types else None


def _told(run_id: str, stream: str, lines: list[Line], topics: frozenset[str]) -> Iterator[str]:
    told = [line for line in lines if line.type == "metrics" or "events" in topics]
    if told:
        yield events_frame(run_id, stream, told)
    for line in lines:
        if line.type == "system" and "system" in topics and (sample := system_frame(run_id, line)) is not None:
            yield sample
