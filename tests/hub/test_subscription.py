"""One client's view: exactly once, in its own time, whatever is subscribed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gladius.hub.hub import Hub
from gladius.pulse.events import EventWriter
from gladius.pulse.rundir import Home, RunDir
from gladius.store.store import Store
from gladius.wire.messages import Subscribe, Topic
from gladius.wire.runs import Cursors

EVERYTHING: list[Topic] = ["status", "metrics", "events", "console", "system", "runs", "alerts"]


class Client:
    """What a socket client would have heard; `held` keeps it from taking more."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.held = asyncio.Event()
        self.held.set()

    async def send(self, text: str) -> None:
        await self.held.wait()
        self.heard.append(json.loads(text))

    def seqs(self, stream: str = "trainer") -> list[int]:
        return [
            event["seq"]
            for one in self.heard
            if one["type"] == "events" and one["stream"] == stream
            for event in one["events"]
        ]

    def types(self) -> set[str]:
        return {one["type"] for one in self.heard}


def new_run(home: Home, name: str = "run") -> tuple[RunDir, EventWriter]:
    run = home.new_run(name, {"source": "api", "engine": "transformers"})
    run.write_attempt(1, {"argv": ["x"]})
    writer = EventWriter(run.events, 1)
    writer.write("state", {"state": "running"})
    return run, writer


def steps(writer: EventWriter, count: int) -> None:
    for step in range(count):
        writer.metrics({"train/loss": 1.0}, step, None, None)


def with_hub(home: Home, work: Callable[[Store, Hub], Awaitable[None]]) -> None:
    async def run() -> None:
        store = Store(home)
        hub = Hub(store)
        await store.open()
        try:
            await work(store, hub)
        finally:
            await store.close()

    asyncio.run(run())


async def becomes(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.005)


def subscribe(runs: list[str], topics: list[Topic] | None = None, **cursors: Cursors) -> Subscribe:
    return Subscribe(type="subscribe", runs=runs, topics=topics or EVERYTHING, cursors=cursors)


@pytest.mark.parametrize("topics", [[topic] for topic in EVERYTHING] + [["metrics", "console"], EVERYTHING])
def test_no_choice_of_topics_keeps_the_loop_busy(home: Home, topics: list[Topic]) -> None:
    run, writer = new_run(home)
    steps(writer, 10)

    async def work(store: Store, hub: Hub) -> None:
        client = Client()
        with hub.subscription(client.send) as subscription:
            await subscription.change(subscribe([run.run_id], topics))
            task = asyncio.create_task(subscription.run())
            looks = 0
            frames = store.view

            async def counted(run_id: str) -> Any:
                nonlocal looks
                looks += 1
                return await frames(run_id)

            store.view = counted  # type: ignore[method-assign]
            await asyncio.sleep(1.2)
            task.cancel()
            assert looks < 20, "it looks when something changed, not all the time"

    with_hub(home, work)
    writer.close()


def test_a_client_that_takes_nothing_costs_nothing_and_gets_all_in_the_end(home: Home) -> None:
    run, writer = new_run(home)

    async def work(store: Store, hub: Hub) -> None:
        client = Client()
        with hub.subscription(client.send) as subscription:
            await subscription.change(subscribe([run.run_id], ["metrics", "events"]))
            task = asyncio.create_task(subscription.run())
            await becomes(lambda: client.seqs() == [0])
            client.held.clear()
            for _ in range(20):
                steps(writer, 500)
                await asyncio.sleep(0.01)
            view = await store.view(run.run_id)
            await becomes(lambda: view.trainer.last_seq == 10_000)
            client.held.set()
            await becomes(lambda: len(client.seqs()) == 10_001)
            assert client.seqs() == list(range(10_001))
            assert len(client.heard) < 30, "merged"
            task.cancel()

    with_hub(home, work)
    writer.close()


def test_every_place_to_resume_at_gives_the_rest_once(home: Home) -> None:
    run, writer = new_run(home)
    steps(writer, 30)

    async def work(store: Store, hub: Hub) -> None:
        for seq in (-1, 0, 7, 29, 30, 31, 500):
            client = Client()
            with hub.subscription(client.send) as subscription:
                await subscription.change(
                    subscribe([run.run_id], ["metrics", "events", "status"], **{run.run_id: Cursors(events=seq)})
                )
                task = asyncio.create_task(subscription.run())
                await becomes(lambda client=client: "training_status_update" in client.types())
                assert client.seqs() == list(range(seq + 1, 31))
                task.cancel()

    with_hub(home, work)
    writer.close()


def test_subscribing_again_keeps_the_place(home: Home) -> None:
    run, writer = new_run(home)
    steps(writer, 5)

    async def work(store: Store, hub: Hub) -> None:
        client = Client()
        with hub.subscription(client.send) as subscription:
            await subscription.change(subscribe([run.run_id], ["metrics", "events"]))
            task = asyncio.create_task(subscription.run())
            await becomes(lambda: len(client.seqs()) == 6)
            await subscription.change(subscribe([run.run_id], ["metrics", "events", "status"]))
            steps(writer, 5)
            await becomes(lambda: len(client.seqs()) == 11)
            assert client.seqs() == list(range(11))
            task.cancel()

    with_hub(home, work)
    writer.close()


