"""All runs of a home: found, named, followed, adopted, and let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from scripted_run import ScriptedRun

from gladius.errors import AmbiguousRun, RunNotFound, RunUnreadable
from gladius.pulse.events import EventWriter
from gladius.pulse.rundir import Home, RunDir
from gladius.store import adoption
from gladius.store import store as module
from gladius.store.store import Store

Spawn = Callable[..., Any]


def ended(home: Home, name: str, steps: int = 3) -> RunDir:
    run = home.new_run(name, {"source": "api", "engine": "transformers"})
    run.write_attempt(1, {"argv": ["x"]})
    trainer, supervisor = EventWriter(run.events, 1), EventWriter(run.supervisor_events, 1)
    for step in range(steps):
        trainer.metrics({"train/loss": 1.0}, step, None, None)
    trainer.write("state", {"state": "done"})
    supervisor.write("process", {"event": "exited", "verdict": "finished"})
    run.report_json.write_text("{}")
    trainer.close()
    supervisor.close()
    return run


def with_store(home: Home, work: Callable[[Store], Awaitable[None]], attach: Any = None) -> None:
    async def run() -> None:
        store = Store(home, attach)
        await store.open()
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


async def becomes(condition: Callable[[], object], timeout: float = 15.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def test_runs_are_resolved_by_id_prefix_name_and_latest(home: Home) -> None:
    first, second = ended(home, "alpha"), ended(home, "beta")

    async def work(store: Store) -> None:
        assert {store.resolve(name) for name in (first.run_id, "alpha")} == {first.run_id}
        assert store.resolve("latest") == max(first.run_id, second.run_id)
        assert store.resolve(second.run_id[:-1]) == second.run_id
        for unknown in ("gamma", "", "../runs", str(first.root)):
            with pytest.raises(RunNotFound):
                store.resolve(unknown)
        with pytest.raises(AmbiguousRun):
            store.resolve("20")

    with_store(home, work)


def test_latest_of_nothing_is_not_found(home: Home) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(RunNotFound):
            store.resolve("latest")

    with_store(home, work)


def test_ended_runs_stay_on_disk_until_asked_for_and_memory_is_bounded(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENDED_IN_MEMORY", 2)
    runs = [ended(home, f"run {i}") for i in range(5)]

    async def work(store: Store) -> None:
        assert store.live_ids() == [] and all(store.loaded(run.run_id) is None for run in runs)
        for run in runs:
            assert (await store.summary(run.run_id)).state == "done"
        assert sum(store.loaded(run.run_id) is not None for run in runs) == 2

    with_store(home, work)


def test_a_run_that_appears_is_followed(home: Home, spawn: Spawn) -> None:
    async def work(store: Store) -> None:
        run = await asyncio.to_thread(ScriptedRun, spawn, home)
        await becomes(lambda: run.run_id in store.live_ids())
        await asyncio.to_thread(run.order, steps=5)
        view = await store.view(run.run_id)
        await becomes(lambda: view.current.pace.step == 4)
        await asyncio.to_thread(run.end)
        await becomes(lambda: store.live_ids() == [])
        assert (await store.summary(run.run_id)).state == "done"

    with_store(home, work)


def test_an_ended_run_that_goes_on_is_followed_again(home: Home) -> None:
    run = ended(home, "again")

    async def work(store: Store) -> None:
        assert (await store.summary(run.run_id)).state == "done"
        run.write_attempt(2, {"argv": ["x"]})
        writer = EventWriter(run.events, 2)
        writer.write("state", {"state": "running"})
        await becomes(lambda: run.run_id in store.live_ids())
        summary = await store.summary(run.run_id)
        assert (summary.state, summary.attempt) == ("running", 2)
        writer.close()

    with_store(home, work)


def test_a_deleted_run_is_forgotten(home: Home) -> None:
    run = ended(home, "gone")

    async def work(store: Store) -> None:
        run.root.rename(home.root / "trash")
        await becomes(lambda: store.ids() == [])
        with pytest.raises(RunNotFound):
            await store.view(run.run_id)

    with_store(home, work)


def test_a_folder_that_is_no_run_is_none_and_a_broken_one_is_named(home: Home) -> None:
    (home.runs / "stray").mkdir()
    (home.runs / "stray.txt").write_text("x")
    broken = home.runs / "20260101-000000-broken-0000"
    broken.mkdir()
    (broken / "run.json").write_text("{")

    async def work(store: Store) -> None:
        with pytest.raises(RunUnreadable, match=r"run\.json cannot be read: it is no JSON"):
            await store.view(broken.name)
        assert store.ids() == [] and store.unreadable() == {broken.name: "it is no JSON"}

    with_store(home, work)


def test_a_burst_of_appends_is_all_there(home: Home, spawn: Spawn) -> None:
    run = ScriptedRun(spawn, home)

    async def work(store: Store) -> None:
        view = await store.view(run.run_id)
        await asyncio.to_thread(run.order, steps=20_000)
        await becomes(lambda: view.trainer.last_seq == 20_001)
        assert len(view.table.series["train/loss"]) == 20_000

    with_store(home, work)


def test_changes_are_told_within_milliseconds(home: Home, spawn: Spawn) -> None:
    run = ScriptedRun(spawn, home)

    async def work(store: Store) -> None:
        view = await store.view(run.run_id)
        delays = []
        for _ in range(20):
            seen, began = view.trainer.last_seq, time.perf_counter()
            await asyncio.to_thread(run.order, steps=1)
            while view.trainer.last_seq == seen:
                await asyncio.sleep(0)
            delays.append(time.perf_counter() - began)
        assert sorted(delays)[10] < 0.1

    with_store(home, work)


def test_a_live_run_without_a_supervisor_gets_one_attached(
    home: Home, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "PATIENCE_S", 0.1)
    run = ScriptedRun(spawn, home)
    asked: list[tuple[str, int]] = []

    async def work(store: Store) -> None:
        await becomes(lambda: asked)
        await asyncio.sleep(2.5)
        assert asked == [(run.run_id, 1)], "one try, then patience"

    with_store(home, work, lambda directory, attempt: asked.append((directory.run_id, attempt)))


def test_a_run_that_ended_unrecorded_gets_its_record(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "UNKNOWN_PATIENCE_S", 0.1)
    monkeypatch.setattr(adoption, "PATIENCE_S", 0.1)
    run, complete = ended(home, "unrecorded"), ended(home, "recorded")
    run.report_json.unlink()
    asked: list[str] = []

    def attach(directory: RunDir, attempt: int) -> None:
        asked.append(directory.run_id)
        directory.report_json.write_text("{}")

    async def work(store: Store) -> None:
        await becomes(lambda: asked == [run.run_id])
        await becomes(lambda: store.live_ids() == [])
        assert complete.run_id not in asked

    with_store(home, work, attach)


def test_an_attach_that_fails_is_tried_again_later_and_harms_nobody(
    home: Home, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "PATIENCE_S", 0.1)
    monkeypatch.setattr(adoption, "_RETRY_S", 0.1)
    run = ScriptedRun(spawn, home)
    tries: list[int] = []

    def attach(directory: RunDir, attempt: int) -> None:
        tries.append(attempt)
        raise OSError("no memory")

    async def work(store: Store) -> None:
        await becomes(lambda: len(tries) >= 2)
        assert (await store.view(run.run_id)).state == "running"

    with_store(home, work, attach)
