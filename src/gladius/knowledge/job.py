"""One indexing from the first look to the new dataset. Upstream: the documents. Downstream: shelf, build."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

from gladius.errors import ConfigError, DiskFailed, DiskFull, GladiusError
from gladius.knowledge.build import Build
from gladius.knowledge.folder import IndexFolder
from gladius.knowledge.progress import Progress
from gladius.knowledge.shelf import Shelf
from gladius.knowledge.walk import Found, walk
from gladius.knowledge.worker import Interrupted, Worker
from gladius.pulse import safe_read_json
from gladius.store.soundness import disk_trouble
from gladius.wire.knowledge import IndexOptions, IndexState

_log = logging.getLogger("gladius.knowledge")


class Job:
    """Runs once, with the index's lock held. What it was told stands in the index's folder."""

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder
        self._request: dict[str, Any] = safe_read_json(folder.request) or {}
        self._options = IndexOptions.model_validate(self._request.get("options") or {})
        self._root = Path(self._request["path"])
        self._progress = Progress(folder.progress)
        self._cancelled = False

    def run(self) -> None:
        """Index; the end stands in the progress file, whatever it is."""
        signal.signal(signal.SIGTERM, self._cancel)
        state, message = self._ended()
        try:
            self._progress.end(state, message)
        except OSError:
            # Who asks sees that the disk takes nothing, and says so (indexer).
            _log.exception("the end could not be written: %s %s", state, message)

    def _ended(self) -> tuple[IndexState, str]:
        try:
            self._index()
        except Interrupted:
            return "cancelled", ""
        except Exception as error:  # noqa: BLE001
            if not isinstance(error, GladiusError):
                _log.exception("the indexing failed")
            return "error", str(self._told(error))
        return "done", ""

    def _index(self) -> None:
        try:
            found = [self._seen(one) for one in walk(self._root, self._folder.dataset)]
        except OSError as error:
            raise ConfigError(f"{self._root} cannot be read: {error.strerror}.", "Check the folder.", "path") from error
        shelf = Shelf(self._folder.texts, self._options.encoding)
        try:
            self._read(found, shelf)
            vanished = shelf.end()
            self._progress.begin("building", shelf.count(), None)
            Build(self._folder, shelf, self._options, self._step).make(self._request, vanished)
        finally:
            shelf.close()

    def _read(self, found: list[Found], shelf: Shelf) -> None:
        self._progress.begin("reading", len(found), sum(one.size or 0 for one in found))
        worker = Worker(self._root, self._options, self._look)
        try:
            for one in found:
                self._progress.at(one.path)
                if self._cancelled:
                    raise Interrupted
                self._progress.done(one.size or 0, skipped=self._read_one(one, shelf, worker))
        finally:
            worker.close()

    def _read_one(self, found: Found, shelf: Shelf, worker: Worker) -> bool:
        """Return whether it gave nothing."""
        if found.reason is not None:
            shelf.skip(found)
            return True
        known = shelf.known(found)
        if known.unchanged:
            shelf.keep(found)
            return shelf.gave_nothing(found)
        reading = worker.read(found, known.sha256)
        if reading.same:
            shelf.keep(found, read=True)
            return shelf.gave_nothing(found)
        shelf.put(found, reading)
        return reading.reason is not None

    def _seen(self, found: Found) -> Found:
        if self._cancelled:
            raise Interrupted
        return found

    def _step(self, path: str) -> None:
        if self._cancelled:
            raise Interrupted
        self._progress.at(path)
        self._progress.done()

    def _look(self) -> bool:
        """While a file takes its time: tell which one, and whether to end."""
        self._progress.tick()
        return self._cancelled

    def _cancel(self, *_: object) -> None:
        self._cancelled = True

    def _told(self, error: Exception) -> GladiusError:
        if isinstance(error, GladiusError):
            return error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(str(self._folder.root))
        if isinstance(error, OSError) and error.errno in (errno.EIO, errno.EROFS, errno.EACCES):
            return DiskFailed(str(error.filename or self._folder.root), os.strerror(error.errno))
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            return DiskFull(str(self._folder.root))
        if isinstance(error, sqlite3.OperationalError):
            # What SQLite calls an input or output error may be a disk without room for what it maps.
            return disk_trouble(self._folder.home) or DiskFailed(str(self._folder.root), str(error))
        return GladiusError(f"The indexing failed: {type(error).__name__}: {error}.", f"Its log: {self._folder.log}")
