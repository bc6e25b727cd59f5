"""One whole session on a real tiny mixture of experts, from the command line alone; the files are true after each word."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer

from gladius.pulse.checkpoints import read_facts, verify
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home
from gladius.pulse.states import may_move
from pulse_wrapper import read_training_status

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = [pytest.mark.training, pytest.mark.slow]

SETTINGS = {
    "tiny_moe.layers": 1, "tiny_moe.hidden": 32, "tiny_moe.expert_hidden": 32, "tiny_moe.experts": 4,
    "tiny_moe.vocabulary": 400, "data.max_samples": 64, "data.max_length": 32, "data.eval_fraction": 0.1,
    "data.test_fraction": 0.1, "train.batch_size": 4, "train.max_steps": 50_000, "train.eval_steps": 10_000,
    "train.log_every": 1, "train.warmup_steps": 5, "train.learning_rate": 0.003, "train.sample_prompts": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a verb printed and how it ended."""

    code: int
    out: str
    err: str


class Session:
    """The terminal on one side, the run's files on the other."""

    def __init__(self, home: Home, until: Callable[..., Any]) -> None:
        self.home, self.until = home, functools.partial(until, timeout=60, every=0.05)
        self.ids: list[str] = []

    def say(self, verb: str, *words: str) -> Said:
        argv = [sys.executable, "-m", "gladius.cli.main", verb, *words]
        ended = forge.run(*argv, timeout=120)
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def steer(self, verb: str, *words: str, code: int = 0) -> Said:
        """Say it of the run, and look that it came as one command with one answer, and no other."""
        said = self.say(verb, self.run.run_id, *words)
        assert said.code == code, said
        (new,) = {path.stem for path in self.run.control.glob("*.json")} - set(self.ids)
        self.ids.append(new)
        last = "applied" if code == 0 else "rejected"
        acks = [(ack["state"], ack.get("step")) for ack in self.events("ack") if ack["command_id"] == new]
        assert [state for state, _ in acks] == ["accepted", last]
        assert said.out.startswith(f"{last} at step {acks[-1][1]}")
        assert said.out.count("\n") == 1
        assert "Traceback" not in said.err
        return said

    def started(self, run_id: str) -> None:
        self.run = self.home.run(run_id)

    def events(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in EventReader(self.run.events) if event["type"] == type_]

    @property
    def state(self) -> str:
        """As it was when the last command was answered; since then an epoch may have ended with a checkpoint."""
        answered = self.events("ack")[-1]["seq"]
        return str([event["state"] for event in self.events("state") if event["seq"] < answered][-1])

    @property
    def step(self) -> int:
        return max(event["step"] for event in self.events("metrics") if "train/loss" in event["values"])

    def until_steps(self, count: int = 3) -> None:
        here = self.step
        self.until(lambda: self.step >= here + count)

    def until_v1(self, word: str, message: str) -> None:
        def told() -> bool:
            status = read_training_status(self.run.status)
            assert status is not None
            return (status["status"], status["message"]) == (word, message)

        self.until(told)

    def until_recorded(self) -> None:
        """The trainer is gone, and its supervisor too, after it closed the record."""
        self.until(lambda: self.trainer().alive() is False)
        self.until(lambda: self.run.report_json.exists() and not is_held(self.run.supervisor_lock))

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.say("show", self.run.run_id, "--json").out)
        return found

    def trainer(self) -> Identity:
        started = [event for event in EventReader(self.run.supervisor_events) if event.get("event") == "started"]
        found = Identity.from_dict(started[-1])
        assert found is not None
        return found

    def last_checkpoint(self, kind: str) -> dict[str, Any]:
        """The newest checkpoint event: of that kind, and its folder whole."""
        last = self.events("checkpoint")[-1]
        assert (last["kind"], verify(Path(last["path"]))) == (kind, [])
        assert read_facts(Path(last["path"]))["step"] == last["step"]
        return last


