"""Each run's summary as one frame for all who listen. Upstream: store. Downstream: feed."""

from __future__ import annotations

import math
from functools import cached_property
from weakref import WeakKeyDictionary

from gladius.hub.frames import run_frame, summary_of
from gladius.store.view import RunView

INTERVAL_S = 0.5
_SLOT_S = 0.05
"""What is due within such a slot is due at its end: a client that hears of many runs is woken once for several of them."""


class Made:
    """A summary as of `at`; the next may be made at `due` (monotonic seconds). It says something new where `told` differs."""

    def __init__(self, view: RunView, at: float) -> None:
        self._summary, self.told = summary_of(view)
        self.at = at
        self.due = math.ceil((at + INTERVAL_S) / _SLOT_S) * _SLOT_S

    @cached_property
    def text(self) -> str:
        """The frame, written for the first who is told of it."""
        return run_frame(self._summary)


class Summaries:
    """A summary is a view from afar, and dearer than an event: each run's is made at most twice a second, whoever listens."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[RunView, Made] = WeakKeyDictionary()

    def of(self, view: RunView, now: float) -> Made:
        """The summary as of `now`, or the last one where the next is not due yet."""
        made = self._made.get(view)
        if made is None or now >= made.due:
            made = self._made[view] = Made(view, now)
        return made
