"""Datasets taken away and put back. Upstream: server. Downstream: datasets, the home.

A file of the home's goes to the trash, a path that was added is forgotten; any other is not ours to delete.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from pathlib import Path

from gladius.catalog.dataset_adding import upload_limit
from gladius.catalog.datasets import Dataset, Datasets
from gladius.errors import DatasetExists, DatasetFixed, TrashNotFound
from gladius.integrations.record_files import KINDS
from gladius.wire.datasets import DatasetFolder, DatasetRules, RemovedDataset

_ENTRY = re.compile(r"(?P<id>[^~/]+)~(?P<ms>\d{1,15})")
_FIXED = {
    "builtin": ("is built by Gladius.", "It takes no room until a run needs it."),
    "folder": ("lies in a folder that Gladius only reads.", "Delete it there: {}"),
    "index": ("is named by a dataset_info.json.", "Take its entry out of the one beside {}"),
}


class DatasetShelf:
    """In the trash each has a folder of its own that holds it under its name. Moving a large file may take a while."""

    def __init__(self, datasets: Datasets, trash: Path) -> None:
        self._datasets = datasets
        self._trash = trash
        self._one_at_a_time = threading.Lock()

    def rules(self) -> DatasetRules:
        """Where datasets may lie, and what may be added."""
        folders = self._datasets.roots.folders
        return DatasetRules(
            folders=[
                DatasetFolder(path=str(one), home=index == 0, there=one.is_dir()) for index, one in enumerate(folders)
            ],
            endings=list(KINDS),
            upload_limit=upload_limit(),
        )

    def remove(self, dataset_id: str) -> RemovedDataset:
        """Take one from the list. Raises DatasetNotFound, DatasetFixed for one that is not ours to delete, OSError."""
        with self._one_at_a_time:
            dataset = self._datasets.get(dataset_id)
            path = _removable(dataset)
            now = int(time.time() * 1000)
            if dataset.origin == "added":
                self._datasets.forget(dataset)
                return RemovedDataset(id=dataset.id, filename=path.name, deleted_at=now / 1000)
            while (place := self._trash / f"{dataset.id}~{now}").exists():
                now += 1
            place.mkdir(mode=0o700, parents=True)
            shutil.move(path, place / path.name)
            return RemovedDataset(id=dataset.id, entry=place.name, filename=path.name, deleted_at=now / 1000)

    def trash(self) -> list[RemovedDataset]:
        """What was deleted, newest first."""
        try:
            folders = list(self._trash.iterdir())
        except OSError:
            return []
        return sorted(filter(None, map(_thrown, folders)), key=lambda one: one.deleted_at, reverse=True)

    def restore(self, entry: str) -> Dataset:
        """Put one back where it lay. Raises TrashNotFound, DatasetExists where another has its place by now."""
        with self._one_at_a_time:
            thrown = next((one for one in self.trash() if one.entry == entry), None)
            if thrown is None:
                raise TrashNotFound(entry)
            place = self._datasets.roots.folders[0] / thrown.filename
            if place.exists() or place.is_symlink():
                raise DatasetExists(thrown.filename)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(self._trash / entry / thrown.filename, place)
            (self._trash / entry).rmdir()
            return self._datasets.at(place)


def _removable(dataset: Dataset) -> Path:
    if dataset.origin in _FIXED or dataset.path is None:
        why, hint = _FIXED[dataset.origin]
        raise DatasetFixed(dataset.id, why, hint.format(dataset.path))
    return dataset.path


def _thrown(folder: Path) -> RemovedDataset | None:
    found = _ENTRY.fullmatch(folder.name)
    files = list(folder.iterdir()) if found and folder.is_dir() else []
    if found is None or len(files) != 1:
        return None
    return RemovedDataset(id=found["id"], entry=folder.name, filename=files[0].name, deleted_at=int(found["ms"]) / 1000)
