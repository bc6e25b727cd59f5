"""PULSE v2 events, one model per type. Upstream: the streams. Downstream: hub, browser, `pulse validate`."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from gladius.wire.base import LATER, Number, Wire

TrainerState = Literal[
    "preparing",
    "running",
    "paused",
    "validating",
    "checkpointing",
    "stopping",
    "released",
    "done",
    "error",
    "cancelled",
]
Command = Literal["pause", "resume", "stop", "checkpoint", "validate", "set", "reload_config"]
AckState = Literal["accepted", "applied", "rejected"]
PauseMode = Literal["hold", "release"]
Split = Literal["eval", "test"]
ProcessVerdict = Literal["finished", "failed", "killed", "out_of_memory", "cancelled", "unknown"]


class EventBase(Wire):
    """What every line of a stream carries."""

    model_config = ConfigDict(extra="allow", frozen=True, ser_json_inf_nan="strings")

    seq: int = Field(ge=0, description="Per file; consumed before the write: never repeats, a gap is a lost line")
    time: float = Field(ge=0, description="Unix seconds")
    attempt: int = Field(ge=1)


class ModelInfo(Wire):
    """The model being trained; None is unknown."""

    name: str | None = None
    parameters: int | None = None
    trainable_parameters: int | None = Field(default=None, description="Of an adapter: its own alone")
    experts: int | None = None
    active_experts: int | None = None


class Adjustable(Wire):
    """A hyperparameter that can be changed, its bounds, and when a change takes effect."""

    value: Any = None
    min: float | None = None
    max: float | None = None
    applies: Literal["live", "next_checkpoint", "restart"] = "live"
    key: str | None = Field(default=None, description="Its key in the configuration: `train.learning_rate`")
    label: str | None = Field(default=None, description="What people should read: `peak learning rate`")


class ResumedFrom(Wire):
    """Where a resumed attempt went on from; earlier attempts' points with a greater step are superseded."""

    checkpoint: str | None = None
    step: int = Field(ge=0)


class Hello(EventBase):
    """The trainer introduces itself; durable."""

    type: Literal["hello"]
    run_id: str
    pid: int
    host: str
    world_size: int = 1
    mode: Literal["single", "distributed", "multi_node"] = "single"
    total_epochs: float | None = None
    total_steps: int | None = None
    steps_per_epoch: int | None = None
    samples: int | None = None
    model: ModelInfo | None = None
    capabilities: list[Command] = Field(default=[])
    pause_modes: list[PauseMode] | None = Field(default=None, description="None: not announced, both are asked for")
    splits: list[Split] | None = Field(default=None, description="None: not announced")
    reasons: dict[str, str] | None = Field(default=None, description=(
        "Command, or way of one (`validate:test`), -> why this trainer does not obey it, where it knows"
    ))  # fmt: skip
    adjustable: dict[str, Adjustable] = Field(default_factory=dict)
    config: dict[str, Any] | None = Field(default=None, description=(
        "What a script under a launcher gave to `start`, and what its framework says it trains with"
    ))  # fmt: skip
    config_file: str | None = Field(default=None, description="The file that `reload_config` reads")
    attributions: dict[str, str] | None = Field(default=None, description=(
        "Beginnings of metric names whose values are no measurement but a sum shared out among parts, and how: "
        "`moe/loss` by `routing_weighted_nll`"
    ))  # fmt: skip
    resumed_from: ResumedFrom | None = None


class RestartWish(Wire):
    """What the trainer asks its supervisor for after an error: a new attempt from a checkpoint, with changes."""

    checkpoint: str | None = None
    overrides: dict[str, Any] = Field(default_factory=dict)


class ErrorInfo(Wire):
    """What went wrong, for people (`message`) and for programs (`code`)."""

    code: str
    message: str
    retryable: bool | None = None
    restart: RestartWish | None = None
    traceback: str | None = None


class StateEvent(EventBase):
    """The trainer moved to another state; durable."""

    type: Literal["state"]
    state: TrainerState
    reason: str | None = None
    error: ErrorInfo | None = None


class Metrics(EventBase):
    """Numbers of one step, by slash-path name."""

    type: Literal["metrics"]
    step: int | None = Field(default=None, ge=0)
    epoch: float | None = None
    log_offset: int | None = Field(default=None, ge=0, description="Size of console.log then, bytes")
    values: dict[str, Number]


