"""What the machine can hold at once, and which room a run takes. Upstream: settings, NVML. Downstream: queue.

A run without a GPU takes one of the CPU places. A run on GPUs takes on each of them the memory that its profile reserves
(`resources.gpu_memory_gb`, decimal gigabytes as cards are sold), or all of it where nothing is said. With `resources.memory_gb`
it needs as much of the machine's own memory too, beside what the others have reserved.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psutil

from gladius.errors import ConfigError
from gladius.supervise.machine import Gpus, find_gpus
from gladius.units import size
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
    """The room that a run takes: `gpus` None is a CPU place, `memory` None all of each GPU, `ram` bytes of the machine's own."""

    gpus: tuple[int, ...] | None = None
    memory: int | None = None
    ram: int = 0


@dataclass(frozen=True)
class Slots:
    """The rooms of this machine; `ram` is all of its memory, None where that is not known."""

    cpu: int = 1
    gpus: tuple[Gpu, ...] = field(default_factory=tuple)
    ram: int | None = None

    @classmethod
    def of_this_machine(cls, cpu: int | None = None, reader: Gpus | None = None) -> Slots:
        """As NVML tells, with `cpu` places (else GLADIUS_SLOTS, else 1). Raises ConfigError for a number that is none."""
        seen = (reader or find_gpus()).sample(set())
        allowed = _visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
        found = (Gpu(one["index"], one["name"], one["memory_total"]) for one in seen)
        gpus = tuple(gpu for gpu in found if allowed is None or gpu.index in allowed)
        return cls(cpu or _places(), gpus, psutil.virtual_memory().total)

    def pool(self, resources: Resources) -> str:
        """Which room a run needs: `gpu` where there are some and it does not want none."""
        return "gpu" if self.gpus and resources.gpus != 0 else "cpu"

    def lacks(self, resources: Resources) -> str | None:
        """Why this machine can never hold such a run, even when it is empty; None when it can."""
        if self.ram is not None and needed_ram(resources) > self.ram:
            return f"It asks for {size(needed_ram(resources))} of memory, and this machine has {size(self.ram)}."
        if self.pool(resources) == "cpu":
            return None
        wanted, memory = resources.gpus or 1, _reserved(resources)
        if wanted > len(self.gpus):
            return f"It needs {wanted} GPUs, and this machine has {len(self.gpus)}."
        fitting = [gpu for gpu in self.gpus if memory is None or gpu.memory is None or memory <= gpu.memory]
        if wanted > len(fitting):
            return f"It reserves {resources.gpu_memory_gb:g} GB of GPU memory, and no GPU here has that."
        return None

    def fit(self, resources: Resources, taken: Iterable[Claim], free: int | None = None) -> Claim | None:
        """The room for one more run beside those that are `taken`; None when there is none now.

        `free`: bytes of memory that nobody uses or has reserved; None: only what is reserved counts.
        """
        taken, ram = list(taken), needed_ram(resources)
        if not self._has_ram(ram, taken, free):
            return None
        if self.pool(resources) == "cpu":
            return Claim(ram=ram) if sum(claim.gpus is None for claim in taken) < self.cpu else None
        wanted, memory = resources.gpus or 1, _reserved(resources)
        left_on = [(self._free(gpu, taken, memory), gpu.index) for gpu in self.gpus]
        # The fullest that it fits on: what is whole stays whole for a run that needs that.
        fitting = sorted((left, index) for left, index in left_on if left is not None)
        if len(fitting) < wanted:
            return None
        return Claim(tuple(sorted(index for _, index in fitting[:wanted])), memory, ram)

    def _has_ram(self, ram: int, taken: Sequence[Claim], free: int | None) -> bool:
        if not ram:
            return True
        reserved = sum(claim.ram for claim in taken)
        return (self.ram is None or reserved + ram <= self.ram) and (free is None or ram <= free)

    def claim_anyway(self, resources: Resources, taken: Iterable[Claim]) -> Claim:
        """The room of a run that starts whatever else runs: a free one, else the least crowded GPUs."""
        taken = list(taken)
        found = self.fit(resources, taken)
        if found is not None or self.pool(resources) == "cpu":
            return found or Claim(ram=needed_ram(resources))
        ram = needed_ram(resources)
        crowd = sorted((sum(gpu.index in (claim.gpus or ()) for claim in taken), gpu.index) for gpu in self.gpus)
        return Claim(tuple(sorted(index for _, index in crowd[: resources.gpus or 1])), _reserved(resources), ram)

    def claim_of_started(self, assigned: Sequence[int] | None, resources: Resources) -> Claim:
        """The room of a run that was started elsewhere; without an assignment CUDA gives it the first GPUs, whole."""
        ram = needed_ram(resources)
        if self.pool(resources) == "cpu":
            return Claim(ram=ram)
        if assigned:
            return Claim(tuple(assigned), _reserved(resources), ram)
        return Claim(tuple(gpu.index for gpu in self.gpus[: resources.gpus or 1]), _reserved(resources), ram)

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


def needed_ram(resources: Resources) -> int:
    """Bytes of the machine's own memory that a profile asks for; 0 when it says nothing."""
    return round((resources.memory_gb or 0) * _GB)


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
