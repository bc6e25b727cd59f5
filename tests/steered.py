"""A run of the tiny trainer as the proofs of steering see it: its files, and what must be true of them."""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tiny_trainer import DEFAULTS, Model

from gladius.launch.local import LocalLauncher
from gladius.launch.start import start_command
from gladius.pulse.checkpoints import verify
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.states import TERMINAL, may_move

TRAINER = Path(__file__).with_name("tiny_trainer.py")
KEYS = {
    "learning_rate": "train.learning_rate", "weight_decay": "train.weight_decay", "batch_size": "train.batch_size",
    "checkpoint_every_steps": "train.checkpoint_steps",
}  # fmt: skip
ENDED_FIRST = "ended first"


@dataclass(frozen=True)
class Sent:
    """A command that was posted, and what a live trainer must answer: `applied`, or the words of its refusal."""

    id: str
    command: str
    args: dict[str, Any]
    by: str = "api"
    refusal: str | None = None

    @property
    def ends(self) -> bool:
        """Whether carrying it out ends the attempt."""
        return self.refusal is None and (self.command == "stop" or self.args.get("mode") == "release")


@dataclass
class Truth:
    """What the files of a run say, checked event by event against a model that trains along.

    Nothing in here looks at a clock: order in the streams is all that counts.
    """

    directory: RunDir
    sent: dict[str, Sent] = field(default_factory=dict)
    acks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    killed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.attempt, self.state, self.step = 0, "", -1
        self.values: dict[str, Any] = {"checkpoint_every_steps": 0}
        self.model = Model(DEFAULTS, np.random.RandomState())
        self.saved: dict[str, tuple[int, Model]] = {}
        self.checkpoints: list[dict[str, Any]] = []
        self.losses: list[float] = []
        self.ending: Sent | None = None
        # What came since the last final answer: the effects that the next one may claim.
        self._changes: list[dict[str, Any]] = []
        self._as_saved = False
        self._saves: list[dict[str, Any]] = []
        self._validated: dict[str, Any] | None = None
        self._next = {True: 0, False: 0}
        self._readers = {True: EventReader(directory_of(self, True)), False: EventReader(directory_of(self, False))}

    def read(self) -> Truth:
        """Take in what is new in both streams."""
        for trainer, reader in self._readers.items():
            for event in reader:
                assert event["seq"] == self._next[trainer], "a lost line"
                self._next[trainer] += 1
                take = getattr(self, f"_{event['type']}", None) if trainer else None
                if event["type"] == "ack" and not trainer:
                    self._ack_of_supervisor(event)
                elif take is not None:
                    take(event)
            assert reader.damaged == 0
        return self

    def launched_with(self, name: str) -> Any:
        """What the launcher told the newest attempt."""
        return json.loads(self.directory.attempt_json(self.attempt).read_text()).get(name)

    def final(self, id_: str) -> dict[str, Any] | None:
        """The answer that ended a command, if there is one."""
        answers = self.acks.get(id_, [])
        return answers[-1] if answers and answers[-1]["state"] != "accepted" else None

    @property
    def open(self) -> list[str]:
        """Commands without a final answer."""
        return [id_ for id_ in self.sent if self.final(id_) is None]

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL or self.state == "released"

    # States and steps

    def _state(self, event: dict[str, Any]) -> None:
        if event["attempt"] != self.attempt:
            assert event["state"] == "preparing"
            assert event["attempt"] == self.attempt + 1
            assert self.attempt in (0, *self.killed) or self.ended
            self.attempt, self.ending = event["attempt"], None
        else:
            assert may_move(self.state, event["state"]), (self.state, event)
        self.state = event["state"]

    def _hello(self, event: dict[str, Any]) -> None:
        assert self.state == "preparing", "one hello an attempt"
        overrides = self._overrides = self.launched_with("overrides") or {}
        origin = event.get("resumed_from")
        assert (origin is None) == (self.attempt == 1)
        if origin is not None:
            self.step, saved = self.saved[origin["checkpoint"]]
            assert origin["step"] == self.step
            self.model = copy.deepcopy(saved)
            assert origin["checkpoint"] == self.launched_with("checkpoint")
        self.model.batch_size = overrides.get("train.batch_size", self.model.batch_size)
        self.values.update(
            {name: getattr(self.model, name) for name in ("learning_rate", "weight_decay", "batch_size")},
            checkpoint_every_steps=0,
        )
        told = {name: one["value"] for name, one in event["adjustable"].items() if name in self.values}
        before = {name: overrides.get(KEYS[name], value) for name, value in self.values.items()}
        assert told == before, "what an attempt begins with"
        assert (event["pause_modes"], event["splits"]) == (["hold", "release"], ["eval", "test"])

    def _metrics(self, event: dict[str, Any]) -> None:
        if "train/loss" not in event["values"]:
            assert self.state == "validating"
            assert self._validated is None
            self._validated = event
            return
        assert self.state == "running", f"a step while {self.state}"
        assert event["step"] == self.step + 1
        self.step += 1
        loss = self.model.step(self.step)
        assert event["values"] == {"train/loss": loss, "train/learning_rate": self.model.rate(self.step)}
        self.losses.append(loss)

    def _hyperparameters(self, event: dict[str, Any]) -> None:
        name = event["name"]
        assert event["old"] == self.values[name]
        self.values[name] = event["new"]
        self._as_saved = False
        if hasattr(self.model, name):
            setattr(self.model, name, event["new"])
        if event["by"] == "the settings of this attempt":
            assert event["new"] == self._overrides[KEYS[name]]
        else:
            self._changes.append(event)

    def _checkpoint(self, event: dict[str, Any]) -> None:
        assert "failed" not in event
        assert self.state == "checkpointing"
        assert event["step"] == self.step
        self.saved[event["path"]] = (self.step, copy.deepcopy(self.model))
        self.checkpoints.append(event)
        if event["kind"] == "auto":
            assert (self.step + 1) % self.values["checkpoint_every_steps"] == 0
        else:
            self._saves.append(event)

    def _alert(self, event: dict[str, Any]) -> None:
        raise AssertionError(event)

    # Answers

    def _ack_of_supervisor(self, event: dict[str, Any]) -> None:
        """It answers for the trainer only what that never accepted."""
        assert event["command_id"] not in self.acks
        assert (event["state"], event["detail"]) == ("rejected", "the attempt ended first")
        self.acks[event["command_id"]] = [event]

    def _ack(self, event: dict[str, Any]) -> None:
        sent, before = self.sent[event["command_id"]], self.acks.setdefault(event["command_id"], [])
        states = [one["state"] for one in before] + [event["state"]]
        assert states in (["accepted"], ["rejected"], ["accepted", "applied"], ["accepted", "rejected"]), states
        before.append(event)
        if states == ["accepted"]:
            self.ending = self.ending or (sent if sent.ends else None)
            return
        too_late = self.ended and self.ending is not sent
        if event["state"] == "rejected":
            words = ENDED_FIRST if too_late and len(states) == 2 else sent.refusal
            assert words is not None, f"{sent} was refused: {event}"
            assert words in event["detail"]
            # One that is refused at once is refused by another thread, in the middle of somebody else's effects.
            effects = (self._changes, self._saves, self._validated) if len(states) == 2 else ([], [], None)
            assert effects == ([], [], None), "a refusal with an effect"
            return
        assert sent.refusal is None, sent
        assert event["step"] == self.step
        if too_late:
            assert (sent.command, self.state) == ("stop", "cancelled")
        else:
            getattr(self, f"_check_{sent.command}")(sent, event)
        effects = (self._changes, self._saves, self._validated)
        assert effects == ([], [], None), f"{sent} had effects of its own: {effects}"

    def _claim_save(self, kind: str) -> dict[str, Any]:
        (save,), self._saves = self._saves, []
        assert save["kind"] == kind
        return save

    def _check_pause(self, sent: Sent, event: dict[str, Any]) -> None:
        if sent.args.get("mode") == "release":
            # What a hold has saved already, and nobody has changed since, is not saved again.
            if not self._as_saved:
                self._claim_save("pause")
            assert self.state == "released"
            return
        assert self.state == "paused"
        if event.get("detail") != "it was paused already":
            self._claim_save("pause")
            self._as_saved = True

    def _check_resume(self, sent: Sent, event: dict[str, Any]) -> None:
        assert self.state == "running"
        self._as_saved = False

    def _check_stop(self, sent: Sent, event: dict[str, Any]) -> None:
        assert self.state == "cancelled"
        if sent.args.get("checkpoint", True):
            self._claim_save("final")

    def _check_checkpoint(self, sent: Sent, event: dict[str, Any]) -> None:
        save = self._claim_save("manual")
        self._as_saved = self.state == "paused"
        assert event["detail"].startswith(f"verified: {save['path']} (")
        assert self.state in ("running", "paused")

    def _check_validate(self, sent: Sent, event: dict[str, Any]) -> None:
        assert self._validated is not None
        split = sent.args.get("split", "eval")
        # The rows that it drew must not be missing from the training: the model here draws them from a copy.
        probe = copy.deepcopy(self.model)
        values = {f"{split}/{name}": value for name, value in probe.evaluate(split).items()}
        assert (self._validated["values"], self._validated["step"]) == (values, self.step)
        assert self.state in ("running", "paused")
        self._validated = None

    def _check_set(self, sent: Sent, event: dict[str, Any]) -> None:
        (change,), self._changes = self._changes, []
        assert (change["name"], change["new"], change["by"]) == (sent.args["name"], sent.args["value"], sent.by)
        assert change["step"] == self.step

    def _check_reload_config(self, sent: Sent, event: dict[str, Any]) -> None:
        live = [key for key in sent.args["keys"] if key != "train.batch_size"]
        assert [f"train.{change['name']}" for change in self._changes] == live
        assert ("batch_size needs a restart" in event["detail"]) == (len(live) < len(sent.args["keys"]))
        self._changes = []

    # The folders

    def check_folders(self) -> None:
        """After all is still: what retention keeps is whole, each told once or replaced, and nothing is half-written."""
        names = sorted(path.name for path in self.directory.checkpoints.iterdir())
        kept, asked_for = [], []
        for event in self.checkpoints:
            # The last save of a step replaces what was there; those that somebody asked for stay, of the others three.
            kept = [step for step in kept if step != event["step"]]
            asked_for = [step for step in asked_for if step != event["step"]]
            (asked_for if event["kind"] == "manual" else kept).append(event["step"])
            kept = kept[-3:]
        assert names == sorted(f"step-{step}" for step in [*kept, *asked_for])
        for name in names:
            assert verify(self.directory.checkpoints / name) == []


