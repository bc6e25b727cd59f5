"""Runs as the API tells them: summary, record, columns. Upstream: store. Downstream: server, client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Body, Number, State, Wire
from gladius.wire.config import ConfigSnapshot
from gladius.wire.events import (
    Ack,
    Adjustable,
    CheckpointEvent,
    Command,
    GpuSample,
    HyperparameterChange,
    MemoryUse,
    ModelInfo,
    PauseMode,
    ProcessGroupUse,
    Split,
)
from gladius.wire.steering import ParentLink, Resumable, Suggestion

CommandState = Literal["requested", "accepted", "applied", "rejected", "timed_out", "outcome_unknown"]


class Status(Wire):
    """PULSE v1: exactly six fields."""

    status: Literal["idle", "running", "done", "error"]
    epoch: float
    total_epochs: float
    loss: float
    message: str
    timestamp: int


class Health(Wire):
    """Is it well? `code` names the sentence and `data` holds its parameters, for translation; `message` is it in English."""

    level: Literal["good", "attention", "trouble", "neutral"]
    code: str
    message: str
    data: dict[str, Any] = Field(default_factory=dict)


class Best(Wire):
    """The best loss so far: the lowest `eval/loss` where there is one, else the lowest epoch mean of `train/loss`."""

    value: float
    epoch: float | None = None
    name: str


class RunSummary(Wire):
    """One run, as a card or a table row shows it. None is unknown and shown as a dash."""

    run_id: str
    name: str
    created_at: float
    source: str
    profile_id: str | None = None
    dataset_id: str | None = None
    engine: str | None = None
    state: State
    stalled: bool = False
    suspended: bool = False
    instrumented: bool = Field(description="The trainer said hello; else metrics are parsed from its output")
    attempt: int = 0
    health: Health
    message: str = ""
    progress: float = Field(description="Percent, 0..100, from PULSE v1")
    epoch: float | None = None
    total_epochs: float | None = None
    step: int | None = None
    total_steps: int | None = None
    steps_per_epoch: int | None = None
    loss: Number | None = Field(default=None, description="Last training loss")
    best: Best | None = None
    delta: float | None = Field(default=None, description="This epoch's mean training loss minus the last one's")
    eval_loss: Number | None = None
    eta_seconds: float | None = Field(default=None, description="None: estimating, or nothing left to estimate")
    started_at: float | None = None
    finished_at: float | None = None
    elapsed: float | None = Field(default=None, description="Seconds from the attempt's start until now or its end")
    last_sign: float | None = Field(default=None, description="Unix seconds of the trainer's last sign of life")
    last_checkpoint: CheckpointEvent | None = None
    config_modified: float | None = Field(
        default=None, description="Unix seconds of the last change of the config file"
    )
    host: str | None = None
    tags: list[str] = Field(default=[])
    note: str | None = Field(default=None, description="The beginning of its notes; all of them are in the record")
    spark: list[float] = Field(default=[], description="At most 60 training losses, oldest first")


class Cursors(Wire):
    """How far an answer has seen each stream; given to the socket's `subscribe`, nothing is missed or doubled."""

    events: int = -1
    supervisor: int = -1
    console: int = 0


class Attempt(Wire):
    """One start of a run's trainer: from which checkpoint, with which changes, and who asked for it."""

    attempt: int
    argv: list[str] = Field(default=[])
    asked_by: str | None = None
    checkpoint: str | None = None
    overrides: dict[str, Any] = Field(default_factory=dict)
    pid: int | None = None
    host: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    verdict: str | None = None
    code: int | None = None
    signal: str | None = None
    evidence: str | None = None


class CommandRecord(Wire):
    """A command and what became of it."""

    command_id: str
    command: str
    args: dict[str, Any] = Field(default_factory=dict)
    issued_at: float
    issued_by: str
    attempt: int = 1
    state: CommandState
    step: int | None = None
    detail: str | None = None
    acks: list[Ack] = Field(default=[])


class Checkpoint(CheckpointEvent):
    """A checkpoint as it was told, and whether its folder is still there; None where another machine must say."""

    available: bool | None = None


class RunRecord(Wire):
    """Everything about one run but its bulk data."""

    summary: RunSummary
    status: Status | None
    stale: bool = False
    cursors: Cursors
    world_size: int | None = None
    mode: str | None = None
    samples: int | None = None
    model: ModelInfo | None = None
    capabilities: list[Command] = Field(default=[])
    disabled: dict[str, str] = Field(default_factory=dict, description=(
        "Command -> why it cannot be sent now; `pause:release`, `pause:hold`, `validate:test`, ... for one way of it"
    ))  # fmt: skip
    pause_modes: list[PauseMode] = Field(default=[], description="Ways of `pause` that this run has now")
    splits: list[Split] = Field(default=[], description="What `validate` can evaluate")
    adjustable: dict[str, Adjustable] = Field(default_factory=dict)
    attributions: dict[str, str] = Field(
        default_factory=dict, description="Beginnings of names of shared-out values -> how"
    )
    config: dict[str, Any] = Field(default_factory=dict)
    config_source: str | None = None
    run: dict[str, Any] = Field(default_factory=dict, description="run.json as written")
    attempts: list[Attempt] = Field(default=[])
    checkpoints: list[Checkpoint] = Field(default=[])
    commands: list[CommandRecord] = Field(default=[])
    hyperparameters: list[HyperparameterChange] = Field(default=[])
    error: str | None = None
    error_code: str | None = None
    retryable: bool | None = Field(default=None, description="Whether the trainer thinks that another try may work")
    traceback: str | None = None
    last_words: str | None = Field(
        default=None, description="The last lines that it printed, of a run that failed without a traceback of its own"
    )
    suggestions: list[Suggestion] = Field(default=[])
    resumable: Resumable
    parent: ParentLink | None = None
    children: list[str] = Field(default=[], description="Runs that were forked from this one")
    children_in_trash: list[str] = Field(default=[], description="Those of them that were deleted")
    notes: str = Field(default="", description="What people wrote about it: plain text")


