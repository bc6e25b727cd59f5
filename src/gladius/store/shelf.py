"""Ended runs without their views: a row of each in memory, its summary in the index. Upstream: view. Downstream: store."""

from __future__ import annotations

from collections.abc import Iterable

from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import Home
from gladius.store.index import Entry, RunIndex, signature
from gladius.store.summary import annotated, summarize
from gladius.store.table import Row, row_of
from gladius.store.view import RunView
from gladius.wire.runs import RunSummary


class Shelf:
    """Rows by id. It lives in the store's event loop, but for `open`."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._index = RunIndex(home.run_index)
        self.rows: dict[str, Row] = {}
        self.changed: dict[str, None] = {}
        """The runs whose row is another, or gone, since somebody emptied this; in the order of their rows in memory."""

    def open(self, names: Iterable[str]) -> list[str]:
        """Take what the index knows of these folders, where that is still so; returns the others, which have to be read."""
        kept = self._index.read()
        unread: list[str] = []
        runs = f"{self._home.runs}/"
        for run_id in names:
            entry = kept.pop(run_id, None)
            if entry is not None and entry.signature == signature(runs + run_id):
                self._set(run_id, entry.row)
            else:
                unread.append(run_id)
        for run_id in kept:
            self._index.drop(run_id)
        return unread

    def close(self) -> None:
        """Write nothing any more."""
        self._index.close()

    def put(self, view: RunView) -> None:
        """Take in what a run came to."""
        self._put(view, summarize(view))

    def take(self, run_id: str) -> None:
        """It goes on, or is gone: what was known of it holds no longer."""
        if self.rows.pop(run_id, None) is not None:
            self.changed[run_id] = None

    def drop(self, run_id: str) -> None:
        """Forget a run that is gone."""
        self.take(run_id)
        self._index.drop(run_id)

    def told(self, run_ids: Iterable[str]) -> dict[str, str]:
        """The summaries of these runs as JSON, as far as they are kept."""
        return self._index.summaries([run_id for run_id in run_ids if run_id in self.rows])

    def annotate(self, run_id: str) -> bool:
        """Take in what people say of it now, nothing else of it has to be read; False when it has to be after all."""
        kept = self.told([run_id]).get(run_id)
        if kept is None:
            return False
        directory = self._home.run(run_id)
        run, annotations = read_object(directory.run_json) or {}, directory.read_annotations()
        summary = RunSummary.model_validate_json(kept).model_copy(update=annotated(run_id, run, annotations))
        row = self._set(run_id, row_of(summary, run, annotations))
        self._index.put(run_id, Entry(signature(str(directory.root)), row), summary.model_dump_json())
        return True

    def renew(self) -> bool:
        """Begin with an empty file where the old one is lost; True means that every run has to be put again."""
        lost = self._index.lost
        if lost:
            self._index.renew()
        return lost

    def _put(self, view: RunView, summary: RunSummary) -> None:
        row = self._set(view.run_id, row_of(summary, view.run, view.annotations))
        if view.current.exited is not None and not view.trainer.behind and not view.supervisor.behind:
            # Only the last word is kept: a view that is behind its files would be taken for one that is not.
            self._index.put(view.run_id, Entry(signature(str(view.directory.root)), row), summary.model_dump_json())

    def _set(self, run_id: str, row: Row) -> Row:
        self.rows[run_id] = row
        self.changed[run_id] = None
        return row
