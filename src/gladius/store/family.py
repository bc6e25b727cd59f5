"""Which runs a run was forked from, and which from it, the deleted ones too. Upstream: store, trash. Downstream: record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gladius.pulse.plain_file import read_object
from gladius.store.store import Store
from gladius.store.table import parent_of
from gladius.store.view import RunView

Place = Literal["here", "trash", "gone"]


@dataclass(frozen=True)
class Family:
    """Where the parent is; the children that are here and those in the trash, oldest first."""

    parent: Place = "here"
    children: Sequence[str] = ()
    in_trash: Sequence[str] = ()


async def family_of(store: Store, run: RunView) -> Family:
    """The family of a run as of now."""
    parent, known = parent_of(run.run), store.parents()
    unread = [run_id for run_id in store.ids() if run_id not in known]

    def look() -> tuple[list[str], bool]:
        known.update((one, parent_of(read_object(store.home.run(one).run_json) or {})) for one in unread)
        return store.trash.children(run.run_id), parent is not None and store.trash.holds(parent)

    in_trash, thrown = await asyncio.to_thread(look)
    children = sorted(child for child, of in known.items() if of == run.run_id)
    here = parent is None or parent in known
    return Family("here" if here else "trash" if thrown else "gone", children, in_trash)