class Facets(Wire):
    """Of all runs: how many have each state, profile, dataset, tag and source."""

    status: dict[str, int] = Field(default_factory=dict)
    profile: dict[str, int] = Field(default_factory=dict)
    dataset: dict[str, int] = Field(default_factory=dict)
    tag: dict[str, int] = Field(default_factory=dict)
    source: dict[str, int] = Field(default_factory=dict)


class RunList(Wire):
    """A page of runs; `cursor` asks for the next page, `total` counts all that fit."""

    runs: list[RunSummary]
    cursor: str | None = None
    total: int = 0
    unread: int = Field(default=0, description="Runs that are still being read, so that they may be missing here")
    facets: Facets | None = Field(default=None, description="Only when asked for")


class RunPatch(Body):
    """The body of `PATCH /runs/{id}`: what is given is changed. run.json stays as it was."""

    name: str | None = Field(default=None, max_length=200, description="Empty: the name it was started with")
    tags: list[str] | None = Field(default=None, description="In place of those that it has")
    add_tags: list[str] = Field(default=[])
    remove_tags: list[str] = Field(default=[])
    notes: str | None = Field(default=None, max_length=1 << 16)
    notes_before: str | None = Field(default=None, description="The notes that were edited; 409 when others are there")


class TrashedRun(Wire):
    """A deleted run: `entry` is its name in the trash."""

    entry: str
    run_id: str
    name: str
    created_at: float | None = None
    deleted_at: float
    profile_id: str | None = None
    dataset_id: str | None = None


class Column(Wire):
    """One metric as columns of equal length. `min` and `max` bound the bucket of each point.

    A column that would say nothing is null: these two where no point was left out, a place that no point has.
    """

    step: list[int | None] | None
    epoch: list[float | None] | None
    time: list[float]
    value: list[Number | None]
    min: list[Number | None] | None
    max: list[Number | None] | None
    log_offset: list[int | None] | None


class SupersededColumn(Column):
    """Points of an earlier attempt that a later one trained again."""

    attempt: int


class MetricsAnswer(Wire):
    """Series by name; `cursor` is the last event seq of the trainer that they include, `supervisor` that of the supervisor.

    `superseded`, only when asked for: name -> one entry per earlier attempt that a resume rewound.
    """

    series: dict[str, Column]
    cursor: int
    supervisor: int = -1
    superseded: dict[str, list[SupersededColumn]] | None = None


class MetricNames(Wire):
    """The names of a run's metrics, sorted."""

    names: list[str]


class LatestAnswer(Wire):
    """The newest value of every metric; `cursor` and `supervisor` are the last event seqs that it knows."""

    values: dict[str, Number]
    cursor: int
    supervisor: int = -1


class SystemSample(Wire):
    """A machine sample, see `wire.events.System`."""

    seq: int
    time: float
    cpu: float
    ram: MemoryUse
    swap: MemoryUse
    disk: MemoryUse
    console_bytes: int
    gpus: list[GpuSample] = Field(default=[])
    group: ProcessGroupUse | None = None


class SystemAnswer(Wire):
    """Machine samples, oldest first."""

    samples: list[SystemSample]
    cursor: int


class SearchHit(Wire):
    """A line of console.log: byte offset of its start, line number from 1, text without colour codes.

    A line of more than 1 MiB is found in pieces of about that.
    """

    offset: int
    line: int | None = Field(description="null: from the end of a log that takes too long to count")
    text: str


class LinePlace(Wire):
    """Where a line of console.log begins, in bytes, and its number from 1 where it is known."""

    offset: int
    line: int | None


class SearchPage(Wire):
    """Some hits of a search over a console.log of `size` bytes, and where it goes on."""

    hits: list[SearchHit]
    next: LinePlace | None = Field(description="Give it as `offset` and `line` to go on; null at the end")
    stopped: Literal["end", "limit", "time", "pattern"] = Field(
        description="`time`: the longest time was reached; `pattern`: a line took too long and was left out"
    )
    size: int


class LogPlace(Wire):
    """Where console.log stood when the numbers of the step nearest to the wanted one were written; nulls: unknown."""

    step: int | None
    offset: int | None


class HistoryEntry(Wire):
    """One ended attempt, from training_runs.jsonl."""

    training_id: str
    attempt: int
    profile_id: str | None = None
    dataset_id: str | None = None
    status: Literal["done", "error", "cancelled"]
    started_at: float | None = None
    finished_at: float | None = None
    final_loss: Number | None = None
    epochs_completed: float | None = None
    steps: int | None = None
    source: str | None = None
    name: str | None = None
    checkpoint: str | None = None


class EventsAnswer(Wire):
    """Events of one stream as their writer wrote them, oldest first; `cursor` is the last seq looked at."""

    stream: Literal["trainer", "supervisor"]
    events: list[dict[str, Any]]
    cursor: int
    more: bool = Field(description="There are more after `cursor`")


class ConfigAnswer(Wire):
    """The effective configuration of one attempt; `text` is its YAML as written, comments included.

    `launched` is that text, or YAML made of what a script gave; `resolved` YAML of all that the trainer says it trains
    with, defaults included. The snapshot is of the newest attempt.
    """

    attempt: int
    config: dict[str, Any]
    text: str | None = None
    source: str | None = Field(default=None, description="The user's own file")
    launched: str | None = None
    resolved: str | None = None
    snapshot: ConfigSnapshot
