"""Look at losses without making the device wait, unless the policy needs it. Upstream: torch_loop. Downstream: `bad_loss`.

Only losses are looked at: a step that a gradient scaler skips has infinite gradients and a finite loss, and is normal.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Optional

import torch


class LossWatch:
    """Keeps, on the device, the first loss that was not finite since the last look, and its step."""

    def __init__(self, tell: Callable[[float, int], None], at_once: bool, look_every: int = 50) -> None:
        """Call `tell` with a loss that is not finite and its step: `at_once`, or when every so many losses were seen."""
        self._tell = tell
        self._look_every = 1 if at_once else look_every
        self._kept: Optional[Any] = None
        self._seen = 0

    def see(self, loss: Any, step: int) -> bool:
        """Take one loss in (a tensor of one number); False when a look found one that is not finite."""
        loss = loss.detach().float().reshape(())
        both = torch.stack((loss, torch.full_like(loss, step)))
        self._kept = both if self._kept is None else torch.where(self._kept[0].isfinite(), both, self._kept)
        self._seen += 1
        return self._seen % self._look_every != 0 or self.look()

    def look(self) -> bool:
        """Ask the device now: whether all losses since the last look were finite."""
        if self._kept is None:
            return True
        (value, step), self._kept = self._kept.tolist(), None
        if not math.isfinite(value):
            self._tell(value, int(step))
        return math.isfinite(value)
