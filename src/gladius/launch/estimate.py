"""When a waiting run will start, from what was measured alone. Upstream: history, paces. Downstream: queue."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from gladius.launch.queue_book import Entry
from gladius.launch.slots import Claim, Slots
from gladius.store.history import read_history
from gladius.wire.runs import HistoryEntry

_RECENT = 500
_Kind = tuple[str | None, str | None]


class Estimates:
    """Knows how long an epoch of a profile on a dataset took, by runs that reached their end."""

    def __init__(self, history: Path) -> None:
        self._history = history
        self._read: tuple[int, int] | None = None
        self._per_epoch: dict[_Kind, float] = {}

    @staticmethod
    def now() -> float:
        """Unix seconds."""
        return time.time()

    def duration(self, entry: Entry) -> float | None:
        """Seconds that it will take if it goes as the earlier ones did; None when there were none."""
        self._refresh()
        one = self._per_epoch.get((entry.request.profile_id, entry.request.dataset_id))
        return one * entry.request.epochs if one is not None and entry.request.epochs else None

    def of(
        self, slots: Slots, entries: Sequence[Entry], claims: Mapping[str, Claim], ends: Mapping[str, float | None]
    ) -> dict[str, tuple[float | None, float | None]]:
        """Run -> when it will start, and how long it will take; None where something before it is not known."""
        now = self.now()
        taken = [(_known(ends.get(run_id)), claim) for run_id, claim in claims.items()]
        not_before: dict[str, float] = {}
        found: dict[str, tuple[float | None, float | None]] = {}
        for entry in entries:
            duration, pool = self.duration(entry), slots.pool(entry.resources)
            if entry.run_id in claims:
                found[entry.run_id] = now, duration
                continue
            start, claim = _first_room(slots, entry, taken, max(now, not_before.get(pool, now)))
            not_before[pool] = start
            if claim is not None:
                taken.append((start + (math.inf if duration is None else duration), claim))
            found[entry.run_id] = start if math.isfinite(start) else None, duration
        return found

    def _refresh(self) -> None:
        try:
            info = self._history.stat()
        except OSError:
            return
        if self._read == (info.st_mtime_ns, info.st_size):
            return
        self._read = info.st_mtime_ns, info.st_size
        times: dict[_Kind, list[float]] = {}
        for entry in read_history(self._history, _RECENT):
            seconds = _epoch_seconds(entry)
            if seconds is not None:
                times.setdefault((entry.profile_id, entry.dataset_id), []).append(seconds)
        self._per_epoch = {kind: median(found[:9]) for kind, found in times.items()}


def _epoch_seconds(entry: HistoryEntry) -> float | None:
    """Seconds of one epoch of a run that went through in one attempt, from its first second to its last."""
    if entry.status != "done" or entry.attempt != 1 or not entry.epochs_completed:
        return None
    if entry.started_at is None or entry.finished_at is None:
        return None
    return max(0.0, entry.finished_at - entry.started_at) / entry.epochs_completed


def _first_room(
    slots: Slots, entry: Entry, taken: Sequence[tuple[float, Claim]], earliest: float
) -> tuple[float, Claim | None]:
    """The first moment from `earliest` at which it fits beside those that have not ended by then."""
    moments = sorted({earliest, *(end for end, _ in taken if end > earliest)})
    for moment in moments:
        claim = slots.fit(entry.resources, [one for end, one in taken if end > moment])
        if claim is not None:
            return moment, claim
    return math.inf, None


def _known(end: float | None) -> float:
    return math.inf if end is None else end
