"""What Mission Overview shows beside the runs: what happened, the machine, files to watch. Upstream: hub. Downstream: server, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Body, State, Wire
from gladius.wire.events import GpuSample, MemoryUse

ActivityKind = Literal[
    "queued", "started", "resumed", "forked", "restarted", "attached", "detached", "released", "ended",
    "checkpoint_saved", "checkpoint_failed", "applied", "rejected", "changed", "alert_raised", "alert_cleared",
    "flow_started", "flow_retried", "flow_step", "flow_ended",
]  # fmt: skip


class Activity(Wire):
    """One thing that happened to a run, or in a flow. `data` holds what its sentence needs; the same thing has the same `id` for ever."""

    id: str
    time: float = Field(description="Unix seconds")
    kind: ActivityKind
    run_id: str | None = Field(default=None, description="None where a flow did it by itself")
    flow_run_id: str | None = Field(default=None, description="Of a flow's own doing")
    name: str = Field(description="The run's, or the flow's")
    attempt: int | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class ActivitiesAnswer(Wire):
    """Of all runs, newest first."""

    activities: list[Activity]


class GpuHolder(Wire):
    """A run that holds memory of a GPU; None where the driver does not tell how much."""

    run_id: str
    bytes: int | None = None


class MachineGpu(GpuSample):
    """A GPU of the server's machine; `memory_run` is that of all runs together."""

    runs: list[GpuHolder] = Field(default=[])


class MachineSample(Wire):
    """The machine that the server runs on, measured by the server itself."""

    time: float
    host: str
    cores: int | None = None
    cpu: float = Field(description="Percent of the whole machine")
    ram: MemoryUse
    swap: MemoryUse
    disk: MemoryUse = Field(description="Of the file system that the home lies on")
    gpus: list[MachineGpu] = Field(default=[])


class AttachRequest(Body):
    """A `training_status.json` to watch as a run, by its absolute path on the server's machine."""

    path: str = Field(min_length=1, max_length=4096)
    name: str | None = Field(default=None, min_length=1, max_length=200)


class AttachAnswer(Wire):
    """The run that was made of a watched file."""

    run_id: str
    state: State
