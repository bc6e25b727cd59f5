"""Random ways to steer a real training: no state move that is not allowed, no command lost or applied twice.

Each example has a run of its own, started while the one before was steered, so that nobody waits for it. The server is
kept from example to example until a move kills it; a new one is forked from a process that has done the imports.
GLADIUS_STEERING_EXAMPLES sets how many examples there are (`make random`: two hundred).
"""

from __future__ import annotations

import functools
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import forge
import hypothesis.strategies as st
import pytest
from console_server import ConsoleServer
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from steered import Sent, SteeredRun

from gladius.pulse.control import TRAINER_COMMANDS, new_command_id
from gladius.pulse.rundir import Home
from pulse_wrapper import read_training_status

EXAMPLES = int(os.environ.get("GLADIUS_STEERING_EXAMPLES", "50"))
STEPS = 8
EARLIEST_END = 3


def saves(sent: Sent) -> bool:
    """Whether a trainer that obeys writes a checkpoint."""
    return sent.command in ("checkpoint", "pause") or (sent.command == "stop" and sent.args["checkpoint"])


class World:
    """What lasts from example to example: the home, the server, and a run that is ready for the next one."""

    def __init__(self, home: Home, until: Callable[..., Any]) -> None:
        self.home = home
        self.until = functools.partial(until, every=0.004)
        self._background = ThreadPoolExecutor(1)
        self._count = 0
        self.moves: Counter[str] = Counter()
        self.finished: list[Path] = []
        self.server = ConsoleServer(forge.start, self.home)
        self._next: Future[SteeredRun] = self._background.submit(self._prepare)

    def kill_server(self) -> None:
        self.moves["server killed"] += 1
        self.server.kill()
        # A server that starts reads every run there is: two hundred of them would be another test.
        while self.finished:
            shutil.rmtree(self.finished.pop())
        self.server = ConsoleServer(forge.start, self.home)

    def _prepare(self) -> SteeredRun:
        self._count += 1
        run = SteeredRun(self.home, self.home.root.parent / f"example-{self._count}")
        return run

    def take(self) -> SteeredRun:
        """A fresh run in which the training goes on; the one for the next example is begun."""
        run = self._next.result()
        self._next = self._background.submit(self._prepare)
        return run

    def close(self) -> None:
        self._next.result()
        self._background.shutdown()
        self.server.kill()


