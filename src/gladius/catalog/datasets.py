"""Datasets that a run can use. Upstream: the folders of datasets, the recipe's cache. Downstream: launch, server.

Counting reads whole files, so call everything from a thread. What was read is remembered; of a large file that was not
read through yet the first records are told, until a process beside this one has counted it.
"""

from __future__ import annotations

import platform
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius.catalog.dataset_memory import Memory, Patience
from gladius.catalog.dataset_roots import Origin, Place, Roots
from gladius.errors import ConfigError, DatasetNotFound
from gladius.integrations.record_files import KINDS, kind_of, parts
from gladius.pulse import atomic_write_json, safe_read_json
from gladius.pulse.plain_file import settled
from gladius.wire.catalog import DatasetInfo
from gladius.wire.datasets import DatasetReport

STDLIB_DOCS = "stdlib-docs"
_LOST = "{} is not there any more. Put it back, or take it from the list."


@dataclass(frozen=True)
class Dataset:
    """Records to train on. `format` is alpaca, messages, text, mixed or unknown; counts are None until it is built.

    `problem` names the first line that cannot be trained on and how to mend it, `findings` is how many things are wrong.
    While it is `counting`, only its first records were looked at; one that is `lost` was moved or deleted.
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
    findings: int | None = None
    kind: str | None = None
    origin: Origin = "folder"
    counting: bool = False
    lost: bool = False

    @property
    def builtin(self) -> bool:
        """Whether it is built on this machine by the recipe."""
        return self.cache is not None

    def config(self) -> dict[str, Any]:
        """What the recipe's `data` section needs to find it."""
        if self.cache is not None:
            return {"id": self.id, "builtin": self.id, "cache": str(self.cache)}
        told = self.format != "mixed" and not self.counting
        return {"id": self.id, "path": str(self.path), "format": self.format if told else "auto"}

    def info(self) -> DatasetInfo:
        """What clients see of it."""
        return DatasetInfo(
            id=self.id, name=self.name, description=self.description, format=self.format, records=self.records,
            bytes=self.bytes, path=str(self.path) if self.path else None, builtin=self.builtin, problem=self.problem,
            findings=self.findings, kind=self.kind, origin=self.origin, counting=self.counting, lost=self.lost,
        )  # fmt: skip


