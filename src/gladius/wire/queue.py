"""The queue of runs as the API tells it. Upstream: launch. Downstream: server, client, browser."""

from typing import Literal

from pydantic import Field

from gladius.wire.base import Body, Wire


class GpuSlot(Wire):
    """One GPU of the machine: how much of its memory runs have reserved. Bytes; None is unknown."""

    index: int
    name: str
    memory: int | None = None
    reserved: int | None = Field(default=0, description="By runs; None: one of them has it whole")


class Slots(Wire):
    """What the machine can hold at once: `cpu` runs without a GPU, and on each GPU what its memory allows."""

    cpu: int
    cpu_used: int = 0
    gpus: list[GpuSlot] = Field(default=[])


class Occupant(Wire):
    """A run that takes room now, or a probe, which is no run. `gpus` None: it takes a place without a GPU."""

    run_id: str
    name: str
    gpus: list[int] | None = None
    gpu_memory: int | None = Field(default=None, description="Bytes reserved on each of its GPUs; None: whole GPUs")
    ends_at: float | None = Field(default=None, description="Unix seconds by its own pace; None: not known")
    probe: bool = False


class Waiting(Wire):
    """A run that waits. `position` counts from 1; `starts_at` None: nobody can know."""

    run_id: str
    name: str
    profile_id: str
    dataset_id: str | None = None
    epochs: float | None = None
    priority: int = 0
    position: int
    asked_at: float
    asked_by: str | None = None
    source: str
    state: Literal["waiting", "starting"] = "waiting"
    starts_at: float | None = Field(
        default=None,
        description="Unix seconds, from the pace of what runs and earlier runs of the same profile and dataset",
    )
    duration: float | None = Field(default=None, description="Seconds that earlier runs of the same kind took")


class QueueAnswer(Wire):
    """The answer of `GET /queue`: who runs, who waits, the next one first."""

    slots: Slots
    running: list[Occupant] = Field(default=[])
    waiting: list[Waiting] = Field(default=[])


class QueueChange(Body):
    """The body of `PATCH /queue/{run_id}`.

    A `position` (1 is next) between runs of another priority takes on the nearest priority that allows it.
    """

    priority: int | None = Field(default=None, ge=-1000, le=1000)
    position: int | None = Field(default=None, ge=1)