class SampleRow(Wire):
    """One prompt and what the model made of it."""

    prompt: str
    output: str
    reference: str | None = None
    score: float | None = None


class Samples(EventBase):
    """Generated texts at one step."""

    type: Literal["samples"]
    step: int
    rows: list[SampleRow]


class CheckpointEvent(EventBase):
    """A checkpoint was published by rename and read back, or its save failed; durable."""

    type: Literal["checkpoint"]
    step: int
    path: str | None = None
    bytes: int | None = None
    kind: Literal["auto", "manual", "pause", "final"] = "auto"
    manifest: str | None = Field(default=None, description="sha256 of the manifest, hex")
    failed: str | None = Field(default=None, description="The reason, when the save failed")


class Ack(EventBase):
    """The answer to a command; durable."""

    type: Literal["ack"]
    command_id: str
    state: AckState
    step: int | None = None
    detail: str | None = None


class HyperparameterChange(EventBase):
    """A hyperparameter took a new value."""

    type: Literal["hyperparameters"]
    name: str
    old: Any = None
    new: Any = None
    step: int | None = None
    by: str | None = None


class Alert(EventBase):
    """Something a person should know."""

    type: Literal["alert"]
    level: Literal["info", "warning", "critical"]
    code: str
    message: str
    value: Any = None
    threshold: Any = None


class LogLine(EventBase):
    """A line that the trainer logged as an event rather than printed."""

    type: Literal["log"]
    level: str
    message: str


class Artifact(EventBase):
    """A file the run produced."""

    type: Literal["artifact"]
    path: str
    kind: str
    description: str | None = None


class Process(EventBase):
    """The supervisor's: the trainer's process started or exited."""

    type: Literal["process"]
    event: Literal["started", "exited"]
    pid: int | None = None
    supervisor_pid: int | None = None
    start_time: float | None = None
    boot_id: str | None = None
    host: str | None = None
    argv: list[str] | None = None
    console_offset: int | None = None
    code: int | None = None
    signal: str | None = None
    verdict: ProcessVerdict | None = None
    evidence: str | None = None


class GpuSample(Wire):
    """One GPU at one moment. Bytes, percent, degrees Celsius, watts; None is unknown."""

    index: int
    name: str
    utilisation: float | None = None
    memory_run: int | None = Field(default=None, description="Bytes used by this run")
    memory_others: int | None = Field(default=None, description="Bytes used by other processes")
    memory_total: int | None = None
    temperature: float | None = None
    power: float | None = None
    throttling: str | None = None


class MemoryUse(Wire):
    """Bytes in use of a total."""

    used: int
    total: int


class ProcessGroupUse(Wire):
    """The trainer's processes together: percent of one core and of the whole machine, resident bytes."""

    cpu: float
    cpu_machine: float | None = Field(default=None, description="Percent of the whole machine, as `System.cpu`")
    rss: int
    processes: int


class System(EventBase):
    """The supervisor's machine sample, every 2 s."""

    type: Literal["system"]
    cpu: float = Field(description="Percent of the whole machine")
    ram: MemoryUse
    swap: MemoryUse
    disk: MemoryUse
    console_bytes: int
    gpus: list[GpuSample] = Field(default=[])
    group: ProcessGroupUse | None = None


class Stall(EventBase):
    """The supervisor's: no step boundary for `seconds`, and what the processor did meanwhile; or steps came again."""

    type: Literal["stall"]
    event: Literal["began", "ended"]
    seconds: float
    limit: float
    cpu: float | None = None
    gpu: float | None = None


class Restart(EventBase):
    """The supervisor's: the trainer is started again."""

    type: Literal["restart"]
    reason: str
    checkpoint: str | None = None
    overrides: dict[str, Any] | None = None


Event = Annotated[
    Hello | StateEvent | Metrics | Samples | CheckpointEvent | Ack | HyperparameterChange | Alert | LogLine | Artifact
    | Process | System | Stall | Restart,
    Field(discriminator="type"),
]  # fmt: skip

EVENT_TYPES: dict[str, type[EventBase]] = {
    "hello": Hello, "state": StateEvent, "metrics": Metrics, "samples": Samples, "checkpoint": CheckpointEvent,
    "ack": Ack, "hyperparameters": HyperparameterChange, "alert": Alert, "log": LogLine, "artifact": Artifact,
    "process": Process, "system": System, "stall": Stall, "restart": Restart,
}  # fmt: skip

parse_event: TypeAdapter[Event] = TypeAdapter(Event, config=LATER)
