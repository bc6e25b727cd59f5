"""What the watch finds wrong with the machine is the run's verdict, wherever a summary of it is shown."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from alert_story import LOST, Told, Watched, gpu

from gladius.alerts.book import Book
from gladius.alerts.watch import Watch
from gladius.pulse.rundir import Home
from gladius.store.store import Store
from gladius.wire.runs import Health


def verdict_after(home: Home, run: Watched, tell: Callable[[], Any]) -> Health:
    """The health in the summary that a server tells, once it has read what `tell` writes."""

    async def ask() -> Health:
        store = Store(home)
        watch = Watch(home, store)
        watch.open()
        await store.open()
        run_id = run.directory.run_id
        await store.view(run_id)
        tell()
        await store.caught_up(run_id)
        summary = await store.summary(run_id)
        await store.close()
        watch.close()
        return summary.health

    return asyncio.run(ask())


def samples(run: Watched, *rows: tuple[Any, ...]) -> Callable[[], None]:
    def tell() -> None:
        for row in rows:
            run.wait(2).sample(*row)

    return tell


@pytest.mark.parametrize(
    ("rows", "level", "code", "message"),
    [
        ([(gpu(temperature=84),)], "attention", "gpu_temperature", "Training, but GPU 0 is hotter than 80 °C"),
        ([(gpu(temperature=91, throttling="thermal"),)], "attention", "thermal_throttling", "Training, but GPU 0 slows itself down: it is too hot"),
        ([(gpu(0), gpu(1)), (LOST, gpu(1, temperature=90))], "trouble", "gpu_lost", "Needs you: GPU 0 (A100) is gone"),
        ([(gpu(0),), (LOST,), (gpu(0),)], "good", "healthy", "Healthy"),
        ([(gpu(memory_run=79 * 10**9),)], "good", "healthy", "Healthy"),
    ],
    ids=["hot", "throttled", "the gravest of two", "back again", "full is not broken"],
)  # fmt: skip
def test_gpus_that_are_hot_or_gone_are_the_verdict(
    home: Home, run: Watched, rows: list[tuple[Any, ...]], level: str, code: str, message: str
) -> None:
    health = verdict_after(home, run, samples(run, *rows))
    assert (health.level, health.code, health.message) == (level, code, message)


def test_a_pause_is_said_before_heat_and_a_lost_gpu_before_a_pause(home: Home, run: Watched) -> None:
    run.state("paused")
    assert verdict_after(home, run, samples(run, (gpu(temperature=84),))).code == "paused"
    assert verdict_after(home, run, samples(run, (LOST,))).code == "gpu_lost"


def test_a_lost_gpu_is_said_before_the_stall_that_it_causes(home: Home, run: Watched) -> None:
    def tell() -> Told:
        run.wait(2).sample(gpu(0)).wait(2).sample(LOST)
        run.supervisor.write("stall", {"event": "began", "seconds": 75.0, "limit": 60.0})
        return run

    assert verdict_after(home, run, tell).code == "gpu_lost"


def test_rows_may_wait_to_be_judged_but_a_loss_that_is_no_number_does_not(home: Home, run: Watched) -> None:
    found: list[str] = []

    async def ask() -> None:
        store = Store(home)
        watch = Watch(home, store)
        watch.open()
        await store.open()
        run_id = run.directory.run_id
        await store.view(run_id)
        for step, loss in enumerate([1.0, 0.9, math.nan, 0.8]):
            run.wait(1).metrics(step, train__loss=loss)
            await store.caught_up(run_id)
            found.append(",".join(one.code for one in watch.alerts(run_id, active=True)))
        await store.close()
        watch.close()

    asyncio.run(ask())
    assert found == ["", "", "non_finite_loss", ""]


def test_what_waits_to_be_judged_when_the_watch_closes_is_in_the_book(
    home: Home, run: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gladius.alerts.tracker.EXPERTS_S", 0.0)
    uneven = (0.4, 0.3, 0.2, 0.1)
    run.experts(0, uneven)
    verdict_after(home, run, lambda: run.wait(70).experts(1, uneven))
    book = Book(home.state / "alerts.jsonl")
    book.open()
    assert [one.code for one in book.all()] == ["expert_imbalance"]
