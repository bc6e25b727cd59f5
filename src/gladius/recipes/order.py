"""The order in which records are trained on. Upstream: data. Downstream: trainer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class EpochOrder(Sampler):  # type: ignore[type-arg]
    """Random, with records of similar length side by side; each epoch's order follows from `seed` and epoch alone.

    The Trainer's own draws from the global random state of the moment when the epoch begins, which no checkpoint from
    the middle of an epoch holds: resumed, it would train some records twice and others never.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = list(lengths)
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed((self._seed * 1_000_003 + self._epoch) % 2**63)
        return iter(get_length_grouped_indices(self._lengths, self._batch, generator=generator))
