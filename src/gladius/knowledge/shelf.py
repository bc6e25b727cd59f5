"""What was read of each document, so that it need not be read again. Upstream: job. Downstream: build, the list of what was skipped.

A SQLite file that can be thrown away: the documents make it anew. It survives a killed job, so that the next one goes on.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gladius.knowledge.extract import Extracted, Segment
from gladius.knowledge.walk import Found
from gladius.knowledge.worker import Reading
from gladius.pulse.plain_file import lay_down
from gladius.wire.knowledge import SkippedFile

READER_VERSION = 1
"""Of how text is taken out of documents: another one reads every file again."""

_PASSING = frozenset({"timeout", "memory", "crashed", "unreadable", "missing_package", "too_large", "special"})
"""Reasons that another machine, package or option may take away: such files are tried every time."""
_COMMIT_S = 0.5
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, how TEXT, sha256 TEXT, characters INTEGER,
  reason TEXT, detail TEXT, body BLOB, round INTEGER, read INTEGER, unused TEXT, unused_detail TEXT, records INTEGER
);
"""


@dataclass(frozen=True)
class Kept:
    """What is known of a file from before: its digest where that still tells something, and whether it is the same file."""

    sha256: str | None
    unchanged: bool


@dataclass(frozen=True)
class Document:
    """A file that gave text, as it is kept."""

    path: str
    sha256: str
    body: bytes

    def text(self) -> Extracted:
        """Its segments."""
        told = json.loads(zlib.decompress(self.body))
        segments = [Segment(text, place) for place, text in told["segments"]]
        return Extracted(segments, told["apart"], told["bad_records"])


