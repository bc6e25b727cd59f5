"""A probe: measure each of a few steps, then do nothing more. Upstream: the supervisor's environment. Downstream: reporter, the stream.

What a training does behind its last step (a test, the final weights, over those of an earlier training maybe) is no part of a
probe. So the trainer is held at the end of the last step that was asked for, where its supervisor ends it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Dict, Optional

from gladius.pulse.values import Rate

VARIABLE = "GLADIUS_PROBE_STEPS"
"""How many steps a trainer takes before it is held and ended."""

STEPS = "probe/steps"
SECONDS = "probe/step_seconds"
PEAK = "probe/peak_bytes"

_HELD_S = 60.0


class Probe:
    """Counts the steps of a trainer that was started for a probe."""

    def __init__(self, steps: int) -> None:
        self.rate = Rate()
        self._steps = steps
        self._taken = 0

    @classmethod
    def of_environment(cls) -> Optional["Probe"]:
        """None in a training that is no probe."""
        wanted = os.environ.get(VARIABLE, "")
        return cls(int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else None

    def end_of_step(self) -> Dict[str, float]:
        """What was measured of the step that has just ended; seconds from the second on, bytes where the system tells."""
        self._taken += 1
        told = {STEPS: float(self._taken)}
        rate = self.rate.add(1)
        if rate is not None:
            told[SECONDS] = 1 / rate
        peak = peak_bytes()
        return told if peak is None else {**told, PEAK: float(peak)}

    def hold(self) -> None:
        """Wait for the end after the last step; where no supervisor is left to bring it, end without another line."""
        if self._taken < self._steps:
            return
        deadline = time.monotonic() + _HELD_S
        while time.monotonic() < deadline:
            time.sleep(0.05)
        os._exit(0)


def peak_bytes() -> Optional[int]:
    """The most memory that this process ever had resident; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else None
