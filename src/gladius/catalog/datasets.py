"""Datasets that a run can use. Upstream: the folders of datasets, the recipe's cache. Downstream: launch, server.

Counting reads a whole file, so call everything from a thread; what was read is remembered by time stamp and size.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gladius.catalog.dataset_check import check
from gladius.catalog.dataset_roots import Place, Roots
from gladius.errors import ConfigError, DatasetNotFound
from gladius.integrations.record_files import KINDS, parts
from gladius.pulse import atomic_write_json, safe_read_json
from gladius.wire.catalog import DatasetInfo
from gladius.wire.datasets import DatasetReport

STDLIB_DOCS = "stdlib-docs"
_VERSION = 2
"""Of what is remembered: another check reads every file again."""


@dataclass(frozen=True)
class Dataset:
    """Records to train on. `format` is alpaca, messages, text, mixed or unknown; counts are None until it is built.

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
    """The built-in dataset and every dataset within `roots`, and those added by path.

    `home_state_dir` keeps what the recipe builds (`datasets/`), what reading files told, and the paths that were added.
    """

    def __init__(self, home_state_dir: Path, roots: Sequence[Path] | Roots) -> None:
        self.roots = roots if isinstance(roots, Roots) else Roots(roots)
        self._cache = home_state_dir / "datasets"
        self._added = home_state_dir / "dataset_paths.json"
        self._seen = _Seen(home_state_dir / "dataset_counts.json")
        self._adding = threading.Lock()

    def all(self) -> list[Dataset]:
        """Look at everything anew; what did not change is not read again."""
        datasets = [self._stdlib_docs(), *(self._from_place(id_, place) for id_, place in self._places())]
        self._seen.save(whole=True)
        return datasets

    def get(self, dataset_id: str) -> Dataset:
        """Return one dataset, a broken one too; no other is read. Raises DatasetNotFound."""
        if dataset_id == STDLIB_DOCS:
            return self._stdlib_docs()
        for id_, place in self._places():
            if id_ == dataset_id:
                found = self._from_place(id_, place)
                self._seen.save()
                return found
        raise DatasetNotFound(dataset_id)

    def report(self, dataset_id: str) -> DatasetReport:
        """All that is wrong with one dataset. Raises DatasetNotFound."""
        dataset = self.get(dataset_id)
        if dataset.path is not None and dataset.path.exists() and self._may_read(dataset.path):
            return self._seen.look(dataset.path)[1]
        return DatasetReport(path=str(dataset.path or ""), format=dataset.format, records=0, problem=dataset.problem)

    def readable(self, dataset_id: str) -> Dataset:
        """One dataset whose records can be shown, broken ones among them. Raises DatasetNotFound, ConfigError."""
        dataset = self.get(dataset_id)
        if dataset.path is None:
            raise ConfigError(f"'{dataset_id}' is not built yet.", "A run on it builds it.", "dataset_id")
        if not dataset.builtin:
            self.roots.readable(dataset.path)
        return dataset

    def add_path(self, path: Path) -> Dataset:
        """Take in a file or folder that lies anywhere within the roots. Raises ConfigError, OSError."""
        real = self.roots.within(path)
        if not parts(real) or (real.is_file() and real.suffix.lower() not in KINDS):
            raise ConfigError(f"{path} is no dataset.", f"Read are {', '.join(KINDS)} and folders of these.", "path")
        with self._adding:
            for id_, place in self._places():
                if Path(os.path.realpath(place.path)) == real:
                    return self._from_place(id_, place)
            known = self._paths()
            self._added.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write_json(self._added, {"paths": [*map(str, known), str(real)]})
        return self.at(real)

    def at(self, path: Path) -> Dataset:
        """The dataset of a path. Raises DatasetNotFound."""
        for id_, place in self._places():
            if place.path == path:
                return self._from_place(id_, place)
        raise DatasetNotFound(path.name)

    def _may_read(self, path: Path) -> bool:
        try:
            self.roots.readable(path)
        except ConfigError:
            return path.is_relative_to(self._cache)
        return True

    def _paths(self) -> list[Path]:
        """What was added by path and is still there."""
        told = (safe_read_json(self._added) or {}).get("paths")
        return [Path(one) for one in told if isinstance(one, str)] if isinstance(told, list) else []

    def _places(self) -> Iterator[tuple[str, Place]]:
        """Every place under an id of its own."""
        taken = {STDLIB_DOCS}
        for place in (*self.roots.places(), *self._added_places()):
            id_ = _free_id(place, taken)
            taken.add(id_)
            yield id_, place

    def _added_places(self) -> Iterator[Place]:
        for path in self._paths():
            try:
                self.roots.readable(path)
            except ConfigError as error:
                yield Place(path, path.stem, str(error))
            else:
                yield Place(path, path.stem)

    def _stdlib_docs(self) -> Dataset:
        """Its records depend on the Python that builds it: shown is this one's, else the newest there is."""
        built = sorted(self._cache.glob(f"{STDLIB_DOCS}-*.jsonl"), key=lambda path: path.stat().st_mtime)
        own = self._cache / f"{STDLIB_DOCS}-{platform.python_version()}.jsonl"
        path = own if own in built else (built[-1] if built else None)
        size, report = self._seen.look(path) if path is not None else (None, None)
        return Dataset(
            id=STDLIB_DOCS,
            name="Standard library documentation",
            format="alpaca",
            description="Questions about Python's standard library, answered by its documentation strings. Built on "
            "this machine from the sources of its Python when a run first needs it.",
            records=report.records if report else None,
            bytes=size,
            path=path,
            cache=self._cache,
        )

    def _from_place(self, id_: str, place: Place) -> Dataset:
        if place.problem:
            return Dataset(id=id_, name=place.name, format="unknown", path=place.path, problem=place.problem)
        size, report = self._seen.look(place.path)
        return Dataset(
            id=id_, name=place.name, format=report.format, bytes=size, path=place.path, problem=report.problem,
            records=report.records if report.problem is None else None,
        )  # fmt: skip


