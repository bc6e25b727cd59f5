"""All rows in the orders that were asked for last, kept up row by row. Upstream: table. Downstream: pages.

A row that changes costs two binary searches for each order; only an order that nobody asked for lately is sorted anew.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Any

from gladius.store.table import Row, Wanted
from gladius.wire.runs import Facets

_ORDERS_KEPT = 4
_Place = tuple[Any, ...]


class _Backwards(str):
    """A text that stands before those that it would stand behind."""

    __slots__ = ()
    __lt__ = str.__gt__


class Standing:
    """Rows by id, the orders of them, and what they can be filtered by."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._orders: OrderedDict[Wanted, Ordered] = OrderedDict()
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("status", "profile", "dataset", "tag", "source")
        }

    def put(self, run_id: str, row: Row | None) -> None:
        """Take in what a run is now; None where it has gone."""
        before = self._rows.get(run_id)
        if before == row:
            return
        for known, by in ((before, -1), (row, 1)):
            if known is not None:
                self._count(known, by)
        for order in self._orders.values():
            order.change(before, row)
        if row is None:
            del self._rows[run_id]
        else:
            self._rows[run_id] = row

    def ordered(self, wanted: Wanted) -> Ordered:
        """The rows that are wanted, in their order: good until the next `put`."""
        found = self._orders.get(wanted)
        if found is None:
            found = self._orders[wanted] = Ordered(wanted, self._rows)
            if len(self._orders) > _ORDERS_KEPT:
                self._orders.popitem(last=False)
        self._orders.move_to_end(wanted)
        return found

    def facets(self) -> Facets:
        """How many runs have each state, profile, dataset, tag and source: what a filter can choose from."""
        return Facets(**{name: dict(sorted(found.items())) for name, found in self._counts.items()})

    def _count(self, row: Row, by: int) -> None:
        tags = (("tag", tag) for tag in row.tags)
        for kind, value in (
            ("status", row.state), ("source", row.source), ("profile", row.profile), ("dataset", row.dataset), *tags
        ):  # fmt: skip
            if value is not None:
                self._counts[kind][value] += by
                if not self._counts[kind][value]:
                    del self._counts[kind][value]


class Ordered:
    """The rows that one question wants: known values, then those that are no number, then unknown ones.

    Newest first within what is equal. Each part is an ascending list of places, read from its end where that is the order.
    """

    def __init__(self, wanted: Wanted, rows: dict[str, Row]) -> None:
        self._wanted = wanted
        self._rows = rows
        self._parts: tuple[list[_Place], list[_Place], list[_Place]] = ([], [], [])
        for row in rows.values():
            if wanted.fits(row):
                part, place = self._place(row)
                self._parts[part].append(place)
        for places in self._parts:
            places.sort()

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[str]:
        return map(self._id, range(len(self)))

    def change(self, before: Row | None, now: Row | None) -> None:
        """Take one row out, and another in."""
        if before is not None and self._wanted.fits(before):
            part, place = self._place(before)
            del self._parts[part][bisect_left(self._parts[part], place)]
        if now is not None and self._wanted.fits(now):
            part, place = self._place(now)
            insort(self._parts[part], place)

    def ids(self, begin: int, end: int) -> list[str]:
        """The ids of the rows from `begin` to before `end`."""
        return [self._id(index) for index in range(begin, min(end, len(self)))]

    def index(self, run_id: str) -> int | None:
        """Where a run stands; None where it is not wanted or not there."""
        row = self._rows.get(run_id)
        if row is None or not self._wanted.fits(row):
            return None
        part, place = self._place(row)
        found = bisect_left(self._parts[part], place)
        if self._backwards(part):
            found = len(self._parts[part]) - 1 - found
        return found + sum(len(places) for places in self._parts[:part])

    def _id(self, index: int) -> str:
        for part, places in enumerate(self._parts):
            if index < len(places):
                return str(places[-1 - index if self._backwards(part) else index][-1])
            index -= len(places)
        raise IndexError(index)

    def _place(self, row: Row) -> tuple[int, _Place]:
        """The part that a row belongs to, and its place there: unlike every other row's, and its id last."""
        value = self._wanted.value(row)
        part = 2 if value is None else 1 if self._wanted.is_odd(value) else 0
        if part:
            return part, (row.created, row.run_id)
        if self._backwards(0):
            return 0, (value, row.created, row.run_id)
        return 0, (value, -row.created, _Backwards(row.run_id))

    def _backwards(self, part: int) -> bool:
        return part > 0 or self._wanted.order == "desc"
