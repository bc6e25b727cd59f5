"""Deleted runs: whole in the trash, whole again when restored, gone only when somebody says so twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ended_run import ended_run
from scripted_run import ScriptedRun

from gladius.errors import RunBusy, RunExists, RunNotFound, TrashElsewhere, TrashNotFound
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from gladius.store.family import family_of
from gladius.store.store import Store
from gladius.store.trash import Trash


def with_store(home: Home, work: Callable[[Store], Awaitable[None]], attach: Any = None) -> None:
    async def run() -> None:
        store = Store(home, attach)
        await store.open()
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


def everything(home: Home, run_id: str) -> dict[str, bytes]:
    root = home.run(run_id).root
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.suffix in (".json", ".jsonl")
    }


def test_a_run_is_deleted_and_comes_back_as_it_was(home: Home) -> None:
    run = ended_run(home, "away", tags=["kept"])
    before = everything(home, run.run_id)

    async def work(store: Store) -> None:
        summary, told = await store.summary(run.run_id), []
        store.listen(lambda run_id, changed: told.append(changed))
        thrown = await store.delete(run.run_id)
        assert store.ids() == [] and not run.root.exists() and frozenset({"gone"}) in told
        assert [one.entry for one in store.trash.entries()] == [thrown.entry] and thrown.name == "away"
        with pytest.raises(RunNotFound):
            await store.view(run.run_id)
        assert await store.restore(thrown.entry) == run.run_id
        assert await store.summary(run.run_id) == summary and store.trash.entries() == []
        with pytest.raises(TrashNotFound):
            await store.restore(thrown.entry)

    with_store(home, work)
    assert everything(home, run.run_id) == before


def test_a_run_that_lives_or_is_held_is_not_deleted(home: Home, spawn: Callable[..., Any]) -> None:
    live, held = ScriptedRun(spawn, home), ended_run(home, "held")
    lock = FileLock(held.launch_lock)
    lock.acquire()

    async def work(store: Store) -> None:
        for run_id in (live.run_id, held.run_id):
            with pytest.raises(RunBusy):
                await store.delete(run_id)
        assert set(store.ids()) == {live.run_id, held.run_id} and store.trash.entries() == []

    with_store(home, work)
    lock.release()


def test_a_run_whose_record_is_not_complete_waits_for_it(home: Home) -> None:
    run = ended_run(home, "unrecorded")
    run.report_json.unlink()

    async def work(store: Store) -> None:
        with pytest.raises(RunBusy, match="being completed"):
            await store.delete(run.run_id)

    with_store(home, work, lambda directory, attempt: None)


def test_its_family_says_that_it_is_in_the_trash(home: Home) -> None:
    parent = ended_run(home, "parent")
    child = ended_run(home, "child", parent={"run_id": parent.run_id, "checkpoint": "/x", "kind": "fork"})

    async def work(store: Store) -> None:
        async def family(run_id: str) -> tuple[Any, ...]:
            found = await family_of(store, await store.view(run_id))
            return found.parent, list(found.children), list(found.in_trash)

        assert await family(parent.run_id) == ("here", [child.run_id], [])
        thrown = await store.delete(child.run_id)
        assert await family(parent.run_id) == ("here", [], [child.run_id])
        await store.restore(thrown.entry)
        thrown = await store.delete(parent.run_id)
        assert await family(child.run_id) == ("trash", [], [])
        store.trash.empty(thrown.entry)
        assert await family(child.run_id) == ("gone", [], [])

    with_store(home, work)


def test_what_is_removed_for_good_is_only_the_run_itself(home: Home) -> None:
    export = home.root / "exports" / "table.csv"
    export.parent.mkdir()
    export.write_text("kept")
    run, trash = ended_run(home, "out"), Trash(home)
    (run.root / "export").symlink_to(export.parent)
    thrown = trash.put(run)
    for wrong in ("", ".", "..", "../runs", "../../etc", run.run_id, f"{thrown.entry}/..", "x~1"):
        with pytest.raises(TrashNotFound):
            trash.empty(wrong)
        with pytest.raises(TrashNotFound):
            trash.restore(wrong)
    trash.empty(thrown.entry)
    assert export.read_text() == "kept" and list(home.trashed_runs.iterdir()) == []


def test_a_removal_that_was_cut_short_is_finished_and_never_shown(home: Home) -> None:
    trash = Trash(home)
    thrown = trash.put(ended_run(home, "half"))
    (home.trashed_runs / thrown.entry).rename(home.trashed_runs / f".going-{thrown.entry}")
    assert trash.entries() == []
    trash.sweep()
    assert list(home.trashed_runs.iterdir()) == []


def test_a_taken_id_and_another_disk_are_said_and_nothing_moves(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    trash, run = Trash(home), ended_run(home, "twice")
    thrown = trash.put(run)
    run.root.mkdir()
    with pytest.raises(RunExists):
        trash.restore(thrown.entry)
    run.root.rmdir()
    trash.restore(thrown.entry)

    def elsewhere(*_: Any) -> None:
        raise OSError(18, os.strerror(18))

    monkeypatch.setattr("pathlib.Path.rename", elsewhere)
    with pytest.raises(TrashElsewhere):
        trash.put(run)
    assert run.run_json.exists()
