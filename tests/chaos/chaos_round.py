"""One training that something is done to while somebody is killed, and what must be true of it afterwards.

Upstream: world. Downstream: moves. Nothing in here looks at a clock to judge: the trainer's own book, the streams, the record
and what the API says of them must agree.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from typing import Any

import httpx
from chaos_witness import Witness
from chaos_world import SERVER, SUPERVISOR, TRAINING, World, started, until
from steered import Sent, Truth
from tiny_trainer import JOURNAL

from gladius.pulse.checkpoints import verify
from gladius.pulse.control import Mailbox, new_command_id
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import RunDir
from pulse_wrapper import read_training_status

_V1 = {"done": "done", "cancelled": "done", "released": "idle", "killed": "error", "unknown": "error"}
_LINE = {"done": "done", "cancelled": "cancelled", "killed": "error", "unknown": "error"}


class ChaosTruth(Truth):
    """As `Truth`, for a run that a supervisor may be told to end, and whose trainer may have been killed."""

    def __init__(self, directory: RunDir) -> None:
        super().__init__(directory)
        self.of_supervisor: dict[str, list[str]] = {}

    def _ack_of_supervisor(self, event: dict[str, Any]) -> None:
        sent = self.sent.get(event["command_id"])
        if sent is None or sent.command != "terminate":
            super()._ack_of_supervisor(event)
            return
        states = self.of_supervisor.setdefault(sent.id, [])
        states.append(event["state"])
        assert states in (["accepted"], ["rejected"], ["accepted", "applied"]), states

    def final_of(self, sent: Sent) -> str | None:
        """The last word on a command, `accepted` included; None when there was none."""
        states = self.of_supervisor.get(sent.id) or [ack["state"] for ack in self.acks.get(sent.id, [])]
        return states[-1] if states else None


class Training:
    """A run in a world, from its request to its record."""

    def __init__(self, world: World, run_id: str) -> None:
        self.world, self.run_id = world, run_id
        self.run = world.home.run(run_id)
        self.truth = ChaosTruth(self.run)
        self.killed: list[str] = []

    @property
    def path(self) -> str:
        return f"/runs/{self.run_id}"

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.world.server.get(self.path)
        return found

    def state(self) -> str:
        return str(self.record()["summary"]["state"])

    def trainer(self) -> Identity | None:
        told = started(self.run)
        return Identity.from_dict(told[-1]) if told else None

    def wait_for_step(self, step: int) -> None:
        until(lambda: self.truth.read().step >= step)

    # Doing

    def post(self, command: str, **args: Any) -> Sent:
        """Hand a command in under an id of our own, whether or not the server lives to say so."""
        sent = Sent(new_command_id(), command, args)
        self.truth.sent[sent.id] = sent
        try:
            answer = self.world.server.http.post(
                f"{self.path}/commands", json={"command": command, "args": args, "id": sent.id}
            )
        except (httpx.HTTPError, RuntimeError):
            return sent
        assert answer.status_code in (202, 409), answer.text
        if answer.status_code == 409:
            del self.truth.sent[sent.id]
        return sent

    def forget_what_was_never_posted(self) -> None:
        """A command whose request died with the server counts only where its file is."""
        there = {one.id for folder in (self.run.control, self.run.supervisor_control) for one in Mailbox(folder).all()}
        self.truth.sent = {id_: sent for id_, sent in self.truth.sent.items() if id_ in there}

    def kill_supervisor(self) -> None:
        pid = self.world.supervisor(self.run)
        if pid is not None:
            _kill(pid)
            self.killed.append(SUPERVISOR)

    def kill_trainer(self) -> None:
        trainer = self.trainer()
        if trainer is not None and trainer.alive():
            _kill(trainer.pid)
            self.killed.append(TRAINING)

    # Ending

    @property
    def recorded(self) -> bool:
        """Whether the record of the newest attempt is complete, and nobody is at it any more."""
        ends = [
            one["attempt"] for one in EventReader(self.run.supervisor_events)
            if one["type"] == "process" and one["event"] == "exited"
        ]  # fmt: skip
        newest = max(self.run.attempt_numbers(), default=0)
        return ends[-1:] == [newest] and self.run.report_json.exists() and not is_held(self.run.supervisor_lock)

    def wait_recorded(self) -> None:
        until(lambda: self.recorded)
        self.truth.read()

    @property
    def is_ending(self) -> bool:
        """Whether the trainer is gone, or was told to go."""
        trainer = self.trainer()
        ending = any(sent.ends or sent.command == "terminate" for sent in self.truth.sent.values())
        return ending or TRAINING in self.killed or self.truth.read().ended or trainer is None or not trainer.alive()

    # What must be true

    def check(self) -> str:
        """Compare all that is said of an ended run with what happened; returns its state."""
        truth, state = self.truth.read(), self.state()
        exited = [
            one for one in EventReader(self.run.supervisor_events)
            if one["type"] == "process" and one["event"] == "exited" and one["attempt"] == truth.attempt
        ]  # fmt: skip
        assert len(exited) == 1, f"{len(exited)} ends of one attempt"
        assert state in self._truthful(exited[0]), (state, self._truthful(exited[0]), exited, self.killed)
        self._check_book()
        self._check_commands()
        self._check_record(state)
        self._check_folders()
        return state

    def _truthful(self, exited: dict[str, Any]) -> set[str]:
        """The states that this end may be told as."""
        if self.truth.ended:
            return {self.truth.state}
        assert TRAINING in self.killed, "a trainer that nobody killed says itself how it ended"
        if any(s.command == "terminate" and self.truth.final_of(s) == "applied" for s in self.truth.sent.values()):
            return {"cancelled"}
        if exited.get("signal") == "SIGKILL":
            return {"killed"}
        assert SUPERVISOR in self.killed, "a supervisor that lives sees the signal"
        return {"unknown"}

    def _check_book(self) -> None:
        """Each call of `run.log` that returned is in the stream once; what the trainer did is what it says it did."""
        lines = [json.loads(line) for line in (self.run.root / JOURNAL).read_bytes().splitlines()]
        logged = [
            (one["attempt"], one["step"]) for one in EventReader(self.run.events)
            if one["type"] == "metrics" and "train/loss" in one["values"]
        ]  # fmt: skip
        assert len(logged) == len(set(logged)), "a step is told twice"
        returned = {(attempt, rest[0]) for attempt, what, *rest in lines if what == "logged"}
        assert returned <= set(logged), f"lost: {sorted(returned - set(logged))[:5]}"
        changed = [tuple(rest) for _, what, *rest in lines if what == "set"]
        for sent in self.truth.sent.values():
            if sent.command == "set" and self.truth.final_of(sent) == "applied":
                assert (sent.args["name"], sent.args["value"]) in changed, "said and not done"

    def _check_commands(self) -> None:
        """What the API says of each command is what the streams say; nothing is called done that was not answered so."""
        told = {one["command_id"]: one["state"] for one in self.record()["commands"]}
        for id_, sent in self.truth.sent.items():
            final = self.truth.final_of(sent)
            # What came when trainer and supervisor were gone already has no answer, and is told so.
            wanted = {"accepted": "outcome_unknown", None: "timed_out"}.get(final, final)
            assert final is not None or self.killed, f"{sent} was never answered"
            assert told[id_] == wanted, (sent, told[id_], final)

    def _check_record(self, state: str) -> None:
        """PULSE v1, the report and the history tell the same end, once."""
        status = read_training_status(self.run.status)
        assert status is not None
        assert status["status"] == _V1[state], (status, state)
        report = json.loads(self.run.report_json.read_text())
        assert (report["attempt"], report["state"]) == (self.truth.attempt, state)
        lines = (
            [json.loads(line) for line in self.world.home.history.read_text().splitlines()] if state in _LINE else []
        )
        mine = [
            one["status"] for one in lines if (one["training_id"], one["attempt"]) == (self.run_id, self.truth.attempt)
        ]
        assert mine == ([_LINE[state]] if state in _LINE else []), mine

    def _check_folders(self) -> None:
        """Every checkpoint that an event names is whole; one that a kill left half-written has no name that counts."""
        for event in self.truth.checkpoints[-3:]:
            assert verify(self.run.checkpoints / f"step-{event['step']}") == []
        for path in self.run.checkpoints.iterdir():
            assert path.name.startswith(".saving-") or verify(path) == [], path


class Round:
    """One move, one set of victims. `play` raises AssertionError with what was wrong."""

    name = "log"

    def __init__(self, world: World, victims: frozenset[str], seed: int) -> None:
        self.world, self.victims, self.seed = world, victims, seed
        self.rng = random.Random(seed)
        self.trainings: list[Training] = []
        self.witnesses: list[Witness] = []
        self._failed: list[BaseException] = []

    def play(self) -> None:
        try:
            self.prepare()
            acting = threading.Thread(target=self._act)
            acting.start()
            self.strike()
            acting.join()
            if self._failed:
                raise self._failed[0]
            self.recover()
            self.end()
            self.check()
        finally:
            for witness in self.witnesses:
                witness.close()

    # What a move is made of

    def prepare(self) -> None:
        """A training under way, and a client that hears it."""
        self.begin("tiny")

    def act(self) -> None:
        """What is under way while somebody is killed."""

    def target(self) -> Training | None:
        """Whose supervisor and trainer are killed."""
        return self.trainings[0]

    def end(self) -> None:
        """Bring the training to its end: the survivors still obey."""
        for training in self.trainings:
            if not training.is_ending:
                step = training.truth.step
                if training.truth.state != "paused" and not self._holds(training):
                    until(lambda training=training, step=step: training.truth.read().step > step)
                training.post("stop", checkpoint=False)
            training.wait_recorded()

    def _holds(self, training: Training) -> bool:
        """Whether a pause may be on its way, so that no step need come."""
        return any(sent.command == "pause" for sent in training.truth.sent.values())

    # Within

    def begin(self, profile: str) -> Training:
        answer = self.world.server.http.post("/runs", json={"profile_id": profile, "name": self.name})
        assert answer.status_code == 201, answer.text
        training = self.follow(answer.json()["run_id"])
        training.wait_for_step(2)
        until(lambda: training.record()["summary"]["instrumented"])
        return training

    def follow(self, run_id: str) -> Training:
        training = Training(self.world, run_id)
        self.trainings.append(training)
        self.witnesses.append(Witness(self.world, training.run))
        return training

    def _act(self) -> None:
        try:
            self.act()
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits for this one
            self._failed.append(error)

    def strike(self) -> None:
        """Kill the victims, in any order, at a random moment: at once, within a blink, or some time after the move began."""
        time.sleep(self.rng.choice([0.0, self.rng.uniform(0, 0.03), self.rng.uniform(0, 0.4)]))
        order = sorted(self.victims)
        self.rng.shuffle(order)
        for victim in order:
            target = self.target()
            if victim == SERVER:
                self.world.kill_server()
            elif target is not None:
                (target.kill_supervisor if victim == SUPERVISOR else target.kill_trainer)()
            time.sleep(self.rng.choice([0.0, 0.0, self.rng.uniform(0, 0.2)]))

    def recover(self) -> None:
        """A new server where the old one was killed."""
        if SERVER in self.victims:
            time.sleep(self.rng.choice([0.0, self.rng.uniform(0, 0.5)]))
            self.world.new_server()
            for witness in self.witnesses:
                witness.reconnect()
        for training in self.trainings:
            training.forget_what_was_never_posted()

    def check(self) -> None:
        """No stray, no wrong verdict, nothing lost, nothing twice; what the API says is what is in the files."""
        for training in self.trainings:
            training.check()
        for witness in self.witnesses:
            until(witness.agrees)
            witness.check()
        until(lambda: not self.world.strays(), 20)

    @property
    def told(self) -> dict[str, Any]:
        """What happened, for the log of a long run."""
        return {
            "killed": [sorted(training.killed) for training in self.trainings],
            "states": [training.truth.state for training in self.trainings],
        }


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
