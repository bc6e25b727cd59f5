"""One page of the list of runs. Upstream: store, table. Downstream: server."""

from __future__ import annotations

import json

import msgspec

from gladius.errors import ConfigError
from gladius.store.standing import Ordered
from gladius.store.store import Store
from gladius.store.table import Wanted

PATIENCE_S = 2.0
"""A list that has to know every run waits this long for those that are still being read; `unread` says how many it lacks."""


async def page_of(
    store: Store, wanted: Wanted, limit: int, cursor: str | None = None, offset: int = 0, with_facets: bool = False
) -> str:
    """A `wire.runs.RunList` as JSON. Summaries of ended runs pass as they are kept, unread. Raises ConfigError for a bad cursor."""
    if store.unread and wanted.plain and not with_facets:
        # Newest first needs no more than the ids: nobody waits for 10,000 old runs to see the last one.
        return await _newest(store, limit, cursor, offset)
    standing, unread = await store.standing(PATIENCE_S)
    fitting = standing.ordered(wanted)
    begin = _after(fitting, cursor) + offset
    end = min(begin + limit, len(fitting))
    wanted_ids, total = fitting.ids(begin, end), len(fitting)
    counts = msgspec.json.encode(standing.facets()).decode() if with_facets else "null"
    told = await store.told(wanted_ids)
    more = f"{end - 1}~{wanted_ids[-1]}" if wanted_ids and end < total else None
    return _joined(list(told.values()), more, total, unread, counts)


def _after(rows: Ordered, cursor: str | None) -> int:
    """The place where the page behind a cursor begins; raises ConfigError for a cursor that means nothing.

    A cursor is the place and the id of the last row: a row that has moved meanwhile is found by its id, one that has
    gone by its place.
    """
    if cursor is None:
        return 0
    place, _, run_id = cursor.partition("~")
    if not place.isdecimal() or not run_id:
        raise ConfigError("The cursor means nothing.", "Begin again with the first page.", "cursor")
    index = rows.index(run_id)
    return min(int(place), len(rows)) if index is None else index + 1


async def _newest(store: Store, limit: int, cursor: str | None, offset: int) -> str:
    ids = store.ids()
    before = cursor.partition("~")[2] if cursor else None
    rest = [run_id for run_id in ids if before is None or run_id < before][offset:]
    told = await store.told(rest[:limit])
    last = rest[: limit + 1]
    more = f"{len(ids) - len(rest) + limit - 1}~{last[limit - 1]}" if len(last) > limit else None
    return _joined(list(told.values()), more, len(ids), store.unread, "null")


def _joined(summaries: list[str], cursor: str | None, total: int, unread: int, counts: str) -> str:
    """A `RunList`, written by hand: its summaries are JSON already."""
    runs = ",".join(summaries)
    return f'{{"runs":[{runs}],"cursor":{json.dumps(cursor)},"total":{total},"unread":{unread},"facets":{counts}}}'
