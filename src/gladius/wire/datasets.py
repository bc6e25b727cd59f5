"""What is known of a dataset before a start: records, problems, token lengths. Upstream: catalog. Downstream: server, client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Body, Wire


class Finding(Wire):
    """Something wrong with one record. `line` counts from 1 (in a Parquet file the row), None is the whole file.

    `file` names the part of a dataset that is a folder.
    """

    file: str | None = None
    line: int | None = None
    kind: str
    severity: Literal["error", "warning"] = "error"
    problem: str
    hint: str = ""


class DatasetReport(Wire):
    """A dataset read through: `records` good ones. `findings` are the first ones, `counts` holds all by their kind.

    An error keeps a run from starting, a warning does not; `problem` is the first error in one sentence. While it is
    `counting`, it tells of the first records alone.
    """

    path: str
    format: str
    records: int
    problem: str | None = None
    findings: list[Finding] = Field(default=[])
    counts: dict[str, int] = Field(default_factory=dict)
    total: int = 0
    errors: int = 0
    counting: bool = False


class PreviewRecord(Wire):
    """One record as it stands in the file, its long texts cut, or why it is none."""

    line: int
    record: dict[str, Any] | None = None
    problem: str | None = None


class DatasetPreview(Wire):
    """Some records of a dataset; `next` is the offset of those that follow, None at the end."""

    records: list[PreviewRecord]
    next: int | None = None


class TokenLengths(Wire):
    """How long records are in tokens of one tokenizer, rendered and tokenized as the built-in recipe does.

    `counted` records out of `records`, spread evenly. Bar i of `counts` holds lengths from `edges[i]` up to, not including,
    `edges[i + 1]`. `above` of the counted ones are longer than `limit`, where one was named.
    """

    tokenizer: str
    counted: int
    records: int
    total: int
    min: int
    p25: int
    median: int
    p75: int
    p95: int
    p99: int
    max: int
    mean: float
    edges: list[int]
    counts: list[int]
    limit: int | None = None
    above: int | None = None


class AddDataset(Body):
    """The body of `POST /datasets`: a file or folder on the server's machine, within the folders of datasets."""

    path: str = Field(min_length=1, max_length=4096)


class DatasetUpdate(Body):
    """The body of `PUT /datasets/{id}`: its words for people. None leaves one, an empty one takes it back."""

    name: str | None = Field(default=None, max_length=200)
    description: str | None = Field(default=None, max_length=2000)


class RemovedDataset(Wire):
    """A dataset that was taken from the list. `entry` names it in the trash; None where only its path was forgotten."""

    id: str
    entry: str | None = None
    filename: str
    deleted_at: float


class DatasetFolder(Wire):
    """A folder that datasets may lie in; the home's own takes what is added."""

    path: str
    home: bool = False
    there: bool = True


class DatasetRules(Wire):
    """Where datasets may lie, which endings are read, and how many bytes an upload may have."""

    folders: list[DatasetFolder]
    endings: list[str]
    upload_limit: int