class Datasets:
    """The built-in dataset and every dataset within `roots`, and those added by path.

    `home_state_dir` keeps what the recipe builds (`datasets/`), what reading files told, and the paths that were added.
    """

    def __init__(self, home_state_dir: Path, roots: Sequence[Path] | Roots) -> None:
        self.roots = roots if isinstance(roots, Roots) else Roots(roots)
        self._cache = home_state_dir / "datasets"
        self._added = home_state_dir / "dataset_paths.json"
        self._words = home_state_dir / "dataset_words.json"
        self._seen = Memory(home_state_dir / "dataset_counts.json")
        self._changing = threading.Lock()

    def all(self) -> list[Dataset]:
        """Look at everything anew; what did not change is not read again."""
        patience = Patience()
        datasets = [self._stdlib_docs(), *(self._from_place(id_, place, patience) for id_, place in self._places())]
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

    def report(self, dataset_id: str, wait: bool = True) -> DatasetReport:
        """All that is wrong with one dataset; unless somebody will `wait`, with a large one only what is known by now.

        Raises DatasetNotFound.
        """
        dataset = self.get(dataset_id)
        if dataset.path is not None and dataset.path.exists() and self._may_read(dataset.path):
            look = self._seen.look(dataset.path, Patience(None) if wait else Patience())
            self._seen.save()
            return look.report.model_copy(update={"counting": look.counting})
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
        with self._changing:
            for id_, place in self._places():
                if Path(settled(place.path)) == real:
                    return self._from_place(id_, place)
            known = self._paths()
            self._added.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write_json(self._added, {"paths": [*map(str, known), str(real)]})
        return self.at(real)

    def forget(self, dataset: Dataset) -> None:
        """Take a path that was added from the list; what lies there stays."""
        with self._changing:
            kept = [str(path) for path in self._paths() if path != dataset.path]
            atomic_write_json(self._added, {"paths": kept})

    def describe(self, dataset_id: str, name: str | None, description: str | None) -> Dataset:
        """Give it another name or description for people; None leaves it, an empty one takes it back.

        Raises DatasetNotFound.
        """
        dataset = self.get(dataset_id)
        with self._changing:
            known = self._told_words()
            words = {**known.get(str(dataset.path), {}), **_said(name=name, description=description)}
            known[str(dataset.path)] = {key: value for key, value in words.items() if value}
            self._words.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write_json(self._words, {"words": {path: one for path, one in known.items() if one}})
        return self.get(dataset_id)

    def _told_words(self) -> dict[str, dict[str, str]]:
        told = (safe_read_json(self._words) or {}).get("words")
        return {path: one for path, one in told.items() if isinstance(one, dict)} if isinstance(told, dict) else {}

    def at(self, path: Path) -> Dataset:
        """The dataset of a path. Raises DatasetNotFound."""
        for id_, place in self._places():
            if place.path == path:
                return self._from_place(id_, place)
        raise DatasetNotFound(path.name)

    def ids(self) -> dict[Path, str]:
        """The id of every path; nothing is read but the names."""
        return {place.path: id_ for id_, place in self._places()}

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
            problem = _LOST.format(path) if self.roots.lost(path) else None
            try:
                self.roots.readable(path)
            except ConfigError as error:
                problem = problem or str(error)
            yield Place(path, path.stem, problem, "added")

    def _stdlib_docs(self) -> Dataset:
        """Its records depend on the Python that builds it: shown is this one's, else the newest there is."""
        built = sorted(self._cache.glob(f"{STDLIB_DOCS}-*.jsonl"), key=lambda path: path.stat().st_mtime)
        own = self._cache / f"{STDLIB_DOCS}-{platform.python_version()}.jsonl"
        path = own if own in built else (built[-1] if built else None)
        look = self._seen.look(path, Patience(None)) if path is not None else None
        return Dataset(
            id=STDLIB_DOCS,
            name="Standard library documentation",
            format="alpaca",
            description="Questions about Python's standard library, answered by its documentation strings. Built on "
            "this machine from the sources of its Python when a run first needs it.",
            records=look.report.records if look else None,
            bytes=look.bytes if look else None,
            path=path,
            cache=self._cache,
            findings=look.report.total if look else None,
            kind="jsonl" if look else None,
            origin="builtin",
        )

    def _from_place(self, id_: str, place: Place, patience: Patience | None = None) -> Dataset:
        words = self._told_words().get(str(place.path), {})
        name, description = words.get("name", place.name), words.get("description", "")
        if place.problem:
            return Dataset(
                id=id_, name=name, description=description, format="unknown", path=place.path, problem=place.problem,
                origin=place.origin, lost=self.roots.lost(place.path),
            )  # fmt: skip
        look = self._seen.look(place.path, patience or Patience())
        report = look.report
        counted = report.problem is None and not look.counting
        return Dataset(
            id=id_, name=name, description=description, format=report.format, bytes=look.bytes, path=place.path,
            problem=report.problem, records=report.records if counted else None, kind=kind_of(place.path),
            findings=None if look.counting else report.total, origin=place.origin, counting=look.counting,
        )  # fmt: skip


def _said(**words: str | None) -> dict[str, str]:
    return {key: value.strip() for key, value in words.items() if value is not None}


def _free_id(place: Place, taken: set[str]) -> str:
    """An id that can stand in a URL; a name that another folder has too gets its folder's name in front."""
    path = place.path
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", place.name).strip("-.") or "dataset"
    candidates = [plain, re.sub(r"[^A-Za-z0-9._-]+", "-", f"{path.parent.name}-{plain}").strip("-.")]
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    return next(name for name in (f"{plain}-{n}" for n in range(2, len(taken) + 3)) if name not in taken)