class RandomSteering(RuleBasedStateMachine):
    """The moves. A command that is not waited for stays in flight while the next ones are made."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.run = self.world.take()
        note(f"run {self.run.directory.root}")
        self.truth = self.run.truth
        # Which moves there are next follows from what was sent alone, never from how fast it was obeyed.
        self.doomed, self.saved, self.made, self.killed = False, False, 0, False
        self.world.until(lambda: self.truth.read().step >= 0)
        self.agree(lambda record: record["summary"]["instrumented"])

    # Asking the server

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.world.server.get(f"/runs/{self.run.id}")
        return found

    def agree(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until what HTTP says is what the files say."""
        self.world.until(lambda: condition(self.record()), 10, every=0.01)

    def send(self, command: str, wait: bool, refusal: str | None = None, **args: Any) -> Sent:
        self.made += 1
        sent = Sent(new_command_id(), command, args, refusal=refusal)
        self.truth.sent[sent.id] = sent
        answer = self.post(sent)
        if answer.status_code == 409 and self.doomed:
            assert answer.json()["code"] == "run_not_live"
            assert not (self.run.directory.control / f"{sent.id}.json").exists()
            del self.truth.sent[sent.id]
        else:
            assert (answer.status_code, answer.json()) == (202, {"command_id": sent.id}), answer.text
            self.saved = self.saved or (not self.doomed and saves(sent))
            self.doomed = self.doomed or sent.ends
        if wait:
            self.settle()
        return sent

    def post(self, sent: Sent) -> Any:
        body = {"command": sent.command, "args": sent.args, "id": sent.id}
        return self.world.server.http.post(f"/runs/{self.run.id}/commands", json=body)

    def settle(self) -> None:
        """Wait until every command has its final answer, and HTTP tells of each what the files tell."""
        if self.doomed:
            self.world.until(lambda: self.truth.read().ended and self.run.recorded)
        self.world.until(lambda: not self.truth.read().open)
        self.agree(self._told_as_it_is)

    def _told_as_it_is(self, record: dict[str, Any]) -> bool:
        truth = self.truth.read()
        posted = [one for one in record["commands"] if not one["command_id"].startswith("attempt-")]
        told = {one["command_id"]: [ack["state"] for ack in one["acks"]] for one in posted}
        resumed = {one["command_id"]: one["state"] for one in record["commands"] if one not in posted}
        known = {id_: [ack["state"] for ack in acks] for id_, acks in truth.acks.items()}
        values = {name: record["adjustable"][name]["value"] for name in truth.values}
        paths = [one["path"] for one in record["checkpoints"]]
        return (
            told == known
            and all(one["state"] == known[one["command_id"]][-1] for one in posted)
            and resumed == {f"attempt-{number}": "applied" for number in range(2, truth.attempt + 1)}
            and (record["summary"]["state"], record["summary"]["attempt"]) == (truth.state, truth.attempt)
            and values == truth.values
            and sorted(set(paths)) == sorted({event["path"] for event in truth.checkpoints})
            and (truth.state == "running" or record["summary"]["step"] == truth.step)
        )

    # Commands

    waits = st.booleans()

    @rule(wait=waits)
    def pause(self, wait: bool) -> None:
        self.send("pause", wait, mode="hold")
        if wait and self.truth.state == "paused":
            step = self.truth.step
            self.agree(lambda record: record["summary"]["state"] == "paused")
            assert self.truth.read().step == step, "held means that no step advances"

    @rule(wait=waits)
    def resume(self, wait: bool) -> None:
        self.send("resume", wait)

    @rule(wait=waits)
    def checkpoint(self, wait: bool) -> None:
        self.send("checkpoint", wait)

    @rule(wait=waits, split=st.sampled_from(["eval", "test"]))
    def validate(self, wait: bool, split: str) -> None:
        self.send("validate", wait, split=split)

    @rule(
        wait=waits,
        change=st.sampled_from([("learning_rate", 0.5), ("learning_rate", 0.0), ("weight_decay", 2.5), ("checkpoint_every_steps", 40)]),
    )  # fmt: skip
    def set_well(self, wait: bool, change: tuple[str, Any]) -> None:
        self.send("set", wait, name=change[0], value=change[1])

    @rule(
        wait=waits,
        change=st.sampled_from([
            ("learning_rate", 1.5, "must be between 0 and 1"), ("weight_decay", -1, "must be at least 0"),
            ("learning_rate", "much", "must be a number"), ("momentum", 0.5, "no hyperparameter 'momentum'"),
            ("batch_size", 32, "needs a restart"),
        ]),
    )  # fmt: skip
    def set_badly(self, wait: bool, change: tuple[str, Any, str]) -> None:
        self.send("set", wait, refusal=change[2], name=change[0], value=change[1])

    @rule(rate=st.sampled_from([0.05, 0.25]), both=st.booleans())
    def reload_config(self, rate: float, both: bool) -> None:
        self.settle()
        self.run.configure({"train.learning_rate": rate, "train.batch_size": 64})
        self.send("reload_config", True, keys=["train.learning_rate"] + ["train.batch_size"] * both)

    @precondition(lambda self: self.made >= EARLIEST_END)
    @rule(wait=waits)
    def release(self, wait: bool) -> None:
        self.send("pause", wait, mode="release")

    @precondition(lambda self: self.made >= EARLIEST_END)
    @rule(wait=waits, checkpoint=st.booleans())
    def stop(self, wait: bool, checkpoint: bool) -> None:
        self.send("stop", wait, checkpoint=checkpoint)

    # What nobody should do, and what may happen

    @rule()
    def ask_for_what_there_is_not(self) -> None:
        known = list(self.truth.sent)
        for command, args in (("validate", {"split": "train"}), ("pause", {"mode": "soft"}), ("dance", {})):
            answer = self.post(Sent(new_command_id(), command, args))
            assert answer.status_code in ((409, 422) if self.doomed else (422,)), answer.text
        assert list(self.truth.sent) == known

    @precondition(lambda self: self.made)
    @rule(place=st.integers(0, STEPS))
    def say_it_again(self, place: int) -> None:
        """The same id is the same command, whatever became of it; another command may not take its id."""
        known = [sent for sent in self.truth.sent.values() if sent.by == "api"]
        if known:
            sent = known[place % len(known)]
            assert self.post(sent).json() == {"command_id": sent.id}
            other = Sent(sent.id, "set", {"name": "weight_decay", "value": 77})
            assert self.post(other).json()["code"] == "command_conflict"

    @precondition(lambda self: not self.doomed)
    @rule(attempt=st.sampled_from([0, 1, 99]))
    def a_command_for_another_attempt(self, attempt: int) -> None:
        """Laid into the mailbox past the server, for an attempt that is not this one."""
        sent = Sent(new_command_id(), "stop", {}, by="somebody", refusal="expired: it was meant for another attempt")
        self.run.put(sent, 98 if attempt == self.truth.attempt else attempt)
        self.settle()

    @precondition(lambda self: not self.killed)
    @rule(command=st.sampled_from(["checkpoint", "pause", "resume", "validate", None]))
    def kill_the_server(self, command: str | None) -> None:
        """At rest, or as soon as it took a command."""
        if command is not None:
            self.send(command, False)
        self.killed = True
        self.world.kill_server()
        if not self.truth.open:
            self.agree(self._told_as_it_is)

    @precondition(lambda self: self.doomed and self.saved)
    @rule(oldest=st.booleans(), overrides=st.sampled_from([{}, {"train.learning_rate": 0.3}, {"train.batch_size": 8}]))
    def resume_in_a_new_process(self, oldest: bool, overrides: dict[str, Any]) -> None:
        """A new attempt from a checkpoint that is still there."""
        self.settle()
        there = [event["path"] for event in self.truth.checkpoints if Path(event["path"]).is_dir()]
        wanted = {"checkpoint": there[0 if oldest else -1], "overrides": overrides}
        answer = self.world.server.http.post(f"/runs/{self.run.id}/resume", json=wanted)
        number = self.truth.attempt + 1
        assert (answer.status_code, answer.json()["attempt"]) == (201, number), answer.text
        self.world.until(lambda: self.truth.read().attempt == number and self.truth.state == "running")
        assert overrides.items() <= self.truth.launched_with("overrides").items()
        self.doomed = False
        self.agree(self._told_as_it_is)

    # What must hold

    @invariant()
    def the_files_are_true(self) -> None:
        self.truth.read()

    @invariant()
    def v1_has_its_six_fields_and_is_true(self) -> None:
        status = read_training_status(self.run.directory.status)
        assert status is not None
        assert set(status) == {"status", "epoch", "total_epochs", "loss", "message", "timestamp"}
        truth = self.truth.read()
        assert status["epoch"] <= (max(truth.step, len(truth.losses)) + 1) / 1000
        assert truth.ended or self.doomed or status["status"] == "running"

    def teardown(self) -> None:
        """End what lives; then every command has one final answer, and every interface tells the same end."""
        if not self.doomed:
            self.send("stop", False, checkpoint=False)
        self.settle()
        truth, status = self.truth, read_training_status(self.run.directory.status)
        assert status is not None
        assert self.run.trainer().alive() is False
        word, message = (
            ("idle", f"Released at step {truth.step}") if truth.state == "released" else ("done", "Stopped by api")
        )
        assert (status["status"], status["message"], status["epoch"]) == (word, message, (truth.step + 1) / 1000)
        assert status["loss"] == truth.losses[-1]
        assert self.world.server.get(f"/runs/{self.run.id}/status") == status
        posted = {path.stem for path in self.run.directory.control.glob("*.json")}
        assert posted == set(truth.sent) == set(truth.acks), "none lost, none that nobody sent"
        truth.check_folders()
        self.world.moves.update(f"{truth.sent[id_].command} {acks[-1]['state']}" for id_, acks in truth.acks.items())
        self.world.moves.update({"attempts": truth.attempt, "steps": len(truth.losses)})
        self.world.finished.append(self.run.directory.root)


@pytest.fixture
def world(home: Home, until: Callable[..., Any]) -> Iterator[World]:
    world = World(home, until)
    yield world
    world.close()


@pytest.mark.slow
def test_random_steering_never_breaks_the_rules(world: World, tmp_path: Path) -> None:
    class Machine(RandomSteering):
        pass

    Machine.world = world
    how = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        # Shrinking tries hundreds of real trainings again; the first that failed says enough.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow],
        database=DirectoryBasedExampleDatabase(tmp_path / "examples"),
        report_multiple_bugs=False,
        print_blob=True,
    )
    number = int(os.environ.get("GLADIUS_STEERING_SEED") or random.randrange(2**32))
    print(f"GLADIUS_STEERING_SEED={number}")
    run_state_machine_as_test(seed(number)(Machine), settings=how)
    print(dict(sorted(world.moves.items())))
    if EXAMPLES >= 100:
        expected = {f"{name} applied" for name in TRAINER_COMMANDS} | {"set rejected", "stop rejected", "server killed"}
        assert expected <= set(world.moves), "every move was made"
        assert world.moves["attempts"] > EXAMPLES, "some went on in a new process"
