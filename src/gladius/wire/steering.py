"""Commands, resume, fork, revert, the three-way config diff. Upstream: launch. Downstream: server, client."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Body, Wire

Applies = Literal["live", "next_checkpoint", "restart"]


class CommandRequest(Body):
    """The body of `POST /runs/{id}/commands`."""

    command: str
    args: dict[str, Any] = Field(default_factory=dict)
    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{8,64}$")


class CommandAnswer(Wire):
    """The answer of `POST /runs/{id}/commands`."""

    command_id: str


class ParentLink(Wire):
    """The run and the checkpoint that a run was forked from."""

    run_id: str
    checkpoint: str | None = None
    kind: Literal["fork"] = "fork"
    place: Literal["here", "trash", "gone"] = Field(default="here", description="Where that run is now")


class Resumable(Wire):
    """Whether `POST /runs/{id}/resume` may be asked now; `reason` says why not, and what to do instead."""

    possible: bool
    reason: str | None = None


class Suggestion(Wire):
    """What may help a run that failed, computed from its own configuration; `overrides` are for resume or fork."""

    code: str
    text: str
    overrides: dict[str, Any] = Field(default_factory=dict)


class ResumeRequest(Body):
    """The body of `POST /runs/{id}/resume`: by default from the newest checkpoint that verifies, nothing changed."""

    checkpoint: int | str | None = Field(default=None, description="A step, or a folder")
    overrides: dict[str, Any] = Field(default_factory=dict)
    from_file: bool = Field(default=False, description="Take over what the config file says otherwise, as overrides")


class ForkRequest(ResumeRequest):
    """The body of `POST /runs/{id}/fork`."""

    name: str | None = Field(default=None, max_length=200)


class RevertRequest(Body):
    """The body of `POST /runs/{id}/revert`."""

    name: str = Field(min_length=1)
    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{8,64}$", description="The command's id")


class ConfigUpdate(Body):
    """The body of `PUT /runs/{id}/config`: the whole file as text, comments included."""

    text: str = Field(max_length=1 << 19)
    version: str | None = Field(default=None, description="Of the file that was edited: 409 when it is another by now")


class Change(Wire):
    """A value that a resume or fork changes, and what that does in truth."""

    key: str
    old: Any = None
    new: Any = None
    effect: str


class RateContinuity(Wire):
    """The learning rate of optimizer step `step`, the first on the new course: as it would have gone on, and as it will be.

    None: not computable for this schedule; `source` says which formula was used, or why none.
    """

    step: int | None = None
    before: float | None = None
    after: float | None = None
    source: str


class ScheduleCourse(Wire):
    """The learning rate of each of `steps` (columns of equal length): with the peak in force, and with the one asked about.

    `then` is null up to the step that is made now: what is past stays. Nothing is drawn where `known` is false; `source`
    says which formula it is, or why none.
    """

    known: bool
    source: str
    name: str | None = None
    peak: float | None = Field(default=None, description="The peak rate in force")
    step: int | None = Field(default=None, description="The last step made")
    steps: list[int] = Field(default=[])
    now: list[float] = Field(default=[])
    then: list[float | None] | None = None


class ResumePreview(Wire):
    """What a resume or fork would do, found without loading a single weight."""

    possible: bool
    reason: str | None = Field(default=None, description="Why it is not possible, and what to do instead")
    checkpoint: str | None = None
    step: int | None = None
    epoch: float | None = None
    attempt: int | None = Field(default=None, description="The number the new attempt would have")
    restored: list[str] = Field(default=[])
    not_restored: list[str] = Field(default=[])
    changed: list[Change] = Field(default=[])
    in_file: list[Change] = Field(
        default=[], description="What the config file says otherwise and is not taken over: see `from_file`"
    )
    warnings: list[str] = Field(default=[])
    learning_rate: RateContinuity | None = None


class ConfigRow(Wire):
    """One key of the configuration three times: in the file now, as launched, and live in the trainer.

    `name` is the adjustable behind the key where the trainer has one; `live` is null where the trainer tells nothing.
    """

    key: str
    name: str | None = None
    file: Any = None
    launched: Any = None
    live: Any = None
    applies: Applies
    changed: bool = Field(description="The file says something else than what is in force")
    edited: bool = Field(default=False, description="The file says something else than what was launched")


class ConfigDiff(Wire):
    """The editable file against what was launched and what is live. `problem` says why the file cannot be used."""

    file: str | None
    editable: bool = Field(default=False, description="Whether `PUT /runs/{id}/config` may write it")
    text: str | None = Field(default=None, description="The file as it is now, comments included")
    version: str | None = Field(default=None, description="Names this text of the file")
    modified: float | None = Field(default=None, description="Unix seconds")
    problem: str | None = None
    rows: list[ConfigRow] = Field(default=[])