class _Seen:
    """What reading a dataset told, remembered on the disk while time stamps and sizes stay."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Any] = safe_read_json(path) or {}
        self._used: set[str] = set()
        self._changed = False
        self._lock = threading.Lock()

    def look(self, path: Path) -> tuple[int | None, DatasetReport]:
        """Return bytes and report of a file or folder."""
        key = os.path.realpath(path)
        try:
            stats = [(part.name, part.stat()) for part in parts(path)]
        except OSError as error:
            problem = f"{path}: {error.strerror}."
            return None, DatasetReport(path=str(path), format="unknown", records=0, problem=problem)
        stamp = [_VERSION, *([name, stat.st_mtime_ns, stat.st_size] for name, stat in stats)]
        size = sum(stat.st_size for _, stat in stats)
        with self._lock:
            self._used.add(key)
            known = self._seen.get(key)
        if isinstance(known, dict) and known.get("stamp") == stamp:
            with contextlib.suppress(ValidationError):
                return size, DatasetReport.model_validate(known.get("report"))
        report = check(path)
        # What a missing package or a right kept from being read may be readable the next time.
        if "unreadable" not in report.counts:
            with self._lock:
                self._seen[key] = {"stamp": stamp, "report": report.model_dump()}
                self._changed = True
        return size, report

    def save(self, whole: bool = False) -> None:
        """Write what changed; after a look at the `whole` without what is gone. A disk that is full costs only time later."""
        with self._lock:
            gone = set(self._seen) - self._used if whole else set()
            if whole:
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


def _free_id(place: Place, taken: set[str]) -> str:
    """An id that can stand in a URL; a name that another folder has too gets its folder's name in front."""
    path = place.path
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", place.name).strip("-.") or "dataset"
    candidates = [plain, re.sub(r"[^A-Za-z0-9._-]+", "-", f"{path.parent.name}-{plain}").strip("-.")]
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    return next(name for name in (f"{plain}-{n}" for n in range(2, len(taken) + 3)) if name not in taken)
