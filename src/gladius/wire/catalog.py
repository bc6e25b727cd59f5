"""Profiles, datasets and the request that starts a run. Upstream: catalog. Downstream: server, client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Body, Wire


class EpochBounds(Wire):
    """What a profile allows for `epochs`."""

    min: float = 1
    max: float = 1000


class Bounds(Wire):
    """What a profile allows for one setting: from `min` to `max`, or one of `choices`."""

    min: float | None = None
    max: float | None = None
    choices: list[Any] | None = None


class Resources(Wire):
    """What a run of a profile needs of a machine; None is not said."""

    gpus: int | None = None
    gpu_memory_gb: float | None = None
    memory_gb: float | None = None
    disk_gb: float | None = None


class ProfileProblem(Wire):
    """One thing that is wrong with a profile; `message` names file and line, and says how to mend it."""

    message: str
    line: int | None = None
    field: str | None = None


class ProfileInfo(Wire):
    """A named way to train. `problem` says why it cannot be used now, and how to mend that; `problems` is all there is.

    `config` and the like are with what it inherits (`extends`). `file` is its place, none for a built-in one; `version`
    names the file's text.
    """

    id: str
    name: str
    description: str = ""
    engine: str
    default_epochs: float
    epochs: EpochBounds = EpochBounds()
    needs_dataset: bool = True
    default_dataset: str | None = None
    tags: list[str] = Field(default=[])
    builtin: bool = False
    config: dict[str, Any] = Field(default_factory=dict)
    extends: str | None = None
    python: str | None = None
    argv: list[str] = Field(default=[])
    adjustable: dict[str, Bounds] = Field(default_factory=dict)
    resources: Resources = Resources()
    launcher: str = "local"
    max_length: int | None = Field(default=None, description="Tokens at which it cuts a record, where that is known")
    file: str | None = None
    version: str | None = None
    problem: str | None = None
    problems: list[ProfileProblem] = Field(default=[])


class ProfileFile(Wire):
    """A profile's file as it is, for an editor."""

    id: str
    text: str
    version: str
    builtin: bool = False
    file: str | None = None


class ProfileNew(Body):
    """The body of `POST /profiles`: its whole `text`, or whose text it begins with (`copy_of`)."""

    id: str = Field(min_length=1, max_length=100)
    text: str | None = Field(default=None, max_length=262_144)
    copy_of: str | None = None
    name: str | None = Field(default=None, min_length=1, max_length=200, description="Of a copy; its id when not given")


class ProfileUpdate(Body):
    """The body of `PUT /profiles/{id}`. `version` is that of the text that was edited; none makes a new file only."""

    text: str = Field(max_length=262_144)
    version: str | None = None


class ProfileDraft(Body):
    """The body of `POST /profiles/check`: a text that is not kept, checked as the file of that `id`."""

    text: str = Field(max_length=262_144)
    id: str = Field(default="draft", min_length=1, max_length=100)


class TrashedProfile(Wire):
    """A profile that was deleted; `entry` names it for putting it back."""

    entry: str
    id: str
    deleted_at: float


class DatasetInfo(Wire):
    """A dataset that a run can use; counts are None until it is built or counted.

    `kind` is how its file is read, `findings` how many things are wrong with it, warnings among them. `origin` says who put
    it there: `home` is the home's own folder (it can be deleted), `added` a path that was added (it can be forgotten). While
    it is `counting`, only its first records were looked at; one that is `lost` was moved or deleted.
    """

    id: str
    name: str
    description: str = ""
    format: str
    records: int | None = None
    bytes: int | None = None
    path: str | None = None
    builtin: bool = False
    problem: str | None = None
    findings: int | None = None
    kind: str | None = None
    origin: Literal["builtin", "home", "folder", "index", "added"] = "folder"
    counting: bool = False
    lost: bool = False


class StartRequest(Body):
    """The body of `POST /runs`."""

    profile_id: str
    dataset_id: str | None = None
    epochs: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    preset_id: str | None = Field(default=None, description="Its settings are taken where `overrides` name none")
    overrides: dict[str, Any] = Field(default_factory=dict)
    name: str | None = Field(default=None, max_length=200)
    tags: list[str] = Field(default=[])
    launcher: str | None = None
    queue: bool | None = Field(
        default=None,
        description="false: it starts at once, whatever else runs; else it waits while the machine is full",
    )
    priority: int = Field(default=0, ge=-1000, le=1000, description="In the queue the higher one goes first")


class StartAnswer(Wire):
    """The answer of `POST /runs`, `/resume` and `/fork`."""

    run_id: str
    state: str
    attempt: int = 1