class Shelf:
    """Open for one job. `begin` starts a round; what is not seen in it is gone with `end`."""

    def __init__(self, path: Path, encoding: str | None) -> None:
        self._path = path
        self._encoding = encoding
        try:
            self._db = self._open()
        except sqlite3.OperationalError:
            # The disk's fault, not the file's: what was read is kept for when there is room.
            raise
        except sqlite3.DatabaseError:
            # It can be made anew, and what broke it is not worth a person's time.
            for rest in path.parent.glob(path.name + "*"):
                rest.unlink()
            self._db = self._open()
        self._round = int(self._db.execute("SELECT coalesce(max(round), 0) + 1 FROM files").fetchone()[0])
        self._committed = time.monotonic()

    def _open(self) -> sqlite3.Connection:
        lay_down(self._path)
        db = sqlite3.connect(self._path)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_TABLES)
        return db

    def known(self, found: Found) -> Kept:
        """What there is of a file."""
        row = self._db.execute(
            "SELECT size, mtime_ns, sha256, reason FROM files WHERE path=? AND kind=? AND how=?",
            (found.path, found.kind, self._how(found)),
        ).fetchone()
        if row is None or row[2] is None or row[3] in _PASSING:
            return Kept(None, False)
        return Kept(row[2], (row[0], row[1]) == (found.size, found.mtime_ns))

    def keep(self, found: Found, read: bool = False) -> None:
        """The file is as before; `read`: its content was looked at to know that."""
        self._do("UPDATE files SET round=?, read=?, size=?, mtime_ns=?, unused=NULL, unused_detail=NULL WHERE path=?",
                 self._round, int(read), found.size, found.mtime_ns, found.path)  # fmt: skip

    def put(self, found: Found, reading: Reading) -> None:
        """What was read of it, or why it gave nothing."""
        self._do(
            "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?,?,?,1,NULL,NULL,0)",
            found.path, found.size, found.mtime_ns, found.kind, self._how(found), reading.sha256, reading.characters,
            reading.reason, reading.detail, reading.body, self._round,
        )  # fmt: skip

    def skip(self, found: Found) -> None:
        """It is not opened at all."""
        self._do(
            "INSERT OR REPLACE INTO files VALUES (?,?,0,'','',NULL,0,?,?,NULL,?,0,NULL,NULL,0)",
            found.path, found.size, found.reason, found.detail, self._round,
        )  # fmt: skip

    def gave_nothing(self, found: Found) -> bool:
        """Whether a file that is as before holds no text."""
        row = self._db.execute("SELECT body IS NULL FROM files WHERE path=?", (found.path,)).fetchone()
        return bool(row and row[0])

    def end(self) -> int:
        """Forget what was not seen; return how many files that were, skipped ones not counted."""
        row = self._db.execute(
            "SELECT count(*) FROM files WHERE round<>? AND body IS NOT NULL", (self._round,)
        ).fetchone()
        self._db.execute("DELETE FROM files WHERE round<>?", (self._round,))
        self._db.commit()
        return int(row[0])

    def count(self) -> int:
        """How many documents gave text."""
        return int(self._db.execute("SELECT count(*) FROM files WHERE body IS NOT NULL").fetchone()[0])

    def documents(self) -> Iterator[Document]:
        """Those that gave text, by their paths."""
        paths = [row[0] for row in self._db.execute("SELECT path FROM files WHERE body IS NOT NULL ORDER BY path")]
        for path in paths:
            row = self._db.execute("SELECT sha256, body FROM files WHERE path=?", (path,)).fetchone()
            yield Document(path, row[0], row[1])

    def used(self, path: str, records: int, unused: str | None = None, detail: str = "") -> None:
        """How many records a document gave, or why none."""
        self._do("UPDATE files SET records=?, unused=?, unused_detail=? WHERE path=?", records, unused, detail, path)

    def counts(self) -> dict[str, int]:
        """Files that were looked at, and what became of them."""
        row = self._db.execute(
            "SELECT count(*), sum(read), sum(NOT read AND kind<>''), sum(coalesce(reason, unused) IS NOT NULL) FROM files"
        ).fetchone()
        return dict(zip(("files", "read", "unchanged", "skipped"), (int(value or 0) for value in row), strict=True))

    def sources(self) -> Iterator[dict[str, object]]:
        """Every file for the manifest."""
        names = ("path", "bytes", "sha256", "characters", "records", "read", "skipped", "detail")
        rows = self._db.execute(
            "SELECT path, size, sha256, characters, records, read, coalesce(reason, unused), "
            "coalesce(nullif(detail, ''), unused_detail, '') FROM files ORDER BY path"
        )
        for row in rows:
            yield dict(zip(names, row, strict=True))

    def close(self) -> None:
        """Keep what was read so far."""
        with contextlib.closing(self._db):
            self._db.commit()

    def commit(self) -> None:
        """Keep it now."""
        self._db.commit()
        self._committed = time.monotonic()

    def _do(self, statement: str, *values: object) -> None:
        self._db.execute(statement, values)
        if time.monotonic() - self._committed > _COMMIT_S:
            self.commit()

    def _how(self, found: Found) -> str:
        text = found.kind in ("text", "markdown", "html")
        return f"{READER_VERSION} {self._encoding or ''}" if text else f"{READER_VERSION}"


def skipped_files(
    path: Path, offset: int, limit: int, reason: str | None = None
) -> tuple[list[SkippedFile], dict[str, int]]:
    """A page of the files that gave nothing, and how many there are of each reason; also while a job writes."""
    if not path.exists():
        return [], {}
    with contextlib.closing(sqlite3.connect(path, timeout=5.0)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone() is None:
            return [], {}  # a job is just beginning
        counted = db.execute(
            "SELECT coalesce(reason, unused) AS why, count(*) FROM files WHERE why IS NOT NULL GROUP BY why"
        )
        reasons = {str(name): int(count) for name, count in counted}
        rows = db.execute(
            "SELECT path, coalesce(reason, unused) AS why, CASE WHEN reason IS NULL THEN unused_detail ELSE detail END, size "
            "FROM files WHERE why IS NOT NULL AND (? IS NULL OR why=?) ORDER BY path LIMIT ? OFFSET ?",
            (reason, reason, limit, offset),
        ).fetchall()
    shown = [SkippedFile(path=row[0], reason=row[1], detail=row[2] or "", bytes=row[3]) for row in rows]
    return shown, reasons
