"""What the machine can hold at once, and which room a run takes. Upstream: settings, NVML. Downstream: queue.

A run without a GPU takes one of the CPU places. A run on GPUs takes on each of them the memory that its profile reserves
(`resources.gpu_memory_gb`, decimal gigabytes as cards are sold), or all of it where nothing is said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gladius.errors import ConfigError
from gladius.supervise.machine import Gpus, find_gpus
from gladius.wire.catalog import Resources
from gladius.wire.queue import GpuSlot
from gladius.wire.queue import Slots as SlotsTold

SLOTS_VARIABLE = "GLADIUS_SLOTS"
_GB = 1_000_000_000


@dataclass(frozen=True)
class Gpu:
    """One GPU; `memory` in bytes, None where the driver does not tell."""

    index: int
    name: str
    memory: int | None


@dataclass(frozen=True)
class Claim:
    """The room that a run takes: `gpus` None is a CPU place, `memory` None all of each GPU."""

    gpus: tuple[int, ...] | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Slots:
    """The rooms of this machine."""

    cpu: int = 1
    gpus: tuple[Gpu, ...] = field(default_factory=tuple)

    @classmethod
    def of_this_machine(cls, cpu: int | None = None, reader: Gpus | None = None) -> Slots:
        """As NVML tells, with `cpu` places (else GLADIUS_SLOTS, else 1). Raises ConfigError for a number that is none."""
        seen = (reader or find_gpus()).sample(set())
        allowed = _visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
        found = (Gpu(one["index"], one["name"], one["memory_total"]) for one in seen)
        return cls(cpu or _places(), tuple(gpu for gpu in found if allowed is None or gpu.index in allowed))

    def pool(self, resources: Resources) -> str:
        """Which room a run needs: `gpu` where there are some and it does not want none."""
        return "gpu" if self.gpus and resources.gpus != 0 else "cpu"

    def lacks(self, resources: Resources) -> str | None:
        """Why this machine can never hold such a run, even when it is empty; None when it can."""
        if self.pool(resources) == "cpu":
            return None
        wanted, memory = resources.gpus or 1, _reserved(resources)
        if wanted > len(self.gpus):
            return f"It needs {wanted} GPUs, and this machine has {len(self.gpus)}."
        fitting = [gpu for gpu in self.gpus if memory is None or gpu.memory is None or memory <= gpu.memory]
        if wanted > len(fitting):
            return f"It reserves {resources.gpu_memory_gb:g} GB of GPU memory, and no GPU here has that."
        return None

    def fit(self, resources: Resources, taken: Iterable[Claim]) -> Claim | None:
        """The room for one more run beside those that are `taken`; None when there is none now."""
        taken = list(taken)
        if self.pool(resources) == "cpu":
            return Claim() if sum(claim.gpus is None for claim in taken) < self.cpu else None
        wanted, memory = resources.gpus or 1, _reserved(resources)
        free = [(self._free(gpu, taken, memory), gpu.index) for gpu in self.gpus]
        # The fullest that it fits on: what is whole stays whole for a run that needs that.
        fitting = sorted((left, index) for left, index in free if left is not None)
        if len(fitting) < wanted:
            return None
        return Claim(tuple(sorted(index for _, index in fitting[:wanted])), memory)

    def claim_anyway(self, resources: Resources, taken: Iterable[Claim]) -> Claim:
        """The room of a run that starts whatever else runs: a free one, else the least crowded GPUs."""
        taken = list(taken)
        found = self.fit(resources, taken)
        if found is not None or self.pool(resources) == "cpu":
            return found or Claim()
        crowd = sorted((sum(gpu.index in (claim.gpus or ()) for claim in taken), gpu.index) for gpu in self.gpus)
        return Claim(tuple(sorted(index for _, index in crowd[: resources.gpus or 1])), _reserved(resources))

    def claim_of_started(self, assigned: Sequence[int] | None, resources: Resources) -> Claim:
        """The room of a run that was started elsewhere; without an assignment CUDA gives it the first GPUs, whole."""
        if self.pool(resources) == "cpu":
            return Claim()
        if assigned:
            return Claim(tuple(assigned), _reserved(resources))
        return Claim(tuple(gpu.index for gpu in self.gpus[: resources.gpus or 1]), _reserved(resources))

    def told(self, claims: Mapping[str, Claim]) -> SlotsTold:
        """For clients: each room and what of it is taken."""
        gpus = []
        for gpu in self.gpus:
            here = [claim for claim in claims.values() if gpu.index in (claim.gpus or ())]
            whole = any(claim.memory is None for claim in here)
            reserved = None if whole else sum(claim.memory or 0 for claim in here)
            gpus.append(GpuSlot(index=gpu.index, name=gpu.name, memory=gpu.memory, reserved=reserved))
        used = sum(claim.gpus is None for claim in claims.values())
        return SlotsTold(cpu=self.cpu, cpu_used=used, gpus=gpus)

    def _free(self, gpu: Gpu, taken: Sequence[Claim], memory: int | None) -> int | None:
        """Bytes left on a GPU after one more run of so much; None when it does not fit."""
        here = [claim for claim in taken if gpu.index in (claim.gpus or ())]
        if not here:
            return 0 if memory is None or gpu.memory is None else (r if (r := gpu.memory - memory) >= 0 else None)
        if memory is None or gpu.memory is None or any(claim.memory is None for claim in here):
            return None
        left = gpu.memory - sum(claim.memory or 0 for claim in here) - memory
        return left if left >= 0 else None


def _reserved(resources: Resources) -> int | None:
    return None if not resources.gpu_memory_gb else round(resources.gpu_memory_gb * _GB)


def _places() -> int:
    said = os.environ.get(SLOTS_VARIABLE, "").strip()
    if not said:
        return 1
    if not said.isdecimal() or int(said) < 1:
        raise ConfigError(
            f"{SLOTS_VARIABLE} is '{said}'.", "It is how many runs train at once, from 1.", SLOTS_VARIABLE
        )
    return int(said)


def _visible(said: str | None) -> frozenset[int] | None:
    """The GPUs that the server itself may use; names in place of numbers restrict nothing."""
    words = [] if said is None else [word.strip() for word in said.split(",") if word.strip()]
    if said is None or not all(word.lstrip("-").isdecimal() for word in words):
        return None
    return frozenset(int(word) for word in words)