def directory_of(truth: Truth, trainer: bool) -> Path:
    return truth.directory.events if trainer else truth.directory.supervisor_events


class SteeredRun:
    """A run of the tiny trainer under its supervisor; `folder` holds its configuration and its gates."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.folder = home, folder
        folder.mkdir(parents=True)
        self.config = folder / "tiny.json"
        self.configure({})
        argv = [sys.executable, str(TRAINER), str(self.config)]
        self.directory = start_command(home, LocalLauncher(home), argv, "tiny", None)
        self.id = self.directory.run_id
        self.truth = Truth(self.directory)

    def configure(self, values: dict[str, Any]) -> None:
        self.config.write_text(json.dumps(values))

    def shut(self, gate: str) -> None:
        (self.folder / f"{gate}.gate").touch()

    def waits_at(self, gate: str) -> bool:
        return (self.folder / f"{gate}.waits").exists()

    def open(self, gate: str) -> None:
        (self.folder / f"{gate}.gate").unlink(missing_ok=True)

    def put(self, sent: Sent, attempt: int) -> None:
        """Lay a command straight into the mailbox, past the server."""
        self.truth.sent[sent.id] = sent
        Mailbox(self.directory.control).post(Command(sent.id, sent.command, attempt, sent.args, 0.0, sent.by))

    def events(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in EventReader(self.directory.events) if event["type"] == type_]

    def trainer(self) -> Identity:
        """Who trains in the newest attempt."""
        streams = EventReader(self.directory.supervisor_events)
        started = [event for event in streams if event["type"] == "process" and event["event"] == "started"]
        found = Identity.from_dict(started[-1])
        assert found is not None
        return found

    @property
    def recorded(self) -> bool:
        """Whether the supervisor of the newest attempt has closed its record and is gone."""
        newest = max(self.directory.attempt_numbers())
        streams = EventReader(self.directory.supervisor_events)
        ends = [event["attempt"] for event in streams if event["type"] == "process" and event["event"] == "exited"]
        return ends[-1:] == [newest] and not is_held(self.directory.supervisor_lock)
