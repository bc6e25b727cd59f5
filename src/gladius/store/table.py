"""All runs as short rows in memory: filtered, sorted, counted. Upstream: summaries. Downstream: lists of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from gladius.errors import ConfigError
from gladius.wire.base import TERMINAL_STATES
from gladius.wire.runs import Facets, RunSummary

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
            and all(word in row.text for word in self.q.lower().split())
        )


def arranged(rows: Iterable[Row], wanted: Wanted) -> list[Row]:
    """The rows that are wanted, in order. Unknown values come last in either order, before them those that are no number."""
    value = _value(wanted.sort)
    numbers: list[Row] = []
    odd: list[Row] = []
    unknown: list[Row] = []
    # Newest first within what is equal: every later sort is stable.
    for row in sorted((row for row in rows if wanted.fits(row)), key=_newest, reverse=True):
        found = value(row)
        (unknown if found is None else odd if _is_odd(wanted.sort, found) else numbers).append(row)
    numbers.sort(key=value, reverse=wanted.order == "desc")
    return numbers + odd + unknown


def facets(rows: Iterable[Row]) -> Facets:
    """How many runs have each state, profile, dataset, tag and source: what a filter can choose from."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("status", "profile", "dataset", "tag", "source")}
    for row in rows:
        counts["status"][row.state] += 1
        counts["source"][row.source] += 1
        counts["tag"].update(row.tags)
        if row.profile is not None:
            counts["profile"][row.profile] += 1
        if row.dataset is not None:
            counts["dataset"][row.dataset] += 1
    return Facets(**{name: dict(sorted(found.items())) for name, found in counts.items()})


def after(rows: list[Row], cursor: str | None) -> int:
    """The place where the page behind a cursor begins; raises ConfigError for a cursor that means nothing.

    A cursor is the place and the id of the last row: a row that has moved meanwhile is found by its id, one that has
    gone by its place.
    """
    if cursor is None:
        return 0
    place, _, run_id = cursor.partition("~")
    if not place.isdecimal() or not run_id:
        raise ConfigError("The cursor means nothing.", "Begin again with the first page.", "cursor")
    return next((here + 1 for here, row in enumerate(rows) if row.run_id == run_id), min(int(place), len(rows)))


def cursor_after(rows: list[Row], end: int) -> str | None:
    """The cursor of a page that ends before place `end`; None at the end of all."""
    return f"{end - 1}~{rows[end - 1].run_id}" if 0 < end < len(rows) else None


def _newest(row: Row) -> tuple[float, str]:
    return row.created, row.run_id


def _group(state: str) -> str:
    return "ended" if state in TERMINAL_STATES or state == "released" else "live"


def _value(sort: Sort) -> Callable[[Row], Any]:
    if sort == "status":
        return lambda row: row.state
    if sort == "name":
        return lambda row: row.name.lower()
    if sort in ("profile", "dataset"):
        return lambda row: None if (found := getattr(row, sort)) is None else found.lower()
    if sort == "created":
        return _newest
    return lambda row: getattr(row, sort)


def _is_odd(sort: Sort, value: Any) -> bool:
    return sort in ("loss", "eval_loss") and isinstance(value, str)
