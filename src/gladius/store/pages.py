"""One page of the list of runs. Upstream: store, table. Downstream: server."""

from __future__ import annotations

import json

from gladius.store.store import Store
from gladius.store.table import Wanted, after, arranged, cursor_after, facets

PATIENCE_S = 2.0
"""A list that has to know every run waits this long for those that are still being read; `unread` says how many it lacks."""


async def page_of(
    store: Store, wanted: Wanted, limit: int, cursor: str | None = None, offset: int = 0, with_facets: bool = False
) -> str:
    """A `wire.runs.RunList` as JSON. Summaries of ended runs pass as they are kept, unread. Raises ConfigError for a bad cursor."""
    if store.unread and wanted.plain and not with_facets:
        # Newest first needs no more than the ids: nobody waits for 10,000 old runs to see the last one.
        return await _newest(store, limit, cursor, offset)
    rows, unread = await store.rows(PATIENCE_S)
    fitting = arranged(rows, wanted)
    begin = after(fitting, cursor) + offset
    end = min(begin + limit, len(fitting))
    told = await store.told([row.run_id for row in fitting[begin:end]])
    counts = facets(rows).model_dump_json() if with_facets else "null"
    return _joined(list(told.values()), cursor_after(fitting, end), len(fitting), unread, counts)


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
