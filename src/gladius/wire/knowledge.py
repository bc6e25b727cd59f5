"""A folder of documents on its way to a dataset, and what was found in it. Upstream: knowledge. Downstream: server, client, browser."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gladius.wire.base import Body, Wire

IndexState = Literal["running", "done", "error", "cancelled"]
IndexPhase = Literal["looking", "reading", "building"]
SkipReason = Literal[
    "kind", "link", "outside", "special", "name", "too_deep", "too_many", "own_dataset", "unreadable", "vanished", "too_large",
    "empty", "binary", "encoding", "encrypted", "damaged", "archive_bomb", "no_text", "garbled", "no_records", "too_much_text",
    "timeout", "memory", "crashed", "missing_package", "short", "duplicate",
]  # fmt: skip
"""Why a file gave nothing; the page has a sentence for each."""


class IndexOptions(Body):
    """How documents become records. Lengths are characters; a token of English text is about four of them, of Russian three.

    `encoding` is that of text files which are not Unicode; without it they are skipped, never guessed.
    """

    chunk_chars: int = Field(default=2000, ge=100, le=100_000, description="A record holds at most so many")
    overlap: int = Field(default=200, ge=0, le=50_000, description="So many of a record's end begin the next one")
    min_chars: int = Field(default=20, ge=1, le=10_000, description="Shorter records are dropped")
    max_file_mib: int = Field(default=256, ge=1, le=4096)
    seconds_per_file: float = Field(default=60.0, ge=0.1, le=3600.0)
    memory_mib: int = Field(default=2048, ge=256, le=65_536, description="What reading one file may take")
    encoding: str | None = Field(default=None, max_length=40)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.overlap > self.chunk_chars // 2:
            raise ValueError("overlap is at most half of chunk_chars")
        if self.min_chars > self.chunk_chars // 2:
            raise ValueError("min_chars is at most half of chunk_chars")
        return self


class IndexRequest(Body):
    """The body of `POST /knowledge`: a folder on the server's machine, within the folders of documents or of datasets."""

    path: str = Field(min_length=1, max_length=4096)
    name: str | None = Field(default=None, min_length=1, max_length=120, description="Else the folder's")
    options: IndexOptions | None = Field(default=None, description="Else those of the last time, else the defaults")


class IndexStarted(Wire):
    """The answer of `POST /knowledge`."""

    index_id: str


class IndexProgress(Wire):
    """How far an indexing is. Totals are None until the folder has been looked through."""

    phase: IndexPhase = "looking"
    files_total: int | None = None
    files_done: int = 0
    bytes_total: int | None = None
    bytes_done: int = 0
    current: str | None = None
    skipped: int = 0


class IndexCounts(Wire):
    """What the last indexing that came to its end found.

    `files` were looked at: `read`, or `unchanged` since the last time, and of these `skipped` gave nothing. `vanished`
    were there the last time. `duplicates`, `short` and `garbled` count the records that were dropped, `bad_records` lines of
    JSONL that hold none.
    """

    files: int = 0
    read: int = 0
    unchanged: int = 0
    skipped: int = 0
    vanished: int = 0
    records: int = 0
    characters: int = 0
    duplicates: int = 0
    short: int = 0
    garbled: int = 0
    bad_records: int = 0


class IndexInfo(Wire):
    """A folder of documents as a dataset. `counts` and `dataset_id` are those of the last indexing that came to its end.

    A later one that runs, fails or is cancelled leaves that dataset as it is.
    """

    id: str
    name: str
    path: str
    state: IndexState
    message: str
    started_at: float | None = None
    ended_at: float | None = None
    progress: IndexProgress = Field(default_factory=IndexProgress)
    counts: IndexCounts | None = None
    built_at: float | None = None
    dataset_id: str | None = None
    dataset_path: str | None = None
    dataset_bytes: int | None = None
    options: IndexOptions = Field(default_factory=IndexOptions)


class SkippedFile(Wire):
    """A file that gave no record, and why; `detail` is what the reason alone does not say."""

    path: str
    reason: SkipReason
    detail: str = ""
    bytes: int | None = None


class IndexDetail(IndexInfo):
    """One index with a page of the files that gave nothing, by their paths; `reasons` counts all of them."""

    skipped: list[SkippedFile] = Field(default=[])
    skipped_total: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)


class SnippetPart(Wire):
    """A piece of a text around what was found; `hit` is what was searched for."""

    text: str
    hit: bool = False


class DocumentHit(Wire):
    """A record that fits: `chunk` counts from 0 within its source, `place` is a page or a line where that is known."""

    source: str
    chunk: int
    place: str | None = None
    parts: list[SnippetPart]


class DocumentSearch(Wire):
    """The best hits first; `total` counts all."""

    query: str
    total: int
    hits: list[DocumentHit]


class DocumentFolder(Wire):
    """A folder that can be indexed; `documents` counts the files in it by kind, those of its own folders not among them."""

    path: str
    name: str


class DocumentFolders(Wire):
    """What lies in a folder: folders to go into, and how many documents of each kind. Without a path: where to begin."""

    path: str | None = None
    parent: str | None = None
    folders: list[DocumentFolder]
    documents: dict[str, int] = Field(default_factory=dict)
    more: bool = Field(default=False, description="There are more folders than are told")


class UploadedDocument(Wire):
    """A document that was sent to the server: its folder can be indexed."""

    path: str
    folder: str
    name: str
    bytes: int
