"""The list of runs: sorted, filtered, searched, kept between servers, and always what the runs' own files say."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ended_run import ended_run

from gladius.errors import AmbiguousRun, ConfigError, FieldErrors, NotesChanged, RunNotFound
from gladius.pulse.rundir import Home
from gladius.store.pages import page_of
from gladius.store.store import Store
from gladius.store.summary import summarize
from gladius.store.table import Wanted
from gladius.store.view import RunView
from gladius.wire.runs import RunList, RunPatch


def with_store(home: Home, work: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = Store(home)
        await store.open()
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


async def listed(store: Store, limit: int = 50, cursor: str | None = None, **wanted: Any) -> RunList:
    return RunList.model_validate_json(await page_of(store, Wanted(**wanted), limit, cursor, with_facets=True))


async def names(store: Store, **wanted: Any) -> list[str]:
    return [run.name for run in (await listed(store, **wanted)).runs]


@pytest.fixture
def zoo(home: Home) -> Home:
    """Runs that differ in everything that a list knows of."""
    ended_run(home, "Ant", [3.0, 0.5], dataset={"id": "b"}, tags=["small", "fast"])
    ended_run(home, "bee", [3.0, 2.5], "error", "failed", dataset="a", profile="other", source="cli")
    ended_run(home, "cat", [3.0, math.nan], "cancelled", tags=["small"])
    ended_run(home, "dog", [], state="", verdict="killed", profile=None)
    return home


def test_a_list_is_sorted_by_each_column_and_what_is_unknown_comes_last(zoo: Home) -> None:
    async def work(store: Store) -> None:
        assert await names(store) == await names(store, sort="created", order="desc")
        assert set(await names(store)) == {"Ant", "bee", "cat", "dog"}
        assert await names(store, sort="name", order="asc") == ["Ant", "bee", "cat", "dog"]
        assert await names(store, sort="name", order="desc") == ["dog", "cat", "bee", "Ant"]
        assert await names(store, sort="loss", order="asc") == ["Ant", "bee", "cat", "dog"], (
            "NaN, then nothing, are last"
        )
        assert await names(store, sort="loss", order="desc") == ["bee", "Ant", "cat", "dog"]
        assert (await names(store, sort="dataset", order="asc"))[:2] == ["bee", "Ant"]
        assert (await names(store, sort="profile", order="desc"))[-1] == "dog"
        assert await names(store, sort="status", order="asc") == ["cat", "Ant", "bee", "dog"]
        for sort in ("ended", "duration", "best", "eval_loss"):
            assert len(await names(store, sort=sort)) == 4

    with_store(zoo, work)


def test_a_list_is_filtered_and_searched_and_tells_what_can_be_filtered_by(zoo: Home) -> None:
    async def work(store: Store) -> None:
        assert await names(store, states=frozenset({"error", "killed"}), sort="name", order="asc") == ["bee", "dog"]
        assert len(await names(store, states=frozenset({"ended"}))) == 4
        assert await names(store, states=frozenset({"live"})) == []
        assert await names(store, profile="other") == ["bee"] == await names(store, dataset="a", source="cli")
        assert await names(store, tags=frozenset({"small", "fast"})) == ["Ant"]
        assert await names(store, q="  ANT small") == ["Ant"] and await names(store, q="ant nothing") == []
        page = await listed(store, q="bee")
        assert (page.total, page.unread, page.cursor) == (1, 0, None)
        assert page.facets is not None and page.facets.model_dump() == {
            "status": {"cancelled": 1, "done": 1, "error": 1, "killed": 1},
            "profile": {"other": 1, "tiny-moe": 2},
            "dataset": {"a": 1, "b": 1},
            "tag": {"fast": 1, "small": 2},
            "source": {"api": 3, "cli": 1},
        }

    with_store(zoo, work)


def test_pages_follow_each_other_whatever_is_deleted_in_between(zoo: Home) -> None:
    async def work(store: Store) -> None:
        every = [run.run_id for run in (await listed(store, sort="loss", order="asc")).runs]
        first = await listed(store, limit=2, sort="loss", order="asc")
        second = await listed(store, limit=2, cursor=first.cursor, sort="loss", order="asc")
        assert [run.run_id for run in (*first.runs, *second.runs)] == every and second.cursor is None
        await store.delete(every[0])
        assert (await listed(store, cursor=first.cursor, sort="loss", order="asc")).runs == second.runs
        await store.delete(every[1])
        gone = await listed(store, cursor=first.cursor, sort="loss", order="asc")
        assert len(gone.runs) <= 2, "its place is taken instead"
        for wrong in ("x", "~", "1~", "-1~a"):
            with pytest.raises(ConfigError):
                await listed(store, cursor=wrong)

    with_store(zoo, work)


def read_count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose streams are read from now on."""
    read: list[str] = []
    load = RunView.load

    def counted(view: RunView, *pieces: Any) -> RunView:
        read.append(view.run_id)
        return load(view, *pieces)

    monkeypatch.setattr(RunView, "load", counted)
    return read