def test_every_run_means_known_ones_from_now_and_new_ones_from_their_beginning(home: Home) -> None:
    run, writer = new_run(home, "known")
    steps(writer, 5)

    async def work(store: Store, hub: Hub) -> None:
        await store.view(run.run_id)
        client = Client()
        with hub.subscription(client.send) as subscription:
            await subscription.change(subscribe(["*"], ["metrics", "events", "runs"]))
            task = asyncio.create_task(subscription.run())
            await becomes(lambda: "run" in client.types())
            assert client.seqs() == []
            steps(writer, 1)
            await becomes(lambda: client.seqs() == [6])
            _, other = new_run(home, "new")
            steps(other, 2)
            await becomes(lambda: client.seqs() == [6, 0, 1, 2])
            other.close()
            task.cancel()

    with_hub(home, work)
    writer.close()


def test_all_who_look_from_afar_are_told_the_same_and_the_newest_within_their_time(home: Home) -> None:
    run, writer = new_run(home)

    async def work(store: Store, hub: Hub) -> None:
        await store.view(run.run_id)
        clients = [Client() for _ in range(3)]
        with contextlib.ExitStack() as stack:
            for client in clients:
                subscription = stack.enter_context(hub.subscription(client.send))
                await subscription.change(subscribe(["*"], ["runs"]))
                stack.callback(asyncio.create_task(subscription.run()).cancel)
            began = time.monotonic()
            for step in range(40):
                writer.metrics({"train/loss": 1.0}, step, None, None)
                await asyncio.sleep(0.02)
            await becomes(lambda: all(client.heard[-1]["summary"]["step"] == 39 for client in clients))
            first, *others = (client.heard for client in clients)
            assert all(heard == first for heard in others), "one summary for all"
            assert 2 <= len(first) <= 2 * (time.monotonic() - began) + 4, "at most twice a second"

    with_hub(home, work)
    writer.close()


def test_who_comes_late_is_told_of_a_silent_run_as_of_now(home: Home) -> None:
    run, writer = new_run(home)

    async def work(store: Store, hub: Hub) -> None:
        await store.view(run.run_id)
        ages = []
        for _ in range(2):
            client = Client()
            with hub.subscription(client.send) as subscription:
                await subscription.change(subscribe([run.run_id], ["runs"]))
                task = asyncio.create_task(subscription.run())
                await becomes(lambda: client.heard)  # noqa: B023
                ages.append(client.heard[0]["summary"]["elapsed"])
                await asyncio.sleep(0.7)
                task.cancel()
        assert ages[1] >= ages[0] + 0.6, "not what was made for the one before"

    with_hub(home, work)
    writer.close()


def test_a_run_named_before_it_exists_is_told_of_when_it_appears(home: Home) -> None:
    run, writer = new_run(home)
    hidden = home.root / "hidden"
    run.root.rename(hidden)

    async def work(store: Store, hub: Hub) -> None:
        client = Client()
        with hub.subscription(client.send) as subscription:
            assert await subscription.change(subscribe([run.run_id], ["events"])) == [run.run_id]
            task = asyncio.create_task(subscription.run())
            hidden.rename(run.root)
            await becomes(lambda: client.seqs() == [0])
            task.cancel()

    with_hub(home, work)
    writer.close()


def test_machine_samples_come_as_such_and_in_the_stream(home: Home) -> None:
    run, writer = new_run(home)
    use = {"used": 1, "total": 2}
    supervisor = EventWriter(run.supervisor_events, 1)
    supervisor.write("system", {"cpu": 3.0, "ram": use, "swap": use, "disk": use, "console_bytes": 0})
    supervisor.write("system", {"cpu": "damaged"})

    async def work(store: Store, hub: Hub) -> None:
        client = Client()
        with hub.subscription(client.send) as subscription:
            await subscription.change(subscribe([run.run_id], ["system", "events"]))
            task = asyncio.create_task(subscription.run())
            await becomes(lambda: client.seqs("supervisor") == [0, 1])
            await becomes(lambda: "system" in client.types())
            samples = [one["sample"]["cpu"] for one in client.heard if one["type"] == "system"]
            assert samples == [3.0]
            task.cancel()

    with_hub(home, work)
    writer.close()
    supervisor.close()


def test_a_client_that_goes_away_at_any_moment_ends_its_loop(home: Home) -> None:
    async def work(store: Store, hub: Hub) -> None:
        async def take(text: str) -> None:
            await asyncio.sleep(0)

        for moment in range(60):
            with hub.subscription(take) as subscription:
                loop = asyncio.create_task(subscription.run())
                await asyncio.sleep(0)
                await subscription.change(subscribe(["*"]))
                for _ in range(moment % 6):
                    await asyncio.sleep(0)
                loop.cancel()
                ended, _ = await asyncio.wait([loop], timeout=2)
                assert ended, f"the loop outlived its client, {moment % 6} turns after it subscribed"

    with_hub(home, work)


def test_a_run_that_is_deleted_is_told_to_be_gone_and_told_anew_when_it_comes_back(home: Home) -> None:
    run, writer = new_run(home)
    writer.write("state", {"state": "done"})

    async def work(store: Store, hub: Hub) -> None:
        clients = {topic: Client() for topic in ("runs", "events")}
        with contextlib.ExitStack() as listening:
            for topic, client in clients.items():
                subscription = listening.enter_context(hub.subscription(client.send))
                await subscription.change(subscribe(["*"], [topic]))  # type: ignore[list-item]
                task = asyncio.create_task(subscription.run())
                listening.callback(task.cancel)
            thrown = await store.delete(run.run_id)
            heard = clients["runs"].heard
            await becomes(lambda: heard)
            assert heard == [{"type": "gone", "run_id": run.run_id}]
            await store.restore(thrown.entry)
            await becomes(lambda: heard[-1]["type"] == "run")
            assert "gone" not in clients["events"].types()

    with_hub(home, work)
