"""The learning rate that a schedule gives at a step. Upstream: a run's configuration. Downstream: preview, rate_course.

The formulas are those of `transformers.optimization` (get_constant_schedule, get_constant_schedule_with_warmup,
get_linear_schedule_with_warmup, get_cosine_schedule_with_warmup with half a cosine), by which the Trainer multiplies the
peak rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FORMULAS = {
    "constant": "peak",
    "constant_with_warmup": "peak after the warm-up",
    "linear": "peak x (T - s) / (T - w)",
    "cosine": "peak x (1 + cos(pi (s - w) / (T - w))) / 2",
}


@dataclass(frozen=True)
class Schedule:
    """A course of the learning rate: `peak`, reached after `warmup` steps; down to 0 at step `total`."""

    name: str
    peak: float
    warmup: int
    total: int

    def rate(self, step: int) -> float:
        """The rate with which the optimizer step after `step` completed ones is made."""
        return self.peak * self._factor(step)

    def _factor(self, step: int) -> float:
        if self.name == "constant":
            return 1.0
        if step < self.warmup:
            return step / max(1, self.warmup)
        if self.name == "constant_with_warmup":
            return 1.0
        left = max(1, self.total - self.warmup)
        if self.name == "linear":
            return max(0.0, (self.total - step) / left)
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * (step - self.warmup) / left)))


def steps_per_epoch(samples: int, batch: int, accumulation: int, processes: int) -> int:
    """Optimizer steps in one epoch, as the Trainer counts them: a last short batch and a last short step count whole."""
    batches = math.ceil(samples / (batch * processes))
    return max(1, math.ceil(batches / accumulation))


def total_steps(epochs: float, per_epoch: int, max_steps: int | None) -> int:
    """Optimizer steps planned: the limit where there is one."""
    return max_steps if max_steps else math.ceil(epochs * per_epoch)