def test_the_list_is_kept_between_servers_and_made_anew_where_files_changed(
    zoo: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_count(monkeypatch)
    own = {run.run_id: summarize(RunView(run).load()) for run in zoo.all_runs()}
    read.clear()

    async def work(store: Store) -> None:
        page = await listed(store, sort="loss")
        assert {run.run_id: (run.state, run.elapsed, str(run.loss)) for run in page.runs} == {
            run_id: (run.state, run.elapsed, str(run.loss)) for run_id, run in own.items()
        }
        assert [run.model_dump(exclude={"elapsed", "health"}) for run in page.runs] == [
            own[run.run_id].model_dump(exclude={"elapsed", "health"}) for run in page.runs
        ]

    def reads() -> int:
        with_store(zoo, work)
        count = len(read)
        read.clear()
        return count

    assert (reads(), reads()) == (4, 0)
    changed = next(run for run in zoo.all_runs() if run.read_run()["name"] == "bee")
    with changed.events.open("a") as file:
        file.write(json.dumps({"seq": 99, "time": 1.0, "attempt": 1, "type": "state", "state": "done"}) + "\n")
    own[changed.run_id] = summarize(RunView(changed).load())
    read.clear()
    assert (reads(), reads()) == (1, 0)
    zoo.run_index.write_bytes(b"SQLite format 3\0 but not really" * 200)
    assert (reads(), reads()) == (4, 0)
    for path in zoo.state.glob("index.sqlite*"):
        path.unlink()
    assert (reads(), reads()) == (4, 0)


def harm_index(zoo: Home, store: Store, harm: str) -> None:
    path = zoo.run_index
    beside = [one for one in zoo.state.glob("index.sqlite*") if one.stat().st_size]
    if harm == "deleted":
        for one in beside:
            one.unlink()
    elif harm == "cut":
        for one in beside:
            os.truncate(one, one.stat().st_size // 3)
    elif harm == "emptied":
        for one in beside:
            os.truncate(one, 0)
    elif harm == "random bytes":
        for one in beside:
            one.write_bytes(random.Random(1).randbytes(one.stat().st_size))
    elif harm == "replaced":
        other = path.with_name("other")
        other.write_bytes(b"not a database at all")
        other.replace(path)
    elif harm == "locked":
        path.with_name("index.sqlite-wal").unlink(missing_ok=True)
        path.unlink()
        with sqlite3.connect(path) as other_program:
            other_program.execute("CREATE TABLE mine (x)")
        other_program.execute("BEGIN EXCLUSIVE")
        store._other_program = other_program  # type: ignore[attr-defined]
    else:
        database = store._shelf._index._database
        assert database is not None
        # A bit of a summary that SQLite itself has no way to miss.
        database.execute("UPDATE runs SET summary = replace(summary, 'done', 'dane'), row = replace(row, 'bee', 'bea')")


@pytest.mark.parametrize(
    "harm", ["deleted", "cut", "emptied", "random bytes", "replaced", "locked", "other values"]
)  # fmt: skip
def test_an_index_that_is_harmed_while_a_server_runs_fails_no_request_and_is_made_anew(
    zoo: Home, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    read = read_count(monkeypatch)
    truth = sorted((run.run_id, summarize(RunView(run).load()).state) for run in zoo.all_runs())

    async def work(store: Store) -> None:
        async def ask() -> None:
            page = await listed(store, sort="loss")
            assert sorted((run.run_id, run.state) for run in page.runs) == truth
            for run_id, state in truth:
                assert (await store.summary(run_id)).state == state

        await ask()
        harm_index(zoo, store, harm)
        await ask()
        store._rescan()
        assert store._reading is not None
        await store._reading
        await ask()

    with_store(zoo, work)
    read.clear()

    async def again(store: Store) -> None:
        page = await listed(store, sort="loss")
        assert sorted((run.run_id, run.state) for run in page.runs) == truth

    with_store(zoo, again)
    assert read == []


def test_people_rename_tag_and_describe_a_run_and_run_json_stays(zoo: Home) -> None:
    run = next(run for run in zoo.all_runs() if run.read_run()["name"] == "Ant")
    before = run.run_json.read_bytes()

    async def work(store: Store) -> None:
        told: list[frozenset[str]] = []
        await listed(store, sort="loss")
        store.listen(lambda run_id, changed: told.append(changed) if run_id == run.run_id else None)
        patch = RunPatch(name=" Best\nrun ", add_tags=["good", "small"], remove_tags=["fast"], notes="<b>It worked</b>")
        summary = await store.annotate(run.run_id, patch)
        assert (summary.name, summary.tags, summary.note) == ("Best run", ["small", "good"], "<b>It worked</b>")
        assert await names(store, q="worked") == ["Best run"] == await names(store, tags=frozenset({"good"}))
        assert store.resolve("Best run") == store.resolve("Ant") == run.run_id, "its first name leads to it still"
        assert frozenset({"facts"}) in told
        with pytest.raises(NotesChanged):
            await store.annotate(run.run_id, RunPatch(notes="mine", notes_before="what I saw"))
        for wrong in (["a,b"], [""], ["x" * 65], [f"t{i}" for i in range(40)]):
            with pytest.raises(FieldErrors):
                await store.annotate(run.run_id, RunPatch(tags=wrong))
        with pytest.raises(RunNotFound):
            await store.annotate("../x", RunPatch(name="y"))
        assert (await store.summary(run.run_id)).note == "<b>It worked</b>"

    async def again(store: Store) -> None:
        assert await names(store, q="best") == ["Best run"]
        summary = await store.annotate(run.run_id, RunPatch(name="", notes="", tags=[]))
        assert (summary.name, summary.tags, summary.note) == ("Ant", [], None)
        other = next(one for one in store.ids() if one != run.run_id)
        await store.annotate(other, RunPatch(name="Ant"))
        with pytest.raises(AmbiguousRun):
            store.resolve("Ant")

    with_store(zoo, work)
    assert run.run_json.read_bytes() == before
    with_store(zoo, again)
