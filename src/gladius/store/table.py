"""A run as a short row in memory, and the question that a list of them answers. Upstream: summaries. Downstream: standing, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal, get_args

import msgspec

from gladius.wire.base import TERMINAL_STATES
from gladius.wire.runs import RunSummary

Sort = Literal["created", "ended", "name", "profile", "dataset", "status", "loss", "eval_loss", "best", "duration"]
Order = Literal["asc", "desc"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_NOTES_SEARCHED = 10_000


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a list sorts, filters and searches by. The rest of a summary is fetched for the rows that are shown."""

    run_id: str
    name: str
    first_name: str | None
    """As run.json has it; a run goes on to be found by it."""
    created: float
    ended: float | None
    profile: str | None
    dataset: str | None
    source: str
    state: str
    tags: tuple[str, ...]
    loss: float | str | None
    eval_loss: float | str | None
    best: float | None
    duration: float | None
    parent: str | None
    text: str
    """All that is searched, in lower case."""


def row_of(summary: RunSummary, run: Mapping[str, Any], annotations: Mapping[str, Any]) -> Row:
    """The row of a run, from its summary, run.json and annotations."""
    first_name, notes = run.get("name"), annotations.get("notes")
    first_name = first_name if isinstance(first_name, str) else None
    words = [summary.name, summary.run_id, summary.profile_id, summary.dataset_id, first_name, *summary.tags]
    words.append(notes[:_NOTES_SEARCHED] if isinstance(notes, str) else None)
    return Row(
        run_id=summary.run_id,
        name=summary.name,
        first_name=first_name,
        created=summary.created_at,
        ended=summary.finished_at,
        profile=summary.profile_id,
        dataset=summary.dataset_id,
        source=summary.source,
        state=summary.state,
        tags=tuple(summary.tags),
        loss=summary.loss,
        eval_loss=summary.eval_loss,
        best=summary.best.value if summary.best is not None else None,
        duration=summary.elapsed,
        parent=parent_of(run),
        text="\n".join(word for word in words if word).lower(),
    )


def parent_of(run: Mapping[str, Any]) -> str | None:
    """The run that this one was forked from; run.json never changes."""
    parent = run.get("parent")
    found = parent.get("run_id") if isinstance(parent, dict) else None
    return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Wanted:
    """Which rows, and in which order. Every word of `q` must occur; a run must carry every one of `tags`."""

    states: frozenset[str] = frozenset()
    profile: str | None = None
    dataset: str | None = None
    source: str | None = None
    tags: frozenset[str] = frozenset()
    q: str = ""
    sort: Sort = "created"
    order: Order = "desc"

    @property
    def plain(self) -> bool:
        """Whether it is every run, newest first."""
        return self == Wanted()

    def fits(self, row: Row) -> bool:
        """Whether a row is wanted."""
        return (
            (not self.states or bool(self.states & {row.state, _group(row.state)}))
            and self.profile in (None, row.profile)
            and self.dataset in (None, row.dataset)
            and self.source in (None, row.source)
            and self.tags.issubset(row.tags)
            and all(word in row.text for word in self._words)
        )

    def among(self, rows: Iterable[Row]) -> Iterable[Row]:
        """Those of some rows that are wanted: an order of all is seldom filtered, and then nobody is asked."""
        return rows if replace(self, sort="created", order="desc").plain else filter(self.fits, rows)

    @cached_property
    def _words(self) -> list[str]:
        return self.q.lower().split()

    @cached_property
    def value(self) -> Callable[[Row], Any]:
        """What a row is sorted by; None where that is unknown."""
        found = attrgetter("state" if self.sort == "status" else self.sort)
        if self.sort not in ("name", "profile", "dataset"):
            return found

        def lower(row: Row) -> str | None:
            text = found(row)
            return None if text is None else str(text).lower()

        return lower

    def is_odd(self, value: Any) -> bool:
        """Whether a value is none that others can be compared with: an infinite loss travels as a word."""
        return self.sort in ("loss", "eval_loss") and isinstance(value, str)


def _group(state: str) -> str:
    return "ended" if state in TERMINAL_STATES or state == "released" else "live"
