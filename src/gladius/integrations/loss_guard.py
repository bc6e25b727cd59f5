"""Notice a loss that is not finite without waiting for the device. Upstream: forward passes. Downstream: transformers.

Only the loss is looked at: a step that a gradient scaler skips has infinite gradients and a finite loss, and is normal.
"""

from __future__ import annotations

import math
from typing import Any, Optional


class LossGuard:
    """Keeps, on the device, the last training loss that was not finite since the last look."""

    def __init__(self, model: Any) -> None:
        self._kept: Optional[Any] = None
        self._hook = model.register_forward_hook(self._after)

    def take(self) -> Optional[float]:
        """NaN or infinity when a training pass since the last call had such a loss, else None. Waits for the device."""
        if self._kept is None:
            return None
        value = float(self._kept)
        self._kept = None
        return None if math.isfinite(value) else value

    def close(self) -> None:
        """Leave the model as it was."""
        self._hook.remove()

    def _after(self, module: Any, _inputs: Any, output: Any) -> None:
        if not module.training:
            return
        loss = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
        if loss is None or not hasattr(loss, "detach"):
            return  # computed outside the model: the logged loss will tell
        loss = loss.detach().sum()
        if self._kept is not None:
            kept = self._kept.to(loss.device)  # replicas of one model may sit on several
            loss = loss.where(kept.isfinite(), kept)
        self._kept = loss
