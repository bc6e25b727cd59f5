"""Make the dataset and its search out of what was read, and put them in the old ones' place. Upstream: shelf. Downstream: catalog.

Near-duplicates are not looked for: a record is left out when another one has the same words in the same order.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from typing import IO, Any

from gladius.errors import ConfigError
from gladius.knowledge.chunks import chunks
from gladius.knowledge.extract import GARBLED
from gladius.knowledge.folder import IndexFolder
from gladius.knowledge.search import SearchWriter
from gladius.knowledge.shelf import Document, Shelf
from gladius.pulse import atomic_write_json
from gladius.pulse.files import sync_folder
from gladius.pulse.plain_file import private
from gladius.wire.knowledge import IndexCounts, IndexOptions

MANIFEST_VERSION = 1


class Build:
    """One build. `step` is called before each document and may raise; then everything stays as it was."""

    def __init__(self, folder: IndexFolder, shelf: Shelf, options: IndexOptions, step: Callable[[str], None]) -> None:
        self._folder = folder
        self._shelf = shelf
        self._options = options
        self._step = step
        self._seen: set[bytes] = set()
        self._files: dict[str, str] = {}
        self._counts: dict[str, int] = dict.fromkeys(
            ("records", "characters", "duplicates", "short", "garbled", "bad_records"), 0
        )
        self._digest = hashlib.sha256()

    def make(self, request: dict[str, Any], vanished: int) -> IndexCounts:
        """Write, then publish. Raises ConfigError where no record came of it, OSError, sqlite3.Error."""
        part = self._folder.dataset_part
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        search = SearchWriter(self._folder.search_part)
        try:
            with open(part, "wb", opener=private) as file:
                for document in self._shelf.documents():
                    self._step(document.path)
                    self._add(document, file, search)
                file.flush()
                os.fsync(file.fileno())
            search.finish()
            self._shelf.commit()
            if not self._counts["records"]:
                raise ConfigError(
                    f"No document in {request['path']} gave a record.", "The list of skipped files says why.", "path"
                )
            counts = IndexCounts(**self._shelf.counts(), **self._counts, vanished=vanished)
            self._publish(request, counts)
        finally:
            search.abort()
            for rest in (part, self._folder.manifest_part, self._folder.built_part):
                rest.unlink(missing_ok=True)
        return counts

    def _add(self, document: Document, file: IO[bytes], search: SearchWriter) -> None:
        first = self._files.setdefault(document.sha256, document.path)
        if first != document.path:
            self._shelf.used(document.path, 0, "duplicate", first)
            return
        text = document.text()
        self._counts["bad_records"] += text.bad_records
        before = dict(self._counts)
        number = 0
        for chunk in chunks(text.segments, text.apart, self._options):
            if not self._worth(chunk.text):
                continue
            record = {"text": chunk.text, "source": document.path, "chunk": number}
            line = json.dumps({**record, **({"place": chunk.place} if chunk.place else {})}, ensure_ascii=False)
            packed = line.encode("utf-8") + b"\n"
            file.write(packed)
            self._digest.update(packed)
            search.add(chunk.text, document.path, number, chunk.place)
            number += 1
            self._counts["characters"] += len(chunk.text)
        self._counts["records"] += number
        worthless = "duplicate" if self._counts["duplicates"] > before["duplicates"] else "short"
        if not number and self._counts["garbled"] > before["garbled"]:
            worthless = "garbled"
        self._shelf.used(document.path, number, None if number else worthless)

    def _worth(self, text: str) -> bool:
        """Whether a text is a record: long enough, readable, and not there yet."""
        words = " ".join(text.split())
        if len(words) < self._options.min_chars:
            self._counts["short"] += 1
            return False
        if text.count("\ufffd") > GARBLED * len(text):
            self._counts["garbled"] += 1
            return False
        digest = hashlib.blake2b(words.encode("utf-8"), digest_size=16).digest()
        if digest in self._seen:
            self._counts["duplicates"] += 1
            return False
        self._seen.add(digest)
        return True

    def _publish(self, request: dict[str, Any], counts: IndexCounts) -> None:
        """All that needs room is laid down first; then each file takes its place at once, the dataset last."""
        folder = self._folder
        built = {
            "version": MANIFEST_VERSION, "built_at": time.time(), "name": request["name"], "path": request["path"],
            "options": self._options.model_dump(), "counts": counts.model_dump(),
            "dataset": {
                "path": str(folder.dataset), "bytes": folder.dataset_part.stat().st_size, "sha256": self._digest.hexdigest(),
            },
        }  # fmt: skip
        atomic_write_json(folder.manifest_part, {**built, "sources": list(self._shelf.sources())})
        atomic_write_json(folder.built_part, built)
        folder.manifest_part.replace(folder.manifest)
        folder.built_part.replace(folder.built)
        folder.search_part.replace(folder.search)
        folder.dataset_part.replace(folder.dataset)
        sync_folder(folder.root)
        sync_folder(folder.dataset.parent)
