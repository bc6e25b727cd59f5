"""Who waits, in which order, on disk: a file for each run, so that the next server finds them. Upstream: queue. Downstream: files.

A file is there from before the run's directory until its trainer's supervisor has it: whenever a server dies, the run is in
the one place or the other.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gladius.wire.catalog import Resources, StartRequest
from pulse_wrapper import atomic_write_json

_log = logging.getLogger("gladius.launch")


@dataclass(frozen=True)
class Entry:
    """One run that was asked for. `place` orders those of one priority; `overrides` are with the preset's settings."""

    run_id: str
    request: StartRequest
    source: str
    asked_at: float
    priority: int
    place: float
    asked_by: str | None = None
    resources: Resources = field(default_factory=Resources)

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sorts the next one first."""
        return -self.priority, self.place, self.run_id

    def as_dict(self) -> dict[str, Any]:
        """As its file holds it."""
        models = {"request": self.request.model_dump(), "resources": self.resources.model_dump(exclude_none=True)}
        return {**{key: value for key, value in asdict(self).items() if key not in models}, **models}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Entry:
        """Raises KeyError, TypeError or ValueError for what is no entry."""
        return cls(
            run_id=str(raw["run_id"]), request=StartRequest.model_validate(raw["request"]), source=str(raw["source"]),
            asked_at=float(raw["asked_at"]), priority=int(raw["priority"]), place=float(raw["place"]),
            asked_by=raw.get("asked_by"), resources=Resources.model_validate(raw.get("resources") or {}),
        )  # fmt: skip


class QueueBook:
    """The files of `folder`. Only one server has a home, so only one process writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Entry]:
        """Every entry, the next one first; a file that is none is left where it lies, and logged."""
        found = [entry for entry in map(self._read, self._folder.glob("*.json")) if entry is not None]
        return sorted(found, key=lambda entry: entry.rank)

    def damaged(self) -> list[Path]:
        """The files that are there and are no entries: what stood in them is not known any more."""
        return [path for path in self._folder.glob("*.json") if self._read(path) is None and path.is_file()]

    def aside(self, path: Path) -> Path:
        """Where a damaged file is kept."""
        return path.with_name(f"{path.name}.damaged")

    def set_aside(self, path: Path) -> None:
        """Take a damaged file out of the queue. Raises OSError."""
        path.rename(self.aside(path))

    def _read(self, path: Path) -> Entry | None:
        try:
            entry = Entry.from_dict(json.loads(path.read_bytes()))
            if path.stem != entry.run_id:
                raise ValueError(f"it names {entry.run_id}")
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            _log.error("%s is no entry of the queue and is not started: %s", path, error)
            return None
        return entry

    def write(self, entry: Entry) -> None:
        """Keep an entry, durably. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write_json(self._folder / f"{entry.run_id}.json", entry.as_dict())

    def remove(self, run_id: str) -> None:
        """Forget an entry; one that is not there is forgotten already."""
        (self._folder / f"{run_id}.json").unlink(missing_ok=True)


def behind(waiting: Iterable[Entry], now: float) -> float:
    """The place of one who is asked for now: behind everybody of its priority, whatever clocks and people did to theirs."""
    last = max((one.place for one in waiting), default=-math.inf)
    return max(now, math.nextafter(last, math.inf))


def moved(order: Sequence[Entry], entry: Entry, position: int) -> list[Entry]:
    """What is to be written, one after the other, for the entry to stand at `position` (from 1) among the others.

    `order` is theirs without it. Between runs of another priority it takes on the nearest that lets it stand there.
    """
    index = min(position - 1, len(order))
    above = order[index - 1] if index > 0 else None
    below = order[index] if index < len(order) else None
    priority = entry.priority
    if above is not None:
        priority = min(priority, above.priority)
    if below is not None:
        priority = max(priority, below.priority)
    after = above.place if above is not None and above.priority == priority else None
    before = below.place if below is not None and below.priority == priority else None
    if after is not None and before is not None:
        place = (after + before) / 2
        if not after < place < before:
            # No number is left between them. Those above go up, the first one first: their order holds meanwhile.
            up = [replace(one, place=one.place - 1.0) for one in order[:index] if one.priority == priority]
            return [*up, replace(entry, priority=priority, place=after - 0.5)]
    elif before is not None:
        place = before - 1.0
    else:
        place = after + 1.0 if after is not None else entry.place
    return [replace(entry, priority=priority, place=place)]
