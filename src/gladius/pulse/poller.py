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
    """Judges a status file by its own clock as well: an old timestamp alone may be a clock that jumped.

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
        self._first_seen = 0.0
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
        status = read_training_status(self.path, self._opener)
        changed = status is not None and status != self._status
        if changed:
            self._history = self._status is None and status is not None and status["status"] in ("done", "error")
            self._status = status
            self._first_seen = now
        if self._status is None:
            return None
        stale = self._is_stale(now)
        changed = changed or stale != self._stale
        self._stale = stale
        if not changed and now - self._emitted_at < HEARTBEAT_S:
            return None
        self._emitted_at = now
        return self._update(heartbeat=not changed)

    def _is_stale(self, now: float) -> bool:
        assert self._status is not None
        unchanged_for = now - self._first_seen
        return unchanged_for >= STALE_AFTER_S and bool(TrainingStatus.judge(self._status, self._clock())["stale"])

    def _update(self, heartbeat: bool) -> StatusUpdate:
        assert self._status is not None
        progress = TrainingStatus(self._status).progress
        return StatusUpdate(self._status, progress, self._stale, heartbeat, self._history)
