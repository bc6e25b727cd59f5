"""Find the place in a plain DataLoader again. Upstream: torch_loop. Downstream: any loader.

An ordinary loader cannot tell where it is. But its order follows from the random states that the epoch began with: a
resume puts them back, draws the batches that were trained already without training on them, and is where it was.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, Mapping, Optional

import torch

from gladius.integrations.torch_random import random_states, restore_random_states


class ReplayedBatches:
    """The position in a loader that has none of its own: `batches` trained in this epoch.

    Exact for a map-style dataset, with and without `shuffle`, whatever the workers draw ahead; costs the loading of
    the batches that are skipped. A loader whose order comes from elsewhere (a file being written, a random generator
    of its dataset's own) comes back at the same count in another order.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.batches = 0
        self._began: Optional[Dict[str, Any]] = None
        self._generator: Optional[torch.Tensor] = None
        self._replays = False
        self._length: Optional[int] = None

    @property
    def batches_per_epoch(self) -> Optional[int]:
        """Batches of a whole epoch; None before the first, and for a loader without a length."""
        return self._length

    @property
    def fraction(self) -> Optional[float]:
        """The part of this epoch that was trained, 0 to 1; None where the length is not known."""
        return min(1.0, self.batches / self._length) if self._length else None

    def __len__(self) -> int:
        """Batches left in this epoch; 0 where that is not known."""
        return max(0, (self._length or 0) - self.batches)

    def measure(self, loader: Iterable[Any]) -> None:
        """Learn how many batches an epoch has, where the loader knows."""
        try:
            self._length = len(loader)  # type: ignore[arg-type]
        except TypeError:
            self._length = None

    def draw(self, loader: Iterable[Any]) -> Iterator[Any]:
        """Begin this epoch's iteration, or go on with the one that a checkpoint was saved in."""
        own = getattr(loader, "generator", None)
        if self._replays and self._began is not None:
            self._replays = False
            restore_random_states(self._began)
            if own is not None and self._generator is not None:
                own.set_state(self._generator)
        else:
            self.batches = 0
            self._began = random_states()
            self._generator = None if own is None else own.get_state()
        if self._length is not None and self.batches >= self._length:
            return iter(())  # nothing is left: no need to draw it all
        drawing = iter(loader)
        for _ in range(self.batches):
            next(drawing, None)
        return drawing

    def trained(self) -> None:
        """Say that one batch was trained."""
        self.batches += 1

    def set_epoch(self, epoch: int) -> None:
        """Begin another epoch; the one that is under way keeps its position."""
        if epoch != self.epoch:
            self.epoch, self.batches, self._began, self._replays = epoch, 0, None, False

    def state_dict(self) -> Dict[str, Any]:
        """Return the position, and the random states that the epoch began with."""
        return {"epoch": self.epoch, "batches": self.batches, "began": self._began, "generator": self._generator}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken, at the next `draw`."""
        self.epoch, self.batches = state["epoch"], state["batches"]
        self._began, self._generator = state["began"], state["generator"]
        self._replays = True
