"""Summaries of ended runs between servers, in SQLite: the home's state, or a local cache. Upstream: store. Downstream: table, lists.

Never the truth: an entry counts only while the files that it was made from are the same, and a file that is damaged,
of another version or gone is made anew. It is read once, when a server starts; from then on only written, but for the
summaries of the rows that somebody looks at.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gladius import __version__
from gladius.pulse.plain_file import lay_down
from gladius.store.table import Row
from gladius.store.watch import is_shared, on_network
from gladius.wire.runs import RunSummary

_log = logging.getLogger("gladius.store")

_SHAPE = " ".join(["checksum", __version__, *sorted(RunSummary.model_fields), *Row.__struct_fields__])
_TABLE = (
    "CREATE TABLE IF NOT EXISTS runs"
    " (run_id TEXT PRIMARY KEY, signature TEXT, row BLOB, summary TEXT, checksum INTEGER) WITHOUT ROWID"
)
_AT_ONCE = 500
_PATIENCE_S = 0.05
"""Another program that locks the file is not waited for: the server's loop would stand still. The file is made anew."""


def local_place(path: Path) -> Path:
    """Where the index is kept: there, or for a home that other machines share in this machine's cache (XDG_CACHE_HOME)."""
    if not is_shared(path.parent):
        return path
    cache = Path(os.environ.get("XDG_CACHE_HOME", "").strip() or Path.home() / ".cache")
    mark = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    return cache / "gladius" / mark / path.name


class Entry(NamedTuple):
    """What was known of an ended run, and of which files that holds."""

    signature: str
    row: Row


class RunIndex:
    """One SQLite file. It belongs to the server's event loop, but for `read`, which is called before anybody else asks.

    No method fails: what cannot be kept costs time at the next start, nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._path = local_place(path)
        self._database: sqlite3.Connection | None = None
        self._left: list[tuple[int, ...] | None] = []

    def read(self) -> dict[str, Entry]:
        """Open the file and return what it holds; {} where it is new, damaged or of another version."""
        try:
            return self._read()
        except (sqlite3.Error, OSError, ValueError) as error:
            _log.warning("the index of runs is made anew: %s", error)
            self._begin_anew()
        finally:
            self._left = self._on_disk()
        return {}

    @property
    def lost(self) -> bool:
        """Whether somebody else changed the file under us, or it can no longer be used: what was kept has to be put again."""
        return self._database is None or (not self._in_memory and self._on_disk() != self._left)

    def put(self, run_id: str, entry: Entry, summary: str) -> None:
        """Keep what is known of an ended run; `summary` is it as JSON."""
        row = msgspec.json.encode(entry.row)
        values = (run_id, entry.signature, row, summary, _checksum(run_id, entry.signature, row, summary))
        self._write("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", values)

    def drop(self, run_id: str) -> None:
        """Forget a run that is gone."""
        self._write("DELETE FROM runs WHERE run_id = ?", (run_id,))

    def summaries(self, run_ids: Sequence[str]) -> dict[str, str]:
        """The summaries of these runs as JSON, as far as they are kept."""
        found: dict[str, str] = {}
        with self._guarded() as database:
            for start in range(0, len(run_ids) if database else 0, _AT_ONCE):
                some = run_ids[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                assert database is not None
                rows = database.execute(f"SELECT * FROM runs WHERE run_id IN ({marks})", some)
                found.update((run_id, summary) for run_id, _, _, summary in _sound(rows))
        return found

    def renew(self) -> None:
        """Begin again with an empty file."""
        self._begin_anew()
        self._left = self._on_disk()

    def close(self) -> None:
        """Write nothing any more."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _on_disk(self) -> list[tuple[int, ...] | None]:
        """How the files are now: nobody but us has any business with them."""
        found: list[tuple[int, ...] | None] = []
        for suffix in ("", "-wal"):
            try:
                info = self._path.with_name(self._path.name + suffix).stat()
                found.append((info.st_ino, info.st_size, info.st_mtime_ns))
            except OSError:
                found.append(None)
        return found

    @property
    def _in_memory(self) -> bool:
        """Where even the cache lies on a network, SQLite's locks cannot be relied on."""
        return on_network(self._path.parent)

    def _read(self) -> dict[str, Entry]:
        database = self._connect()
        known = database.execute("SELECT text FROM shape").fetchone()
        if known != (_SHAPE,):
            database.executescript("DELETE FROM shape; DROP TABLE runs;")
            database.execute(_TABLE)
            database.execute("INSERT INTO shape VALUES (?)", (_SHAPE,))
            return {}
        decode = msgspec.json.Decoder(Row).decode
        rows = _sound(database.execute("SELECT * FROM runs"))
        return {run_id: Entry(signature, decode(row)) for run_id, signature, row, _ in rows}

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = ":memory:" if self._in_memory else str(self._path)
        if not self._in_memory:
            lay_down(self._path)
        database = self._database = sqlite3.connect(
            place, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S
        )
        # An entry that a power cut takes is read anew from its run: nothing here waits for the disk.
        # Exclusive, so that SQLite shares no memory through a file: one that is cut while it is mapped would end the server.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE IF NOT EXISTS shape (text TEXT)")
        database.execute(_TABLE)
        if place != ":memory:":
            self._path.chmod(0o600)
        return database

    def _begin_anew(self) -> None:
        self.close()
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._read()
        except (sqlite3.Error, OSError) as error:
            _log.warning("there is no index of runs: %s", error)
            self.close()

    def _write(self, statement: str, values: Iterable[object]) -> None:
        with self._guarded() as database:
            if database is not None:
                database.execute(statement, tuple(values))

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection | None]:
        """The database; one that turns out to be damaged is closed, which makes it `lost`."""
        left = self._on_disk() == self._left
        try:
            yield self._database
            # Only what we did ourselves is as we left it: what somebody else did stays to be seen.
            self._left = self._on_disk() if left else []
        except sqlite3.Error as error:
            _log.warning("the index of runs cannot be used: %s", error)
            self.close()


def _sound(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, str, bytes, str]]:
    """The rows that are as they were put: SQLite itself does not see a flipped bit within a value."""
    for run_id, signature, row, summary, checksum in rows:
        try:
            if checksum == _checksum(run_id, signature, row, summary):
                yield run_id, signature, row, summary
        except (AttributeError, TypeError):
            continue


def _checksum(run_id: str, signature: str, row: bytes, summary: str) -> int:
    return zlib.crc32(b"\0".join((run_id.encode(), signature.encode(), row, summary.encode())))


def signature(root: str) -> str:
    """Sizes and times of all files that a summary is made from, of the run in the folder `root`."""
    parts = []
    for name in _MADE_FROM:
        try:
            info = os.stat(f"{root}/{name}")  # noqa: PTH116  (a Path for each of 60,000 files takes a second)
            parts.append(f"{info.st_size}@{info.st_mtime_ns}")
        except OSError:
            parts.append("-")
    return " ".join(parts)


_MADE_FROM = (
    "run.json", "annotations.json", "training_status.json", "events.jsonl", "supervisor.jsonl", "attempts",
)  # fmt: skip
