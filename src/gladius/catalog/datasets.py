"""Datasets that a run can use. Upstream: JSONL files, the recipe's cache. Downstream: launch, server.

Counting reads a whole file, so call `all` and `get` from a thread; what was counted is remembered by time stamp and size.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius.errors import BadRecord, DatasetNotFound
from gladius.integrations.records import detect, read_records, to_messages
from gladius.pulse import atomic_write_json, safe_read_json
from gladius.wire.catalog import DatasetInfo

STDLIB_DOCS = "stdlib-docs"


@dataclass(frozen=True)
class Dataset:
    """Records to train on. `format` is alpaca, messages, mixed or unknown; counts are None until it is built.

    `problem` names the first line that cannot be trained on and how to mend it.
    """

    id: str
    name: str
    format: str
    description: str = ""
    records: int | None = None
    bytes: int | None = None
    path: Path | None = None
    cache: Path | None = None
    problem: str | None = None

    @property
    def builtin(self) -> bool:
        """Whether it is built on this machine by the recipe."""
        return self.cache is not None

    def config(self) -> dict[str, Any]:
        """What the recipe's `data` section needs to find it."""
        if self.cache is not None:
            return {"id": self.id, "builtin": self.id, "cache": str(self.cache)}
        return {"id": self.id, "path": str(self.path), "format": self.format if self.format != "mixed" else "auto"}

    def info(self) -> DatasetInfo:
        """What clients see of it."""
        return DatasetInfo(
            id=self.id, name=self.name, description=self.description, format=self.format, records=self.records,
            bytes=self.bytes, path=str(self.path) if self.path else None, builtin=self.builtin, problem=self.problem,
        )  # fmt: skip


class Datasets:
    """The built-in dataset and every `*.jsonl` in `roots`.

    `home_state_dir` keeps what the recipe builds (`datasets/`) and the counts of files seen before.
    """

    def __init__(self, home_state_dir: Path, roots: Sequence[Path]) -> None:
        self._cache = home_state_dir / "datasets"
        self._roots = list(roots)
        self._counts = _Counts(home_state_dir / "dataset_counts.json")

    def all(self) -> list[Dataset]:
        """Look at every file anew; what did not change is not read again."""
        datasets = [self._stdlib_docs()]
        taken = {STDLIB_DOCS}
        for path in self._files():
            id_ = _free_id(path, taken)
            taken.add(id_)
            datasets.append(self._from_file(id_, path))
        self._counts.save()
        return datasets

    def get(self, dataset_id: str) -> Dataset:
        """Return one dataset, a broken one too. Raises DatasetNotFound."""
        for dataset in self.all():
            if dataset.id == dataset_id:
                return dataset
        raise DatasetNotFound(dataset_id)

    def _files(self) -> Iterator[Path]:
        for root in self._roots:
            yield from sorted(path for path in root.glob("*.jsonl") if path.is_file())

    def _stdlib_docs(self) -> Dataset:
        """Its records depend on the Python that builds it: shown is this one's, else the newest there is."""
        built = sorted(self._cache.glob(f"{STDLIB_DOCS}-*.jsonl"), key=lambda path: path.stat().st_mtime)
        own = self._cache / f"{STDLIB_DOCS}-{platform.python_version()}.jsonl"
        path = own if own in built else (built[-1] if built else None)
        seen = self._counts.look(path) if path is not None else {}
        return Dataset(
            id=STDLIB_DOCS,
            name="Standard library documentation",
            format="alpaca",
            description="Questions about Python's standard library, answered by its documentation strings. Built on "
            "this machine from the sources of its Python when a run first needs it.",
            records=seen.get("records"),
            bytes=seen.get("bytes"),
            path=path,
            cache=self._cache,
        )

    def _from_file(self, id_: str, path: Path) -> Dataset:
        seen = self._counts.look(path)
        return Dataset(
            id=id_, name=path.stem, format=seen["format"], records=seen["records"], bytes=seen["bytes"], path=path,
            problem=seen["problem"],
        )  # fmt: skip


class _Counts:
    """What reading a file told, remembered on the disk while its time stamp and size stay."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Any] = safe_read_json(path) or {}
        self._used: set[str] = set()
        self._changed = False

    def look(self, path: Path) -> dict[str, Any]:
        """Return records, bytes, format and problem of a file."""
        key = str(path.resolve())
        self._used.add(key)
        try:
            stat = path.stat()
        except OSError as error:
            return {"records": None, "bytes": None, "format": "unknown", "problem": f"{path}: {error.strerror}."}
        stamp = [stat.st_mtime_ns, stat.st_size]
        known = self._seen.get(key)
        if isinstance(known, dict) and known.get("stamp") == stamp:
            return known
        self._seen[key] = {"stamp": stamp, "bytes": stat.st_size, **_read_through(path)}
        self._changed = True
        return dict(self._seen[key])

    def save(self) -> None:
        """Write what changed, without files that are gone. A disk that is full costs only time later."""
        gone = set(self._seen) - self._used
        self._used.clear()
        if not self._changed and not gone:
            return
        self._seen = {key: value for key, value in self._seen.items() if key not in gone}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write_json(self._path, self._seen)
            self._changed = False
        except OSError:
            return


def _read_through(path: Path) -> dict[str, Any]:
    """Check every record as the recipe would, up to the first bad one."""
    records, formats = 0, set()
    problem = None
    try:
        for line, record in read_records(path):
            to_messages(record, "auto", path, line)
            formats.add(detect(record))
            records += 1
    except BadRecord as error:
        problem = str(error)
    except OSError as error:
        problem = f"{path}: {error.strerror}."
    if not records and problem is None:
        problem = f"{path} holds no records. Each line is one JSON object."
    found = "unknown" if not formats else str(formats.pop()) if len(formats) == 1 else "mixed"
    return {"records": records if problem is None else None, "format": found, "problem": problem}


def _free_id(path: Path, taken: set[str]) -> str:
    """An id that can stand in a URL; a name that another folder has too gets its folder's name in front."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.") or "dataset"
    candidates = [plain, re.sub(r"[^A-Za-z0-9._-]+", "-", f"{path.parent.name}-{plain}").strip("-.")]
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    return next(name for name in (f"{plain}-{n}" for n in range(2, len(taken) + 3)) if name not in taken)
