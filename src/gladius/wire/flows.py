"""Flows, their runs, and commands as text. Upstream: flows. Downstream: server, client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Body, Wire

StepCommand = Literal["STATUS", "INDEX", "TRAIN", "VALIDATE", "EXPORT", "COMMAND"]
OnFailure = Literal["abort", "continue", "retry"]
ArgKind = Literal["text", "number", "path", "profile", "dataset"]
StepState = Literal["waiting", "running", "retrying", "done", "failed", "cancelled", "skipped"]
FlowState = Literal["running", "done", "incomplete", "failed", "cancelled"]
"""`incomplete`: it went on to its end although a step failed, as that step's `on_failure` says."""


class FlowProblem(Wire):
    """One thing that is wrong with a flow's file; `message` names file and line, and says how to mend it."""

    message: str
    line: int | None = None
    field: str | None = None


class FlowArg(Wire):
    """What a run of a flow can be given. One without a default must be given."""

    name: str
    kind: ArgKind = "text"
    description: str = ""
    required: bool = False
    default: str | float | None = None


class FlowRetry(Wire):
    """How often a failed step is tried again, and how long is waited before."""

    times: int = 1
    delay_s: float = 10.0


class FlowStep(Wire):
    """One step as its file says it; `args` may hold `${args.NAME}` and `${steps.ID.RESULT}`."""

    id: str
    cmd: StepCommand
    args: dict[str, Any] = Field(default_factory=dict)
    on_failure: OnFailure = "abort"
    retry: FlowRetry | None = None


class FlowInfo(Wire):
    """A flow. `problem` says why it cannot be run now, and how to mend that; `problems` is all there is.

    `file` is its place, none for a built-in one.
    """

    id: str
    name: str
    description: str = ""
    args: list[FlowArg] = Field(default=[])
    steps: list[FlowStep] = Field(default=[])
    builtin: bool = False
    file: str | None = None
    problem: str | None = None
    problems: list[FlowProblem] = Field(default=[])


class FlowStepRun(Wire):
    """A step of a flow's run. `result` is what later steps may use; `cause` and `hint` say why it failed, and what to do."""

    id: str
    cmd: StepCommand
    on_failure: OnFailure = "abort"
    state: StepState = "waiting"
    tries: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    next_try_at: float | None = None
    result: dict[str, Any] = Field(default_factory=dict)
    cause: str | None = None
    hint: str | None = None


class FlowRun(Wire):
    """A run of a flow, as its log tells it. `log` is that file; `trouble` is why it cannot be written now."""

    flow_run_id: str
    flow_id: str
    name: str
    state: FlowState
    cancelling: bool = False
    args: dict[str, Any] = Field(default_factory=dict)
    asked_by: str | None = None
    started_at: float
    finished_at: float | None = None
    steps: list[FlowStepRun] = Field(default=[])
    log: str
    trouble: str | None = None


class StepOutput(Wire):
    """The end of what a COMMAND printed; `skipped` bytes before it are left out."""

    text: str
    skipped: int = 0


class FlowStart(Body):
    """The body of `POST /flows/{id}/runs`."""

    args: dict[str, Any] = Field(default_factory=dict)


class FlowDraft(Body):
    """The body of `POST /flows/check`: a text that is not kept, checked as the file of that `id`."""

    text: str = Field(max_length=262_144)
    id: str = Field(default="draft", min_length=1, max_length=100)


class TextCommand(Body):
    """The body of `POST /commands`: `TRAIN AGENT` or `INDEX KNOWLEDGE`, then one `KEY="VALUE"` a line."""

    command_text: str = Field(max_length=65_536)


class TextCommandAnswer(Wire):
    """What a text command began: a training with its `run_id`, or the indexing of a folder with its `index_id`."""

    command: Literal["TRAIN AGENT", "INDEX KNOWLEDGE"]
    run_id: str | None = None
    index_id: str | None = None
    state: str
