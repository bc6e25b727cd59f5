"""Draw batches whose size may change while training runs. Upstream: torch_loop. Downstream: a DataLoader."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any, Deque, Dict, Iterable, Iterator, List, Mapping, Sized, Union

import torch

from gladius.errors import ConfigError

_ORDER_MARK = 8
"""How many indices of an epoch's order a state holds, to notice when they would be drawn otherwise."""


class LiveBatches:
    """A batch sampler for `DataLoader(dataset, batch_sampler=batches)` that can be steered and resumed.

    The order depends on (seed, epoch) alone. `batch_size` is read anew for each batch that is *drawn*; a loader with
    workers draws `num_workers * prefetch_factor` batches ahead, so a new size is trained on after those.

    The position counts samples that were *trained*, never those drawn: whoever trains says `trained()` after each
    batch (TorchLoop does). A loader hands batches out in the order they were drawn, so the oldest one is meant.
    A resume in the middle of an epoch, also with another batch size, sees each remaining sample exactly once.

    In a job of several processes each gets its own part of every step's samples (`share`, which TorchLoop says); the batch
    size is then that of each process. All get equally many: where a step's samples do not part evenly, up to one per
    process is trained twice in that epoch, as under DistributedSampler.
    """

    def __init__(
        self,
        samples: Union[int, Sized],
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        """Plan epochs over `samples` (a dataset or its length). Raises ValueError for no samples or no batch size."""
        self.samples = samples if isinstance(samples, int) else len(samples)
        if self.samples < 1:
            raise ValueError("there are no samples to draw from")
        self.seed = seed
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.epoch = 0
        self.position = 0
        self._batch_size = 0
        self._rank, self._processes = 0, 1
        self._waiting: Deque[int] = deque()
        self._drawn = 0
        self.batch_size = batch_size

    @property
    def batch_size(self) -> int:
        """Samples in the next batch that is drawn."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, size: Any) -> None:
        if isinstance(size, bool) or size != int(size) or not 1 <= size <= self.largest:
            raise ValueError(f"batch_size must be a whole number from 1 to {self.largest} (the samples); got {size!r}")
        self._batch_size = int(size)

    @property
    def largest(self) -> int:
        """The largest batch size: all samples in one step."""
        return self.samples // self._processes

    def share(self, rank: int, processes: int) -> None:
        """Draw the part of one process of several, each of which says so. Raises ValueError for too few samples."""
        self._rank, self._processes = rank, processes
        self.batch_size = self._batch_size
        self._forget_drawn()

    @property
    def batches_per_epoch(self) -> int:
        """Batches of a whole epoch with the size of now."""
        return self._batches_in(self.samples)

    @property
    def fraction(self) -> float:
        """The part of this epoch that was trained, 0 to 1."""
        return self.position / self.samples if len(self) else 1.0

    def __len__(self) -> int:
        """Batches left in this epoch: those drawn and not yet trained, then the rest with the size of now."""
        return len(self._waiting) + self._batches_in(self.samples - self._drawn)

    def __iter__(self) -> Iterator[List[int]]:
        """Go on from the position: lists of sample indices, to the end of the epoch."""
        self._forget_drawn()
        # The iteration that a loader abandoned keeps its own record, and can no longer disturb this one.
        return self._draw(self._order(), self._waiting)

    def measure(self, loader: Iterable[Any]) -> None:
        """Raise ConfigError for a loader that does not draw through this sampler, in its order."""
        if getattr(loader, "batch_sampler", None) is not self:
            raise ConfigError(
                "This loader does not draw through the LiveBatches that the loop was given.",
                "Build it as DataLoader(dataset, batch_sampler=batches), or give the loop no batches.",
            )
        if not getattr(loader, "in_order", True):
            raise ConfigError(
                "A loader with in_order=False hands batches out in another order than they were drawn in, so that "
                "nobody can say which were trained.", "Leave in_order as it is.",
            )  # fmt: skip

    def draw(self, loader: Iterable[Any]) -> Iterator[Any]:
        """Go on from the position in `loader`."""
        return iter(loader)

    def trained(self) -> int:
        """Say that the oldest batch drawn was trained; returns its number of samples.

        Raises RuntimeError when none is waiting: the position would be a lie.
        """
        if not self._waiting:
            raise RuntimeError("trained() without a batch: draw through this sampler, and say it once for each batch")
        size = self._waiting.popleft()
        self.position += size
        return size

    def set_epoch(self, epoch: int) -> None:
        """Begin another epoch at its first sample; the epoch that is under way keeps its position."""
        if epoch != self.epoch:
            self.epoch, self.position = epoch, 0
            self._forget_drawn()

    def state_dict(self) -> Dict[str, Any]:
        """Return where the training is: plain numbers only."""
        return {
            "samples": self.samples,
            "seed": self.seed,
            "shuffle": self.shuffle,
            "epoch": self.epoch,
            "position": self.position,
            "batch_size": self.batch_size,
            "order_begins": self._order()[:_ORDER_MARK].tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken: its order and position; the batch size stays the one given here.

        Raises ConfigError when the data are not those that the position is about.
        """
        if state["samples"] != self.samples:
            raise ConfigError(
                f"The checkpoint's data had {state['samples']} samples, these have {self.samples}: "
                "its position within the epoch means nothing here.",
                "Resume with the same data, or begin the epoch anew by restoring without 'data_position'.",
            )
        self.seed, self.shuffle = state["seed"], state["shuffle"]
        self.epoch, self.position = state["epoch"], state["position"]
        self._forget_drawn()
        if self._order()[:_ORDER_MARK].tolist() != state["order_begins"]:
            raise ConfigError(
                f"This PyTorch ({torch.__version__}) shuffles seed {self.seed} otherwise than the one that saved.",
                "Resume with that version, or begin the epoch anew by restoring without 'data_position'.",
            )

    def _draw(self, order: torch.Tensor, waiting: Deque[int]) -> Iterator[List[int]]:
        drawn = self._drawn
        while self._batches_in(self.samples - drawn):
            batch = order[drawn : drawn + self._batch_size * self._processes]
            drawn += len(batch)
            waiting.append(len(batch))
            if waiting is self._waiting:
                self._drawn = drawn
            yield self._own_part(batch, order)

    def _own_part(self, batch: torch.Tensor, order: torch.Tensor) -> List[int]:
        """What this process trains of a step's samples; those of the epoch's beginning fill up what does not part evenly."""
        missing = -len(batch) % self._processes
        part: List[int] = torch.cat((batch, order[:missing]))[self._rank :: self._processes].tolist()
        return part

    def _batches_in(self, samples: int) -> int:
        together = self._batch_size * self._processes
        return samples // together if self.drop_last else -(-samples // together)

    def _forget_drawn(self) -> None:
        """What was drawn and not trained is drawn again."""
        self._waiting = deque()
        self._drawn = self.position

    def _order(self) -> torch.Tensor:
        if not self.shuffle:
            return torch.arange(self.samples)
        # Hashed, so that epoch 1 of seed 0 is not epoch 0 of seed 1.
        digest = hashlib.sha256(f"{self.seed}/{self.epoch}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        return torch.randperm(self.samples, generator=generator)
