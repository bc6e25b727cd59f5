"""A probe: a few steps of a run that is not started, measured. Upstream: launch. Downstream: server, client, browser."""

from typing import Literal

from pydantic import Field

from gladius.wire.base import Wire

ProbeState = Literal["preparing", "running", "done", "failed", "cancelled"]


class ProbeGpu(Wire):
    """What one GPU held of the probe at most. Bytes; None: the driver does not tell."""

    index: int
    name: str
    peak: int | None = None
    free: int | None = Field(default=None, description="Before it began")
    total: int | None = None


class ProbeAnswer(Wire):
    """A probe, whether it goes on or has ended. What is not known is null, never 0.

    It is no run: it stands in no list and no history, and nothing of it is left on the disk when it has ended.
    """

    probe_id: str
    state: ProbeState
    profile_id: str
    dataset_id: str | None = None
    steps: int = Field(default=0, description="Steps that have ended")
    steps_wanted: int = 3
    message: str = Field(default="", description="What the trainer says that it does")
    started_at: float
    seconds: float = Field(default=0.0, description="Since it was started, or how long it took")
    limit_seconds: float = Field(description="It is ended after so long, whatever it has measured")
    peak_memory: int | None = Field(
        default=None, description="Bytes of the machine's memory that all its processes held together at most"
    )
    free_memory: int | None = Field(default=None, description="Bytes that were free before it began")
    gpus: list[ProbeGpu] = Field(default=[], description="The GPUs that it held something of")
    fits: bool | None = Field(
        default=None, description="Whether its peaks were within what was free; false too when memory ran out"
    )
    first_step_seconds: float | None = Field(default=None, description="From its start to the end of its first step")
    step_seconds: float | None = Field(default=None, description="Median of the steps after the first")
    total_steps: int | None = Field(default=None, description="Steps that the whole run would take")
    duration: float | None = Field(
        default=None, description="Seconds that they would take, without evaluations and checkpoints"
    )
    error: str | None = None
    last_words: str | None = Field(default=None, description="What a failed one printed last")
