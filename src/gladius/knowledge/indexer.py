"""Start, watch, search and cancel indexings. Upstream: server, flows. Downstream: `python -m gladius.knowledge`, its files.

Nothing of it is held in memory: a server that comes back finds the work where it is. Everything reads files, so call it
from a thread.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.errors import ConfigError, DatasetExists, IndexBusy, IndexExists, IndexFailed, IndexNotBuilt, SearchInvalid
from gladius.knowledge.folder import IndexFolder, all_indexes, find_index, index_id_of
from gladius.knowledge.search import search
from gladius.knowledge.shelf import skipped_files
from gladius.pulse import atomic_write_json, safe_read_json
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.rundir import Home
from gladius.pulse.signals import send
from gladius.store.soundness import disk_trouble
from gladius.wire.knowledge import DocumentSearch, IndexDetail, IndexInfo, IndexOptions

_PATIENCE_S = 60.0
_DIED = "The indexing ended without a word. Index the folder again: what was read is kept."


class Indexer:
    """The indexes of a home. Folders are read within the folders of documents and of datasets only."""

    def __init__(self, home: Home, datasets: Datasets) -> None:
        self._home = home
        self._datasets = datasets
        self.roots = Roots([home.documents, *datasets.roots.folders])
        self._starting = threading.Lock()

    def start(self, path: Path | str, name: str | None = None, options: IndexOptions | None = None) -> str:
        """Begin to index a folder and return the index's id; the same folder and name again reads only what changed.

        A relative path begins at the home's documents. Raises ConfigError, IndexExists, DatasetExists, IndexBusy, IndexFailed.
        """
        place = Path(path).expanduser()
        real = self.roots.within(place if place.is_absolute() else self._home.documents / place)
        if not real.is_dir():
            raise ConfigError(f"{path} is no folder.", "Name the folder that the documents lie in.", "path")
        with self._starting:
            folder, name = self._folder_for(real, name)
            if is_held(folder.lock) and _told(folder)["state"] == "running":
                raise IndexBusy(folder.id)
            known = safe_read_json(folder.request) or {}
            told = options.model_dump() if options is not None else known.get("options") or IndexOptions().model_dump()
            folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write_json(folder.request, {"id": folder.id, "name": name, "path": str(real), "options": told})
            self._spawn(folder)
        return folder.id

    def state(self, index_id: str) -> IndexInfo:
        """One index as it is now. Raises IndexNotFound."""
        return self._info(find_index(self._home, index_id), self._datasets.ids())

    def all(self) -> list[IndexInfo]:
        """Every index."""
        ids = self._datasets.ids()
        return [self._info(folder, ids) for folder in all_indexes(self._home)]

    def detail(self, index_id: str, offset: int = 0, limit: int = 100, reason: str | None = None) -> IndexDetail:
        """One index with some of the files that gave nothing. Raises IndexNotFound."""
        info = self.state(index_id)
        shown, reasons = skipped_files(IndexFolder(self._home, index_id).texts, offset, limit, reason)
        total = sum(reasons.values()) if reason is None else reasons.get(reason, 0)
        return IndexDetail(**info.model_dump(), skipped=shown, skipped_total=total, reasons=reasons)

    def search(self, index_id: str, query: str, limit: int = 20, offset: int = 0) -> DocumentSearch:
        """What its documents say. Raises IndexNotFound, IndexNotBuilt, SearchInvalid."""
        folder = find_index(self._home, index_id)
        if not folder.search.exists():
            raise IndexNotBuilt(index_id)
        try:
            return search(folder.search, query, limit, offset)
        except sqlite3.Error as error:
            raise SearchInvalid(f"The documents cannot be searched: {error}.", "Index the folder again.") from error

    def cancel(self, index_id: str) -> IndexInfo:
        """Tell its process to end; the dataset stays the old one, and what was read is kept. Raises IndexNotFound."""
        folder = find_index(self._home, index_id)
        holder = Identity.from_dict(read_holder(folder.lock) or {}) if is_held(folder.lock) else None
        if holder is not None:
            send(holder, signal.SIGTERM)
        return self.state(index_id)

    def remove(self, index_id: str) -> None:
        """Put an index and its dataset into the trash; the documents stay. Raises IndexNotFound, IndexBusy."""
        with self._starting:
            folder = find_index(self._home, index_id)
            if is_held(folder.lock) and _told(folder)["state"] == "running":
                raise IndexBusy(index_id)
            trash = self._home.trash / "knowledge" / f"{index_id}-{time.time_ns()}"
            trash.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.root.rename(trash)
            if folder.dataset.exists() and (trash / "built.json").exists():
                shutil.move(folder.dataset, trash / folder.dataset.name)

    def _folder_for(self, real: Path, name: str | None) -> tuple[IndexFolder, str]:
        """The folder's index under that name; without one under its own, or its parent's in front where that is taken."""
        names = [name] if name else [real.name or "documents", f"{real.parent.name}-{real.name}"]
        for tried in names:
            folder = IndexFolder(self._home, index_id_of(tried))
            known = safe_read_json(folder.request) or {}
            if not folder.request.exists() and folder.dataset.exists():
                if tried is names[-1]:
                    raise DatasetExists(folder.dataset.name)
            elif known.get("path", str(real)) == str(real):
                return folder, str(known.get("name") or tried)
        raise IndexExists(folder.id, str(known.get("path")))

    def _spawn(self, folder: IndexFolder) -> None:
        argv = [sys.executable, "-P", "-m", "gladius.knowledge", str(self._home.root.absolute()), folder.id]
        try:
            answer = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_PATIENCE_S,
                check=False, text=True,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise IndexFailed(folder.id, str(error), str(folder.log)) from error
        if answer.returncode != 0:
            reason = answer.stderr.strip().rpartition("\n")[2] or f"exit code {answer.returncode}"
            raise IndexFailed(folder.id, reason, str(folder.log))

    def _info(self, folder: IndexFolder, ids: dict[Path, str]) -> IndexInfo:
        request, built = safe_read_json(folder.request) or {}, safe_read_json(folder.built) or {}
        told = _living(folder)
        dataset: dict[str, Any] = built.get("dataset") or {}
        return IndexInfo.model_validate({
            "id": folder.id, "name": request.get("name") or folder.id, "path": request.get("path") or "",
            **told, "counts": built.get("counts"), "built_at": built.get("built_at"),
            "dataset_id": ids.get(folder.dataset) if built else None,
            "dataset_path": dataset.get("path"), "dataset_bytes": dataset.get("bytes"),
            "options": request.get("options") or {},
        })  # fmt: skip


def _living(folder: IndexFolder) -> dict[str, Any]:
    """State, message, times and progress; a process that is gone without its last word is told, and what kept it from it."""
    told = _told(folder)
    if told["state"] == "running" and not is_held(folder.lock):
        # It may have ended, or another one begun, between the two looks.
        told = _told(folder)
        if told["state"] == "running" and not is_held(folder.lock):
            trouble = disk_trouble(folder.home)
            told |= {"state": "error", "message": str(trouble) if trouble else _DIED}
    return told


def _told(folder: IndexFolder) -> dict[str, Any]:
    told = safe_read_json(folder.progress) or {"state": "error", "message": _DIED}
    return {key: told[key] for key in ("state", "message", "started_at", "ended_at", "progress") if key in told}
