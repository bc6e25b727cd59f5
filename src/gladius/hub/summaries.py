"""Each run's summary as one frame for all who listen. Upstream: store. Downstream: feed."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from weakref import WeakKeyDictionary

from gladius.hub.frames import run_frame, summary_of
from gladius.store.view import RunView

INTERVAL_S = 0.5
_SLOTS = 5
"""Each run's summary has its turn in one of so many slots of the interval, dealt out in turn: a client that hears of many runs is
woken once for several of them, and never for all at once, which a log call would have to wait for."""


class Made:
    """A summary as of `at`; the next may be made at `due` (monotonic seconds). It says something new where `told` differs."""

    def __init__(self, view: RunView, at: float, slot: int) -> None:
        self._summary, self.told = summary_of(view)
        self.at = at
        self.slot = slot
        turns = INTERVAL_S * slot / _SLOTS
        self.due = turns + INTERVAL_S * (math.floor((at - turns) / INTERVAL_S) + 1)

    @cached_property
    def text(self) -> str:
        """The frame, written for the first who is told of it."""
        return run_frame(self._summary)


class Summaries:
    """A summary is a view from afar, and dearer than an event: each run's is made at most once in an interval, whoever listens."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[RunView, Made] = WeakKeyDictionary()
        self._slots = itertools.cycle(range(_SLOTS))

    def of(self, view: RunView, now: float) -> Made:
        """The summary as of `now`, or the last one where the next is not due yet."""
        made = self._made.get(view)
        if made is None or now >= made.due:
            slot = next(self._slots) if made is None else made.slot
            made = self._made[view] = Made(view, now, slot)
        return made