@pytest.fixture
def session(
    home: Home, spawn: Callable[..., Any], until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    server = ConsoleServer(spawn, home)
    yield Session(home, until)
    server.terminate()


def hold_save_and_go_on(session: Session) -> None:
    """Hold, save once more while it holds, go on."""
    paused = session.steer("pause")
    held_at, trained = session.events("ack")[-1]["step"], session.step
    folder = session.run.checkpoints / f"step-{held_at}"
    assert paused.out == f"applied at step {held_at}: held; saved: {folder}\n"
    assert (session.state, session.last_checkpoint("pause")["step"]) == ("paused", held_at)
    session.until_v1("running", f"Paused at step {held_at}")
    assert session.shown()["summary"]["state"] == "paused"

    saved = session.steer("checkpoint")
    checkpoint = session.last_checkpoint("manual")
    assert saved.out.startswith(f"applied at step {held_at}: verified: {checkpoint['path']} (")
    assert [line.split(" ")[1] for line in saved.err.splitlines()] == ["writing", "reading"], saved.err
    assert (session.state, session.step) == ("paused", trained), "nothing was trained meanwhile"

    session.steer("resume")
    assert session.state == "running"
    session.until_steps()


def change_the_learning_rate(session: Session) -> None:
    """A new peak is in force at once; a value out of bounds and an unknown name change nothing."""
    changed = session.steer("set", "learning_rate=0.0005")
    assert changed.out.endswith(": learning_rate: 0.003 -> 0.0005\n")
    session.until_steps()
    (change,) = session.events("hyperparameters")
    assert {key: change[key] for key in ("name", "old", "new", "by")} == {
        "name": "learning_rate", "old": 0.003, "new": 0.0005, "by": "cli",
    }  # fmt: skip
    rates = {event["step"]: event["values"].get("train/learning_rate") for event in session.events("metrics")}
    after = [rate for step, rate in rates.items() if rate is not None and step > change["step"] + 1]
    assert after
    # The cosine has hardly begun to fall from its new peak.
    assert all(0.00049 < rate <= 0.0005 for rate in after)
    assert (
        session.steer("set", "learning_rate=-1", code=1)
        .out.rstrip()
        .endswith("learning_rate must be at least 0, not -1.")
    )
    assert "There is no hyperparameter 'momentum'" in session.steer("set", "momentum=0.5", code=1).out
    assert len(session.events("hyperparameters")) == 1
    assert session.shown()["adjustable"]["learning_rate"]["value"] == 0.0005


def validate(session: Session) -> None:
    """On both splits."""
    for split in ("eval", "test"):
        measured = session.steer("validate", "--split", split)
        values = next(event for event in reversed(session.events("metrics")) if f"{split}/loss" in event["values"])
        assert {f"{split}/loss", f"{split}/accuracy"} <= set(values["values"])
        assert f"{split}/loss {values['values'][f'{split}/loss']:.4g}" in measured.out
        assert session.state == "running"
    session.until_steps()


def release_and_resume(session: Session) -> None:
    """The process is gone, its memory free; then a new attempt goes on with the very next step."""
    session.steer("pause", "--release")
    released = session.last_checkpoint("pause")
    assert session.state == "released"
    session.until_v1("idle", f"Released at step {released['step']}")
    session.until_recorded()
    assert session.shown()["summary"]["state"] == "released"
    assert json.loads(session.say("history", "--json").out) == [], "a released run has not ended"

    preview = session.say("resume", session.run.run_id, "--preview")
    assert (preview.code, session.run.attempt_numbers()) == (0, [1]), "a preview starts nothing"
    facts = dict(line.strip().split(maxsplit=1) for line in preview.out.splitlines()[:4])
    assert facts["possible"] == "yes"
    assert facts["from"] == released["path"]
    assert facts["step"] == str(released["step"])
    assert facts["restored"] == "model, optimizer, scheduler, random states, data position, counters"

    resumed = session.say("resume", session.run.run_id)
    assert (resumed.code, resumed.out.split(":")[0]) == (0, session.run.run_id), resumed
    assert "attempt 2" in resumed.out
    session.until(lambda: [event for event in session.events("hello") if event["attempt"] == 2])
    (hello,) = [event for event in session.events("hello") if event["attempt"] == 2]
    assert hello["resumed_from"] == {"checkpoint": released["path"], "step": released["step"]}
    assert hello["adjustable"]["learning_rate"]["value"] == 0.0005, "what was set goes on"
    session.until(lambda: session.step > released["step"])
    steps = [event["step"] for event in session.events("metrics") if "train/loss" in event["values"]]
    assert steps == sorted(set(steps)), "no step twice, none skipped over"
    assert len(steps) == steps[-1] - steps[0] + 1


def stop(session: Session) -> None:
    """A final checkpoint, a line in the history, and nobody who listens any more."""
    session.steer("stop")
    final = session.last_checkpoint("final")
    assert final["step"] == session.step
    assert session.state == "cancelled"
    session.until_v1("done", "Stopped by cli")
    session.until_recorded()
    (line,) = json.loads(session.say("history", "--json").out)
    assert (line["training_id"], line["status"], line["attempt"], line["steps"]) == (
        session.run.run_id, "cancelled", 2, session.step,
    )  # fmt: skip
    late = session.say("pause", session.run.run_id)
    assert (late.code, late.out) == (1, "")
    assert len(late.err.splitlines()) == 1
    assert "has ended" in late.err


def audit(session: Session) -> None:
    """What was said, in order, each with its one answer."""
    everything = json.loads(session.say("commands", session.run.run_id, "--json").out)
    # A resume that began a new attempt is told by the attempt: it was no command to a trainer.
    attempts = [one for one in everything if one["command_id"].startswith("attempt-")]
    assert [(one["command_id"], one["command"]) for one in attempts] == [("attempt-2", "resume")]
    told = [one for one in everything if one not in attempts]
    assert [one["command_id"] for one in told] == session.ids
    assert [(one["command"], one["state"], one["issued_by"]) for one in told] == [
        ("pause", "applied", "cli"), ("checkpoint", "applied", "cli"), ("resume", "applied", "cli"),
        ("set", "applied", "cli"), ("set", "rejected", "cli"), ("set", "rejected", "cli"),
        ("validate", "applied", "cli"), ("validate", "applied", "cli"), ("pause", "applied", "cli"),
        ("stop", "applied", "cli"),
    ]  # fmt: skip
    for attempt in (1, 2):
        moves = [event["state"] for event in session.events("state") if event["attempt"] == attempt]
        assert all(may_move(old, new) for old, new in zip(moves, moves[1:], strict=False)), moves
    assert not list(session.run.root.rglob(".saving-*")), "nothing half-written is left"


def test_a_session_from_the_first_word_to_the_last(session: Session) -> None:
    settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    begun = session.say("train", "tiny-moe", "stdlib-docs", "--name", "session", *settings, "--json")
    assert begun.code == 0, begun
    session.started(json.loads(begun.out)["run_id"])
    session.until(lambda: session.run.events.exists() and session.events("metrics"))
    session.until_steps()
    hold_save_and_go_on(session)
    change_the_learning_rate(session)
    validate(session)
    release_and_resume(session)
    stop(session)
    audit(session)
