"""All rows in the orders that were asked for last, kept up row by row. Upstream: table. Downstream: pages.

A row that changes costs two binary searches for each order; only an order that nobody asked for lately is sorted anew.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter
from typing import Any

from gladius.store.table import Row, Wanted

_ORDERS_KEPT = 4
_COUNTED = {"status": "state", "profile": "profile", "dataset": "dataset", "source": "source"}
"""What can be filtered by, and where a row says it; its tags besides."""
_age = attrgetter("created", "run_id")
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
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in (*_COUNTED, "tag")}

    def take(self, changed: Mapping[str, Row | None]) -> None:
        """Take in what these runs are now; None where one has gone."""
        gone, come = [], []
        for run_id, row in changed.items():
            before = self._rows.get(run_id)
            if before == row:
                continue
            if before is not None:
                gone.append(before)
            if row is None:
                del self._rows[run_id]
            else:
                self._rows[run_id] = row
                come.append(row)
        for name, by_value in self._counts.items():
            by_value.update(_values(name, come))
            by_value.subtract(_values(name, gone))
            for value in set(_values(name, gone)):
                if not by_value[value]:
                    del by_value[value]
        for order in self._orders.values():
            order.change(gone, come)

    def ordered(self, wanted: Wanted) -> Ordered:
        """The rows that are wanted, in their order: good until the next `take`."""
        found = self._orders.get(wanted)
        if found is None:
            found = self._orders[wanted] = Ordered(wanted, self._rows)
            if len(self._orders) > _ORDERS_KEPT:
                self._orders.popitem(last=False)
        self._orders.move_to_end(wanted)
        return found

    def facets(self) -> dict[str, dict[str, int]]:
        """What a filter can choose from, as `wire.runs.Facets` has it."""
        return {name: dict(sorted(found.items())) for name, found in self._counts.items()}


def _values(name: str, rows: Iterable[Row]) -> Iterator[str]:
    """What rows say of one thing that can be filtered by."""
    if name == "tag":
        return chain.from_iterable(row.tags for row in rows)
    return filter(None, map(attrgetter(_COUNTED[name]), rows))


class Ordered:
    """The rows that one question wants: known values, then those that are no number, then unknown ones.

    Newest first within what is equal. Each part ascends by its rows' places, and is read from its end where that is the order.
    """

    def __init__(self, wanted: Wanted, rows: dict[str, Row]) -> None:
        self._wanted = wanted
        self._rows = rows
        self._parts: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
        # Sorted by age, and then by value alone: sorting keeps what is equal in its order, and a place for each row is
        # half of the work.
        value = wanted.value
        for row in sorted(wanted.among(rows.values()), key=_age):
            self._parts[self._part(value(row))].append(row)
        if not self._backwards(0):
            self._parts[0].reverse()
        self._parts[0].sort(key=value)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[str]:
        return map(self._id, range(len(self)))

    def change(self, gone: Iterable[Row], come: Iterable[Row]) -> None:
        """Take some rows out, and others in."""
        for row in self._wanted.among(gone):
            part = self._part(self._wanted.value(row))
            del self._parts[part][self._index(part, row)]
        for row in self._wanted.among(come):
            part = self._part(self._wanted.value(row))
            insort(self._parts[part], row, key=self._places(part))

    def ids(self, begin: int, end: int) -> list[str]:
        """The ids of the rows from `begin` to before `end`."""
        return [self._id(index) for index in range(begin, min(end, len(self)))]

    def index(self, run_id: str) -> int | None:
        """Where a run stands; None where it is not wanted or not there."""
        row = self._rows.get(run_id)
        if row is None or not self._wanted.fits(row):
            return None
        part = self._part(self._wanted.value(row))
        found = self._index(part, row)
        if self._backwards(part):
            found = len(self._parts[part]) - 1 - found
        return found + sum(len(rows) for rows in self._parts[:part])

    def _id(self, index: int) -> str:
        for part, rows in enumerate(self._parts):
            if index < len(rows):
                return rows[-1 - index if self._backwards(part) else index].run_id
            index -= len(rows)
        raise IndexError(index)

    def _index(self, part: int, row: Row) -> int:
        places = self._places(part)
        return bisect_left(self._parts[part], places(row), key=places)

    def _part(self, value: Any) -> int:
        return 2 if value is None else 1 if self._wanted.is_odd(value) else 0

    def _places(self, part: int) -> Callable[[Row], _Place]:
        """A row's place in a part, unlike every other row's there."""
        if part:
            return _age
        value = self._wanted.value
        if self._backwards(0):
            return lambda row: (value(row), row.created, row.run_id)
        return lambda row: (value(row), -row.created, _Backwards(row.run_id))

    def _backwards(self, part: int) -> bool:
        return part > 0 or self._wanted.order == "desc"
