"""Follow one training_status.json for ever. Upstream: the status file. Downstream: hub, `gladius watch FILE`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Union

from gladius.pulse.plain_file import Opener
from pulse_wrapper import STALE_AFTER_S, TrainingStatus, read_training_status

HEARTBEAT_S = 10.0
RUNNING_INTERVAL_S = 2.0
IDLE_INTERVAL_S = 10.0
MOST_PER_LOOK_S = 10.0
"""A look counts for at most so much silence: whoever did not look (asleep, stopped, a machine that was paused) saw none."""
_SKEWED_S = 60.0


@dataclass(frozen=True)
class StatusUpdate:
    """One `training_status_update`: the six fields as written, and what the poller makes of them."""

    status: Dict[str, Any]
    progress: float
    stale: bool
    heartbeat: bool
    history: bool
    """The status had ended already when the poller first looked."""


class StatusPoller:
    """Judges a status file by what it saw itself: an old timestamp alone may be a clock that jumped, or another machine's.

    Silence is counted from look to look, on a clock that nobody sets. A status that was there before the first look must have
    an old timestamp as well; of one that was seen to come it is known when it came.

    Call `poll` when a file notification came, and at least every `interval` seconds. It never ends: after `done` the
    next run in the same file shows.
    """

    def __init__(
        self,
        path: Union[str, "os.PathLike[str]"],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        opener: Optional[Opener] = None,
    ) -> None:
        self.path = path
        self._opener = opener
        self._clock = clock
        self._monotonic = monotonic
        self._status: Optional[Dict[str, Any]] = None
        self._silence = 0.0
        self._looked_at: Optional[float] = None
        self._seen_to_come = False
        self._behind: Optional[float] = None
        self.skew = 0.0
        """Seconds to add to the writer's times to get ours; 0 where its clock agrees within a minute, or nothing came yet."""
        self._stale = False
        self._history = False
        self._emitted_at = 0.0

    @property
    def interval(self) -> float:
        """Seconds until the next `poll` is due without a notification."""
        running = self._status is not None and self._status["status"] == "running"
        return RUNNING_INTERVAL_S if running else IDLE_INTERVAL_S

    @property
    def current(self) -> Optional[StatusUpdate]:
        """What was last known to be true; None before the first readable status."""
        return None if self._status is None else self._update(heartbeat=False)

    def poll(self) -> Optional[StatusUpdate]:
        """Read the file; return an update when something changed or a heartbeat is due, else None."""
        now = self._monotonic()
        self._silence += 0.0 if self._looked_at is None else min(max(0.0, now - self._looked_at), MOST_PER_LOOK_S)
        self._looked_at = now
        status = read_training_status(self.path, self._opener)
        changed = status is not None and status != self._status
        if status is not None and changed:
            self._history = self._status is None and status["status"] in ("done", "error")
            self._take(status)
        if self._status is None:
            return None
        stale = self._is_stale()
        changed = changed or stale != self._stale
        self._stale = stale
        if not changed and now - self._emitted_at < HEARTBEAT_S:
            return None
        self._emitted_at = now
        return self._update(heartbeat=not changed)

    @property
    def silence(self) -> Optional[float]:
        """Seconds without a change since one was seen to come; None while all that is known was there before."""
        return self._silence if self._seen_to_come else None

    def _take(self, status: Dict[str, Any]) -> None:
        # What follows `idle` may be a copy of what happened long ago.
        self._seen_to_come = self._status is not None and self._status["status"] != "idle"
        self._status = status
        self._silence = 0.0
        behind = self._clock() - status["timestamp"] if self._seen_to_come else None
        # Once may be a late copy; a clock that is wrong is wrong by the same each time.
        same = behind is not None and self._behind is not None and abs(behind - self._behind) < _SKEWED_S
        self.skew = behind if behind is not None and same and abs(behind) > _SKEWED_S else 0.0
        self._behind = behind

    def _is_stale(self) -> bool:
        assert self._status is not None
        if self._silence < STALE_AFTER_S or self._status["status"] != "running":
            return False
        return self._seen_to_come or bool(TrainingStatus.judge(self._status, self._clock())["stale"])

    def _update(self, heartbeat: bool) -> StatusUpdate:
        assert self._status is not None
        progress = TrainingStatus(self._status).progress
        return StatusUpdate(self._status, progress, self._stale, heartbeat, self._history)
