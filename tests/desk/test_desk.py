"""Commands: whom they reach, which are refused, and that each is posted once."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gladius.desk.ability import disabled_commands, pause_modes, splits
from gladius.desk.audit import as_csv
from gladius.desk.desk import Desk
from gladius.errors import CommandConflict, CommandInvalid, CommandNotFound, RunNotLive
from gladius.pulse import atomic_write_json
from gladius.pulse.control import Mailbox
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity, process_state
from gladius.pulse.rundir import Home, RunDir
from gladius.store.record import adjustables
from gladius.store.store import Store


@pytest.fixture
def me(spawn: Callable[..., Any]) -> Identity:
    return Identity.of(spawn("sleep", "600").pid)


def live(home: Home, me: Identity, engine: str, capabilities: list[str] | None, **announced: Any) -> RunDir:
    """A run whose process lives; with `capabilities` it said hello."""
    run = home.new_run("live", {"source": "api", "engine": engine})
    run.write_attempt(1, {"argv": ["x"]})
    EventWriter(run.supervisor_events, 1).write("process", {"event": "started", **me.as_dict()})
    if capabilities is not None:
        hello = {"run_id": run.run_id, "pid": me.pid, "host": me.host, "capabilities": capabilities, **announced}
        EventWriter(run.events, 1).write("hello", hello)
    return run


def at_desk(home: Home, work: Callable[[Desk, Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = Store(home)
        await store.open()
        try:
            await work(Desk(store), store)
        finally:
            await store.close()

    asyncio.run(run())


def posted(folder: Any) -> list[tuple[str, dict[str, Any], int]]:
    return [(one.command, dict(one.args), one.attempt) for one in Mailbox(folder).all()]


def test_a_trainer_that_said_hello_is_told_what_it_can(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["stop", "pause"])

    async def work(desk: Desk, store: Store) -> None:
        await desk.send(run.run_id, "pause", {"mode": "hold"}, "test")
        assert posted(run.control) == [("pause", {"mode": "hold"}, 1)]
        with pytest.raises(CommandInvalid, match="run.on\\('checkpoint', save\\) enables this"):
            await desk.send(run.run_id, "checkpoint", {}, "test")
        for name, args in (("explode", {}), ("stop", {"x": 1}), ("pause", {"mode": "loud"})):
            with pytest.raises(CommandInvalid):
                await desk.send(run.run_id, name, args, "test")
        await desk.send(run.run_id, "terminate", {"grace_s": 5}, "test")
        assert posted(run.supervisor_control) == [("terminate", {"grace_s": 5}, 1)]

    at_desk(home, work)


def test_what_a_trainer_cannot_do_is_refused_with_its_own_reason_or_with_what_would_enable_it(
    home: Home, me: Identity
) -> None:
    reasons = {"validate": "this Trainer has no validation loader.", "pause:release": "it has nowhere to save."}
    run = live(home, me, "transformers", ["pause", "resume"], reasons=reasons, pause_modes=["hold"])

    async def work(desk: Desk, store: Store) -> None:
        found = disabled_commands(await store.view(run.run_id))
        assert found.items() >= reasons.items()
        assert "run.steps(loader) enables this" in found["stop"] and "run.adjustable(...)" in found["set"]
        assert "run.on('reload_config', read)" in found["reload_config"]
        with pytest.raises(CommandInvalid, match="no validation loader"):
            await desk.send(run.run_id, "validate", {}, "test")

    at_desk(home, work)


def test_a_command_that_knows_no_protocol_is_steered_by_signals(home: Home, me: Identity) -> None:
    run = live(home, me, "command", None)

    async def work(desk: Desk, store: Store) -> None:
        for name, args in (("pause", {"mode": "hold"}), ("resume", {}), ("stop", {"checkpoint": True})):
            await desk.send(run.run_id, name, args, "test")
        assert [name for name, _, _ in posted(run.supervisor_control)] == ["suspend", "continue", "terminate"]
        assert posted(run.control) == []
        with pytest.raises(CommandInvalid, match="PULSE"):
            await desk.send(run.run_id, "validate", {}, "test")

    at_desk(home, work)


def test_before_hello_a_command_waits_for_a_trainer_that_will_say_it(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", None)

    async def work(desk: Desk, store: Store) -> None:
        await desk.send(run.run_id, "stop", {}, "test")
        assert posted(run.control) == [("stop", {}, 1)]
        assert disabled_commands(await store.view(run.run_id)) == {}

    at_desk(home, work)


def test_who_was_stopped_by_a_signal_is_woken_by_one(home: Home, me: Identity, until: Callable[..., Any]) -> None:
    run = live(home, me, "transformers", ["stop", "pause"])

    async def work(desk: Desk, store: Store) -> None:
        os.kill(me.pid, signal.SIGSTOP)
        until(lambda: process_state(me.pid) == "T")
        view = await store.view(run.run_id)
        view.judge_process()
        assert "resume" not in disabled_commands(view)
        assert await desk.send(run.run_id, "resume", {}, "test", "wake") == "wake"
        assert [name for name, _, _ in posted(run.supervisor_control)] == ["continue"] and posted(run.control) == []
        os.kill(me.pid, signal.SIGCONT)
        until(lambda: process_state(me.pid) != "T")
        assert await desk.send(run.run_id, "resume", {}, "test", "wake") == "wake", "it is the same wish, now awake"
        with pytest.raises(CommandConflict):
            await desk.send(run.run_id, "stop", {}, "test", "wake")

    at_desk(home, work)


def test_commands_are_listed_in_the_order_in_which_they_were_given(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["stop", "pause"])

    async def work(desk: Desk, store: Store) -> None:
        for command_id, name in (("z", "pause"), ("m", "stop"), ("a", "pause")):
            await desk.send(run.run_id, name, {}, "test", command_id)
        assert [record.command_id for record in await desk.commands(run.run_id)] == ["z", "m", "a"]

    at_desk(home, work)


def test_an_id_is_posted_once_and_belongs_to_one_command(home: Home, me: Identity) -> None:
    run = live(home, me, "command", None)

    async def work(desk: Desk, store: Store) -> None:
        for _ in range(3):
            assert await desk.send(run.run_id, "stop", {}, "test", "client-id-1") == "client-id-1"
        assert len(posted(run.supervisor_control)) == 1
        with pytest.raises(CommandConflict):
            await desk.send(run.run_id, "pause", {}, "test", "client-id-1")
        assert (await desk.command(run.run_id, "client-id-1")).state == "requested"
        with pytest.raises(CommandNotFound):
            await desk.command(run.run_id, "nobody")

    at_desk(home, work)


def test_an_ended_run_obeys_nobody_but_a_repeated_request_is_still_known(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["stop"])

    async def work(desk: Desk, store: Store) -> None:
        await desk.send(run.run_id, "stop", {}, "test", "client-id-1")
        EventWriter(run.supervisor_events, 1).write("process", {"event": "exited", "verdict": "killed"})
        view = await store.view(run.run_id)
        async with asyncio.timeout(10):
            while not view.ended:
                await asyncio.sleep(0.01)
        with pytest.raises(RunNotLive):
            await desk.send(run.run_id, "stop", {}, "test")
        assert await desk.send(run.run_id, "stop", {}, "test", "client-id-1") == "client-id-1"
        assert set(disabled_commands(view)) >= {"pause", "stop", "terminate"}

    at_desk(home, work)


def test_a_command_from_elsewhere_is_listed_too(home: Home, me: Identity) -> None:
    from gladius.pulse.control import Command

    run = live(home, me, "transformers", ["stop"])

    async def work(desk: Desk, store: Store) -> None:
        assert await desk.commands(run.run_id) == []
        Mailbox(run.control).post(Command("from-a-shell", "stop", 1, {}, 1.0, "shell"))
        assert [record.command_id for record in await desk.commands(run.run_id)] == ["from-a-shell"]

    at_desk(home, work)


def test_a_way_that_the_trainer_did_not_announce_is_refused_and_disabled(home: Home, me: Identity) -> None:
    able = ["pause", "validate", "set"]
    run = live(home, me, "transformers", able, pause_modes=["hold"], splits=["test"])

    async def work(desk: Desk, store: Store) -> None:
        view = await store.view(run.run_id)
        assert (pause_modes(view), splits(view)) == (["hold"], ["test"])
        assert {"pause:release", "validate:eval"} <= set(disabled_commands(view))
        for name, args in (("pause", {"mode": "release"}), ("validate", {}), ("validate", {"split": "eval"})):
            with pytest.raises(CommandInvalid, match="cannot"):
                await desk.send(run.run_id, name, args, "test")
        await desk.send(run.run_id, "pause", {}, "test")
        await desk.send(run.run_id, "validate", {"split": "test"}, "test")
        # Names and bounds are the trainer's to judge: its `rejected` is on record.
        await desk.send(run.run_id, "set", {"name": "no_such", "value": -1e9}, "test")
        assert [name for name, _, _ in posted(run.control)] == ["pause", "validate", "set"]

    at_desk(home, work)


def test_a_trainer_that_announced_no_ways_is_asked_for_any(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["pause", "validate"])

    async def work(desk: Desk, store: Store) -> None:
        view = await store.view(run.run_id)
        assert (pause_modes(view), splits(view)) == (["hold", "release"], ["eval", "test"])
        await desk.send(run.run_id, "pause", {"mode": "release"}, "test")

    at_desk(home, work)


def test_a_command_without_checkpoints_is_suspended_but_never_released(home: Home, me: Identity) -> None:
    run = live(home, me, "command", None)

    async def work(desk: Desk, store: Store) -> None:
        with pytest.raises(CommandInvalid, match="release"):
            await desk.send(run.run_id, "pause", {"mode": "release"}, "test")
        assert pause_modes(await store.view(run.run_id)) == ["hold"] and splits(await store.view(run.run_id)) == []
        assert posted(run.supervisor_control) == []

    at_desk(home, work)


def test_a_value_outside_of_the_profiles_bounds_is_not_posted(home: Home, me: Identity) -> None:
    adjustable = {"learning_rate": {"value": 1e-4, "min": 0.0, "max": 1.0, "key": "train.learning_rate"}}
    bounds = {"train.learning_rate": {"min": 1e-5, "max": 1e-3}, "train.schedule": {"choices": ["cosine"]}}
    run = live(home, me, "transformers", ["set"], adjustable=adjustable)
    atomic_write_json(run.run_json, {**run.read_run(), "bounds": bounds})

    async def work(desk: Desk, store: Store) -> None:
        for name in ("learning_rate", "train.learning_rate"):
            for value in (0.5, "0.5", 1e-6):
                with pytest.raises(CommandInvalid, match="between 1e-05 and 0.001"):
                    await desk.send(run.run_id, "set", {"name": name, "value": value}, "test")
        with pytest.raises(CommandInvalid, match="one of cosine"):
            await desk.send(run.run_id, "set", {"name": "train.schedule", "value": "linear"}, "test")
        await desk.send(run.run_id, "set", {"name": "learning_rate", "value": "5e-4"}, "test")
        await desk.send(run.run_id, "set", {"name": "weight_decay", "value": 7}, "test")  # the trainer's to judge
        assert [args["value"] for _, args, _ in posted(run.control)] == ["5e-4", 7]
        shown = adjustables(await store.view(run.run_id))["learning_rate"]
        assert (shown.min, shown.max) == (1e-5, 1e-3)

    at_desk(home, work)


def test_a_revert_posts_the_value_before_the_last_change(home: Home, me: Identity) -> None:
    adjustable = {"learning_rate": {"value": 1.0, "key": "train.learning_rate"}}
    run = live(home, me, "transformers", ["set"], adjustable=adjustable)
    writer = EventWriter(run.events, 1)
    for old, new in ((1.0, 2.0), (2.0, 3.0)):
        writer.write("hyperparameters", {"name": "learning_rate", "old": old, "new": new, "step": 1, "by": "x"})

    async def work(desk: Desk, store: Store) -> None:
        with pytest.raises(CommandInvalid, match="not changed"):
            await desk.revert(run.run_id, "weight_decay", "test")
        for name in ("learning_rate", "train.learning_rate"):
            command_id = await desk.revert(run.run_id, name, "test")
            assert (await desk.command(run.run_id, command_id)).args["value"] == 2.0
        assert await desk.revert(run.run_id, "learning_rate", "test", command_id="revert-me") == "revert-me"
        assert await desk.revert(run.run_id, "learning_rate", "test", command_id="revert-me") == "revert-me"
        with pytest.raises(CommandConflict):
            await desk.revert(run.run_id, "weight_decay", "test", command_id="revert-me")
        assert len(posted(run.control)) == 3

    at_desk(home, work)


def test_a_revert_asked_again_goes_further_back_and_never_forth(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["set"], adjustable={"learning_rate": {"value": 1.0}})
    writer = EventWriter(run.events, 1)
    for old, new in ((1.0, 2.0), (2.0, 3.0), (3.0, 2.0)):
        writer.write("hyperparameters", {"name": "learning_rate", "old": old, "new": new, "step": 1, "by": "x"})

    async def work(desk: Desk, store: Store) -> None:
        command_id = await desk.revert(run.run_id, "learning_rate", "test")
        assert (await desk.command(run.run_id, command_id)).args["value"] == 1.0
        writer.write("hyperparameters", {"name": "learning_rate", "old": 2.0, "new": 1.0, "step": 2, "by": "x"})
        await store.caught_up(run.run_id)
        with pytest.raises(CommandInvalid, match="that it began with"):
            await desk.revert(run.run_id, "learning_rate", "test")

    at_desk(home, work)


def test_who_wants_to_resume_what_ended_is_shown_the_way(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["stop", "pause"])
    EventWriter(run.events, 1).write("state", {"state": "released"})
    EventWriter(run.supervisor_events, 1).write("process", {"event": "exited", "verdict": "finished"})

    async def work(desk: Desk, store: Store) -> None:
        with pytest.raises(RunNotLive) as told:
            await desk.send(run.run_id, "resume", {}, "test")
        assert f"/runs/{run.run_id}/resume" in told.value.hint and "gladius resume" in told.value.hint
        assert "new attempt" in disabled_commands(await store.view(run.run_id))["resume"]
        with pytest.raises(RunNotLive):
            await desk.send(run.run_id, "terminate", {}, "test")

    at_desk(home, work)


def test_the_exported_audit_is_safe_to_open(home: Home, me: Identity) -> None:
    run = live(home, me, "transformers", ["set"])

    async def work(desk: Desk, store: Store) -> None:
        await desk.send(run.run_id, "set", {"name": "=1+1", "value": 'a,b\n"c"'}, "=HYPERLINK(1)")
        lines = list(csv.reader(io.StringIO(as_csv(await desk.commands(run.run_id)))))
        assert lines[1][2] == "'=HYPERLINK(1)" and lines[1][6] == "requested" and lines[1][8:] == ["", "", ""]
        assert json.loads(lines[1][5]) == {"name": "=1+1", "value": 'a,b\n"c"'}

    at_desk(home, work)


def test_before_the_hello_of_a_new_attempt_a_script_that_once_said_it_is_waited_for(home: Home, me: Identity) -> None:
    run = live(home, me, "command", ["stop"])
    run.write_attempt(2, {"argv": ["x"]})
    EventWriter(run.supervisor_events, 2).write("process", {"event": "started", **me.as_dict()})

    async def work(desk: Desk, store: Store) -> None:
        assert disabled_commands(await store.view(run.run_id)) == {}
        await desk.send(run.run_id, "stop", {}, "test")
        assert posted(run.control) == [("stop", {}, 2)] and posted(run.supervisor_control) == []

    at_desk(home, work)
