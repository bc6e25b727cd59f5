"""Full-text search in what documents said. Upstream: build. Downstream: indexer.

SQLite's FTS5: a file that can be thrown away, since an indexing makes it anew. Words are found in any form of their letters
(case, accents) but not of their grammar; the last one also as a beginning.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from pathlib import Path

from gladius.pulse.plain_file import lay_down
from gladius.wire.knowledge import DocumentHit, DocumentSearch, SnippetPart

_TERM = re.compile(r'"([^"]*)"|(\S+)')
_OPEN, _CLOSE = "\x02", "\x03"
"""Around what was found; no document's text has them, see extract."""
_WORDS = 40
_MOST_TERMS = 32


class SearchWriter:
    """A new search file; until `finish` nobody reads it. Raises sqlite3.Error, OSError; then no file is left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        lay_down(path)
        self._db: sqlite3.Connection | None = sqlite3.connect(path, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode=OFF")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(
                "CREATE VIRTUAL TABLE records USING fts5(text, source UNINDEXED, chunk UNINDEXED, place UNINDEXED, "
                'tokenize="unicode61 remove_diacritics 2")'
            )
            self._db.execute("BEGIN")
        except sqlite3.Error:
            self.abort()
            raise

    def add(self, text: str, source: str, chunk: int, place: str | None) -> None:
        """One record."""
        assert self._db is not None
        self._db.execute("INSERT INTO records VALUES (?,?,?,?)", (text, source, chunk, place))

    def finish(self) -> None:
        """Write it whole. Raises sqlite3.Error, OSError."""
        assert self._db is not None
        self._db.execute("INSERT INTO records(records) VALUES ('optimize')")
        self._db.execute("COMMIT")
        self._close()
        # SQLite was told to sync nothing; before it takes the old one's place it has to be there.
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def abort(self) -> None:
        """Take away what has not been put into its place."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def search(path: Path, query: str, limit: int, offset: int = 0) -> DocumentSearch:
    """The records that hold every word, and every phrase in quotes; best first. Raises sqlite3.Error."""
    asked = _asked(query)
    if not asked:
        return DocumentSearch(query=query, total=0, hits=[])
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
        total = int(db.execute("SELECT count(*) FROM records WHERE records MATCH ?", (asked,)).fetchone()[0])
        rows = db.execute(
            f"SELECT source, chunk, place, snippet(records, 0, ?, ?, '…', {_WORDS}) FROM records "
            "WHERE records MATCH ? ORDER BY rank LIMIT ? OFFSET ?",
            (_OPEN, _CLOSE, asked, limit, offset),
        ).fetchall()
    hits = [DocumentHit(source=row[0], chunk=row[1], place=row[2], parts=_parts(row[3])) for row in rows]
    return DocumentSearch(query=query, total=total, hits=hits)


def _asked(query: str) -> str:
    """The words of a person as FTS5 takes them: nothing that is typed is an operator."""
    terms = []
    for phrase, word in _TERM.findall(query)[:_MOST_TERMS]:
        text = re.sub(r"[^\w'’-]+", " ", phrase or word.replace('"', " ")).strip()
        if re.search(r"\w", text):
            terms.append((f'"{text}"', not phrase))
    if not terms:
        return ""
    last, may_go_on = terms[-1]
    return " AND ".join([*(term for term, _ in terms[:-1]), last + (" *" if may_go_on else "")])


def _parts(snippet: str) -> list[SnippetPart]:
    parts = []
    for piece in re.split(f"({_OPEN}[^{_CLOSE}]*{_CLOSE})", snippet):
        hit = piece.startswith(_OPEN)
        if piece:
            parts.append(SnippetPart(text=piece.strip(_OPEN + _CLOSE) if hit else piece, hit=hit))
    return parts
