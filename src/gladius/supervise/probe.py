"""End a probe when its steps are measured, or its time is over. Upstream: the attempt's facts. Downstream: supervisor.

The supervisor does it and not the server, for a probe must end where its server was killed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gladius.supervise.observe import Observed, number

ENOUGH = "probe_measured"
LATE = "probe_late"


class ProbeLimits:
    """How far a probe goes: `steps` that the trainer tells, or as many that its output names, and seconds in all."""

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps = steps
        self.seconds = seconds
        self._until = time.monotonic() + seconds
        self._read: set[int] = set()

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> ProbeLimits | None:
        """None for an attempt that is no probe."""
        steps, told = steps_of_probe(facts), facts.get("probe")
        seconds = number(told.get("seconds")) if isinstance(told, dict) else None
        return cls(steps, seconds) if steps is not None and seconds is not None else None

    def see(self, step: int | None) -> None:
        """Note a step that the output of a command named."""
        if step is not None:
            self._read.add(step)

    def over(self, observed: Observed) -> str | None:
        """Why it is to be ended now; None: it goes on."""
        covered = max(self._read) - min(self._read) + 1 if self._read else 0
        if observed.probed >= self.steps or covered >= self.steps:
            return ENOUGH
        return LATE if time.monotonic() >= self._until else None


def steps_of_probe(facts: Mapping[str, Any]) -> int | None:
    """How many steps a probe takes; None for an attempt that is none."""
    told = facts.get("probe")
    steps = number(told.get("steps")) if isinstance(told, dict) else None
    return None if steps is None else int(steps)
