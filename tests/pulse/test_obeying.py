"""What a run does when it is told to: each command, its answers, and the files afterwards."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import gladius
from gladius.pulse.checkpoints import read_facts, verify
from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventReader
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.states import may_move
from gladius.wire.events import parse_event
from pulse_wrapper import atomic_write_json, read_training_status

Until = Callable[..., Any]
PATIENCE_S = 20.0


class Street:
    """One run in this process, its mailbox and its stream."""

    def __init__(self, directory: RunDir) -> None:
        self.directory = directory
        self.rate = 0.1
        self.failure: BaseException | None = None

    def start(self, **plan: Any) -> Run:
        self.run = gladius.start(**{"total_epochs": 1000, "steps_per_epoch": 1000, **plan})
        return self.run

    def save(self, folder: Path) -> None:
        (folder / "weights.bin").write_bytes(b"w" * 1000)

    def post(self, command: str, attempt: int | None = None, **args: Any) -> str:
        id_ = new_command_id()
        number = self.run.attempt if attempt is None else attempt
        Mailbox(self.directory.control).post(Command(id_, command, number, args, time.time(), "ada"))
        return id_

    def later(self, *orders: Callable[[], Any]) -> None:
        """Carry the orders out one after the other in the background, while the loop below holds.

        One that fails stops the run, so that the loop ends; the failure is raised where the test ends.
        """

        def carry_out() -> None:
            try:
                for order in orders:
                    order()
            except BaseException as error:  # noqa: BLE001
                self.failure = error
                self.post("stop", checkpoint=False)

        threading.Thread(target=carry_out, daemon=True).start()

    def drive(self, until: Callable[[], Any]) -> None:
        """Take steps until something is so, or the run wants to stop."""
        deadline = time.monotonic() + PATIENCE_S
        first = 0 if self.run.last_step is None else self.run.last_step + 1
        for step in itertools.count(first):
            self.run.boundary(step)
            if self.run.should_stop or until():
                return
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.001)

    def events(self, type_: str | None = None) -> list[dict[str, Any]]:
        found = EventReader(self.directory.events).read_all()
        for event in found:
            parse_event.validate_python(event)
        return [event for event in found if type_ in (None, event["type"])]

    def acks(self, id_: str) -> list[str]:
        return [event["state"] for event in self.events("ack") if event["command_id"] == id_]

    def answer(self, id_: str) -> dict[str, Any]:
        return [event for event in self.events("ack") if event["command_id"] == id_][-1]

    def obey(self, command: str, **args: Any) -> dict[str, Any]:
        """Post a command, take steps until it is answered, and return the answer."""
        id_ = self.post(command, **args)
        self.drive(lambda: self.acks(id_)[-1:] in (["applied"], ["rejected"]))
        return self.answer(id_)

    def states(self) -> list[str]:
        moves = [event["state"] for event in self.events("state") if event["attempt"] == self.run.attempt]
        for old, new in itertools.pairwise(moves):
            assert may_move(old, new), (old, new)
        return moves

    def status(self) -> Any:
        return read_training_status(self.directory.status)

    def checkpoints(self) -> list[str]:
        return sorted(path.name for path in self.directory.checkpoints.iterdir())


@pytest.fixture
def street(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    street = Street(RunDir(tmp_path / "run"))
    yield street
    gladius.finish()
    if street.failure is not None:
        raise street.failure


# Checkpoints


def test_a_checkpoint_is_written_aside_read_back_published_and_only_then_told(street: Street) -> None:
    run = street.start()
    during: list[Any] = []

    def save(folder: Path) -> None:
        during.append((folder.name, run.state, street.checkpoints(), street.events("checkpoint")))
        street.save(folder)

    run.on("checkpoint", save, contents=("model", "optimizer"))
    answer = street.obey("checkpoint")
    ((name, state, there, told),) = during
    assert name.startswith(".saving-step-") and (state, there, told) == ("checkpointing", [name], [])
    (event,) = street.events("checkpoint")
    folder = Path(event["path"])
    assert (answer["state"], answer["step"], event["kind"], event["step"]) == (
        "applied",
        event["step"],
        "manual",
        answer["step"],
    )
    assert "verified" in answer["detail"] and str(folder) in answer["detail"]
    assert verify(folder) == [] and street.checkpoints() == [folder.name] == [f"step-{event['step']}"]
    facts = read_facts(folder)
    assert (facts["step"], facts["kind"], facts["contents"]) == (event["step"], "manual", ["model", "optimizer"])
    assert [line["message"] for line in street.events("log")] == [
        "checkpoint: writing",
        "checkpoint: reading back 0.0 MB",
    ]
    assert street.states() == ["preparing", "running", "checkpointing", "running"]


def test_a_failed_save_is_told_keeps_the_last_good_one_and_training_goes_on(street: Street) -> None:
    run = street.start()
    full = False

    def save(folder: Path) -> None:
        street.save(folder)
        if full:
            raise OSError(28, "No space left on device")

    run.on("checkpoint", save)
    good = street.obey("checkpoint")
    full = True
    bad = street.obey("checkpoint")
    assert (good["state"], bad["state"]) == ("applied", "rejected")
    assert bad["detail"] == "checkpoint failed: [Errno 28] No space left on device"
    assert street.checkpoints() == [f"step-{good['step']}"]
    assert street.events("checkpoint")[-1]["failed"] == "[Errno 28] No space left on device"
    assert [alert["code"] for alert in street.events("alert")] == ["checkpoint_failed"]
    step = run.last_step
    street.drive(lambda: run.last_step > step + 5)


def test_periodic_saves_lie_on_multiples_whatever_is_saved_between(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, every_steps=10)
    for step in range(25):
        run.boundary(step)
        if step == 13:
            run.save("manual")
    assert [(event["step"], event["kind"]) for event in street.events("checkpoint")] == [
        (9, "auto"), (13, "manual"), (19, "auto"),
    ]  # fmt: skip
    changed = street.obey("set", name="checkpoint_every_steps", value=30)
    street.drive(lambda: run.last_step >= changed["step"] + 90)
    later = [event["step"] for event in street.events("checkpoint") if event["step"] > changed["step"]]
    assert len(later) == 3 and all((step + 1) % 30 == 0 for step in later)


def test_a_framework_that_calls_its_first_step_one_saves_at_its_own_multiples(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, every_steps=10)
    run.describe(first_step=1)
    for step in range(1, 26):
        run.boundary(step)
    assert [event["step"] for event in street.events("checkpoint")] == [10, 20]


def test_saves_by_the_minute_come_by_the_clock_and_can_be_turned_off(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, every_minutes=0.2 / 60)
    street.drive(lambda: len(street.events("checkpoint")) == 3)
    times = [event["time"] for event in street.events("checkpoint")]
    assert all(later - earlier >= 0.2 for earlier, later in itertools.pairwise(times))
    assert street.obey("set", name="checkpoint_every_minutes", value=0)["state"] == "applied"
    assert run._loop.save_time is None


def test_the_newest_and_the_best_are_kept(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, every_steps=1, keep_last=2, keep_best="eval/loss")
    for step, loss in enumerate([5.0, 2.0, 3.0, float("nan"), 4.0, 6.0]):
        run.log({"eval/loss": loss}, step=step)
        run.boundary(step)
    assert street.checkpoints() == ["step-1", "step-4", "step-5"]


def test_what_was_measured_is_known_again_after_a_resume_and_higher_may_be_better(street: Street) -> None:
    for attempt in (1, 2):
        run = street.start(resumed_from={"checkpoint": None, "step": 2} if attempt == 2 else None)
        run.on("checkpoint", street.save, every_steps=1, keep_last=1, keep_best="-eval/accuracy")
        for step, accuracy in enumerate([0.5, 0.9, 0.6] if attempt == 1 else [0.7, 0.8], start=3 * (attempt - 1)):
            run.log({"eval/accuracy": accuracy}, step=step)
            run.boundary(step)
        run.finish()
    assert street.checkpoints() == ["step-1", "step-4"]


def test_what_a_person_asked_for_is_never_deleted_by_rule(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, keep_last=1)
    for step, kind in enumerate(["manual", "auto", "pause", "auto"]):
        run.boundary(step)
        run.save(kind)
    assert street.checkpoints() == ["step-0", "step-3"]


def test_a_save_that_was_killed_leaves_nothing_behind(street: Street) -> None:
    leftover = street.directory.checkpoints / ".saving-step-3-1"
    leftover.mkdir(parents=True)
    street.start().on("checkpoint", street.save)
    assert street.checkpoints() == []


def test_a_function_may_save_where_it_likes_and_return_the_folder(street: Street, tmp_path: Path) -> None:
    run = street.start()

    def save() -> Path:
        folder = tmp_path / "elsewhere" / "checkpoint-7"
        folder.mkdir(parents=True)
        street.save(folder)
        return folder

    run.on("checkpoint", save)
    street.obey("checkpoint")
    (event,) = street.events("checkpoint")
    assert event["path"] == str(tmp_path / "elsewhere" / "checkpoint-7") and verify(Path(event["path"])) == []
    run.on("checkpoint", lambda: None)
    assert "returned no folder" in street.obey("checkpoint")["detail"]


def test_saving_and_validating_change_nothing_that_is_drawn_later(street: Street) -> None:
    run = street.start()

    def draw(*_: Any) -> dict[str, float]:
        return {"loss": random.random() + float(numpy.random.random())}

    run.on("checkpoint", lambda folder: (street.save(folder), draw()))
    run.on("validate", draw)
    random.seed(1)
    numpy.random.seed(1)
    expected = [draw(), draw()]
    random.seed(1)
    numpy.random.seed(1)
    first = draw()
    street.obey("checkpoint")
    street.obey("validate")
    assert [first, draw()] == expected


# Pause and release


def test_a_hold_keeps_steps_from_passing_and_everything_else_works_meanwhile(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    run.on("validate", lambda split: {"loss": 1.5})
    run.adjustable("learning_rate", get=lambda: street.rate, set=lambda value: setattr(street, "rate", value), min=0)
    seen: dict[str, Any] = {}

    def while_held() -> None:
        held_at = seen["held_at"] = run.last_step
        for command, args in (
            ("pause", {}), ("checkpoint", {}), ("validate", {}), ("set", {"name": "learning_rate", "value": 0.05}), ("resume", {}),
        ):  # fmt: skip
            id_ = street.post(command, **args)
            _wait(lambda id_=id_: street.acks(id_) == ["accepted", "applied"])
            seen[command] = street.answer(id_)["step"] == held_at
            if command != "resume":
                _wait(lambda: run.state == "paused")

    pause = street.post("pause")
    street.later(lambda: _wait(lambda: street.acks(pause) == ["accepted", "applied"]), while_held)
    street.drive(lambda: seen.get("resume") is not None)
    assert all(seen[command] for command in ("pause", "checkpoint", "validate", "set", "resume")), seen
    assert street.rate == 0.05
    assert street.states() == [
        "preparing", "running", "checkpointing", "running", "paused", "checkpointing", "paused", "validating", "paused",
        "running",
    ]  # fmt: skip
    assert [event["kind"] for event in street.events("checkpoint")] == ["pause", "manual"]


def test_stop_works_while_held_and_saves_a_final_checkpoint(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    pause = street.post("pause")
    stop: list[str] = []
    street.later(
        lambda: _wait(lambda: street.acks(pause) == ["accepted", "applied"]), lambda: stop.append(street.post("stop"))
    )
    street.drive(lambda: False)
    assert run.should_stop and not run.released
    run.finish()
    assert street.acks(stop[0]) == ["accepted", "applied"]
    assert [event["kind"] for event in street.events("checkpoint")] == ["pause", "final"]
    assert street.states()[-4:] == ["stopping", "checkpointing", "stopping", "cancelled"]
    assert (street.status()["status"], street.status()["message"]) == ("done", "Stopped by ada")


def test_a_stop_without_a_checkpoint_saves_none(street: Street) -> None:
    street.start().on("checkpoint", street.save)
    id_ = street.post("stop", checkpoint=False)
    street.drive(lambda: False)
    street.run.finish()
    assert street.acks(id_) == ["accepted", "applied"]
    assert street.events("checkpoint") == [] and street.states()[-2:] == ["stopping", "cancelled"]


def test_a_stop_whose_final_checkpoint_fails_stops_all_the_same_and_says_so(street: Street) -> None:
    def save(folder: Path) -> None:
        raise OSError("disk full")

    street.start().on("checkpoint", save)
    id_ = street.post("stop")
    street.drive(lambda: False)
    street.run.finish()
    assert (street.answer(id_)["state"], street.answer(id_)["detail"]) == (
        "applied",
        "without a final checkpoint: disk full",
    )


@pytest.mark.parametrize("held", [False, True])
def test_a_release_saves_ends_the_loop_and_is_applied_when_the_script_let_go(street: Street, held: bool) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    release: list[str] = []
    if held:
        pause = street.post("pause")
        street.later(
            lambda: _wait(lambda: street.acks(pause) == ["accepted", "applied"]),
            lambda: release.append(street.post("pause", mode="release")),
        )
    else:
        release.append(street.post("pause", mode="release"))
    street.drive(lambda: False)
    assert (run.should_stop, run.released, run.state) == (True, True, "checkpointing")
    assert street.acks(release[0]) == ["accepted"], "the memory is not free yet"
    run.finish()
    assert street.acks(release[0]) == ["accepted", "applied"]
    assert street.states()[-2:] == ["checkpointing", "released"]
    status = street.status()
    assert (status["status"], status["message"]) == ("idle", f"Released at step {run.last_step}")
    assert status["epoch"] > 0


@pytest.mark.parametrize("between", ["nothing", "set", "deleted"])
def test_releasing_a_held_run_saves_again_only_what_was_changed_since(street: Street, between: str) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    run.adjustable("learning_rate", get=lambda: street.rate, set=lambda value: setattr(street, "rate", value), min=0)
    pause = street.post("pause")

    def meanwhile() -> None:
        if between == "set":
            changed = street.post("set", name="learning_rate", value=0.2)
            _wait(lambda: street.acks(changed) == ["accepted", "applied"])
        elif between == "deleted":
            shutil.rmtree(street.events("checkpoint")[-1]["path"])

    street.later(
        lambda: _wait(lambda: street.acks(pause) == ["accepted", "applied"]),
        meanwhile,
        lambda: street.post("pause", mode="release"),
    )
    street.drive(lambda: False)
    run.finish()
    assert street.states()[-2:] == ["checkpointing", "released"]
    saves = street.events("checkpoint")
    assert [event["kind"] for event in saves] == ["pause"] * (1 if between == "nothing" else 2)
    facts = read_facts(Path(saves[-1]["path"]))
    assert facts["hyperparameters"]["learning_rate"] == street.rate


def test_ctrl_c_while_a_release_winds_down_changes_nothing(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    release = street.post("pause", mode="release")
    with pytest.raises(KeyboardInterrupt), run:
        street.drive(lambda: False)
        raise KeyboardInterrupt
    assert street.acks(release) == ["accepted", "applied"]
    assert (street.states()[-1], street.status()["status"]) == ("released", "idle")


def test_nothing_is_released_when_the_checkpoint_fails_or_cannot_be(street: Street) -> None:
    run = street.start()
    assert "it has no function that saves" in street.obey("pause", mode="release")["detail"]

    def save(folder: Path) -> None:
        raise OSError("disk full")

    run.on("checkpoint", save)
    answer = street.obey("pause", mode="release")
    assert (answer["state"], run.should_stop, run.state) == ("rejected", False, "running")
    assert answer["detail"] == "nothing was released, for the checkpoint failed: disk full"


# What it says it can do


def test_hello_says_what_the_trainer_can_do_and_is_said_again_when_that_grows(street: Street) -> None:
    run = street.start()
    run.boundary(0)
    run.on("checkpoint", street.save)
    run.on("validate", lambda split: None, splits=("eval", "test"))
    run.on("reload_config", dict)
    run.adjustable("rate", get=lambda: 1.0, set=print, key="train.rate", label="peak rate", applies="restart")
    hello = street.events("hello")[-1]
    assert hello["capabilities"] == ["pause", "resume", "stop", "checkpoint", "validate", "set", "reload_config"]
    assert (hello["pause_modes"], hello["splits"]) == (["hold", "release"], ["eval", "test"])
    assert hello["adjustable"]["rate"] == {
        "value": 1.0, "min": None, "max": None, "applies": "restart", "key": "train.rate", "label": "peak rate",
    }  # fmt: skip
    assert street.events("hello")[0]["pause_modes"] == ["hold"] and "splits" not in street.events("hello")[0]


def test_a_script_says_why_it_cannot_do_something_until_it_can(street: Street) -> None:
    run = street.start(capabilities=["pause", "resume", "validate"])
    run.cannot("validate", "its data are elsewhere.")
    run.cannot("validate:test", "it has no test data.")
    run.on("checkpoint", street.save)
    run.boundary(0)
    reasons = street.events("hello")[-1]["reasons"]
    assert (reasons["validate"], reasons["validate:test"]) == ("its data are elsewhere.", "it has no test data.")
    assert reasons["checkpoint"] == reasons["stop"] == "the script left it out of its capabilities."
    run.on("validate", lambda split: None)
    assert "validate" not in street.events("hello")[-1]["reasons"]


def test_one_process_of_several_obeys_nothing_by_itself(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    before = signal.getsignal(signal.SIGTERM)
    run = street.start()
    run.on("checkpoint", street.save)
    run.boundary(0)
    hello = street.events("hello")[-1]
    assert (hello["capabilities"], hello["world_size"], hello["mode"]) == ([], 4, "distributed")
    assert all("torch_ranks.join(run) enables this" in hello["reasons"][name] for name in ("pause", "stop", "set"))
    assert street.obey("stop")["detail"] == "this trainer cannot stop" and signal.getsignal(signal.SIGTERM) == before


def test_what_is_not_moved_cannot_be_kept_by_rule(street: Street) -> None:
    with pytest.raises(ValueError, match="need publish_to"):
        street.start().on("checkpoint", lambda: "elsewhere", keep_last=2)


@pytest.mark.parametrize("wrong", [{"every_steps": -1}, {"every_minutes": -2.0}, {"keep_last": 0}])
def test_a_cadence_that_is_none_is_refused(street: Street, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        street.start().on("checkpoint", street.save, **wrong)


def test_there_are_functions_for_three_commands_only(street: Street) -> None:
    with pytest.raises(ValueError, match="not for 'pause'"):
        street.start().on("pause", print)


# Set, reload


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("learning_rate", -1, "must be between 0 and 1, not -1"),
        ("learning_rate", 2, "must be between 0 and 1"),
        ("learning_rate", "fast", "must be a number"),
        ("learning_rate", True, "must be a number"),
        ("learning_rate", None, "must be a number"),
        ("warmup", 0.5, "must be a whole number"),
        ("momentum", 0.5, "no hyperparameter 'momentum'"),
        ("batch_size", 4, "needs a restart"),
        ("shuffle", 1, "is of another kind"),
        ("stubborn", 1.0, "could not be changed: never"),
    ],
)
def test_a_set_that_cannot_be_is_rejected_with_the_reason_and_changes_nothing(
    street: Street, name: str, value: Any, words: str
) -> None:
    run = street.start()
    changed: list[Any] = []

    def refuse(_: Any) -> None:
        raise RuntimeError("never")

    run.adjustable("learning_rate", get=lambda: 0.1, set=changed.append, min=0, max=1)
    run.adjustable("warmup", get=lambda: 20, set=changed.append)
    run.adjustable("batch_size", get=lambda: 8, set=changed.append, applies="restart")
    run.adjustable("shuffle", get=lambda: True, set=changed.append)
    run.adjustable("stubborn", get=lambda: 0.5, set=refuse)
    answer = street.obey("set", name=name, value=value)
    assert answer["state"] == "rejected" and words in answer["detail"]
    assert (changed, street.events("hyperparameters")) == ([], [])


def test_a_change_is_an_event_with_old_new_step_and_who(street: Street) -> None:
    run = street.start()
    run.adjustable("learning_rate", get=lambda: street.rate, set=lambda value: setattr(street, "rate", value))
    answer = street.obey("set", name="learning_rate", value="2e-2")
    (event,) = street.events("hyperparameters")
    assert {key: event[key] for key in ("name", "old", "new", "step", "by")} == {
        "name": "learning_rate", "old": 0.1, "new": 0.02, "step": answer["step"], "by": "ada",
    }  # fmt: skip
    assert (answer["state"], answer["detail"], street.rate) == ("applied", "learning_rate: 0.1 -> 0.02", 0.02)


def test_reloading_applies_the_confirmed_live_keys_and_names_the_rest(street: Street) -> None:
    run = street.start()
    run.adjustable(
        "learning_rate", get=lambda: street.rate, set=lambda value: setattr(street, "rate", value), key="train.rate"
    )
    run.adjustable("batch_size", get=lambda: 8, set=print, key="train.batch_size", applies="restart")
    file: dict[str, Any] = {"train.rate": 0.5, "train.batch_size": 16, "model.name": "x"}
    run.on("reload_config", lambda: file)
    answer = street.obey("reload_config", keys=["train.rate", "train.batch_size", "model.name", "train.none"])
    assert answer["state"] == "applied" and street.rate == 0.5
    assert answer["detail"] == (
        "learning_rate: 0.1 -> 0.5; batch_size needs a restart.; model.name needs a restart; train.none is not in the file"
    )
    assert street.obey("reload_config", keys=["model.name"])["state"] == "rejected"
    assert run.dir is not None
    bounds = {"train.rate": {"max": 0.7}, "model.name": {"choices": ["x"]}}
    atomic_write_json(run.dir.run_json, {**run.dir.read_run(), "bounds": bounds})
    file.update({"train.rate": 0.9, "model.name": "y"})
    answer = street.obey("reload_config", keys=["train.batch_size", "train.rate", "model.name"])
    assert answer["state"] == "rejected" and street.rate == 0.5, "one key that the profile refuses keeps all back"
    assert "'train.rate' at most 0.7, not 0.9" in answer["detail"] and "'model.name' one of x" in answer["detail"]
    file["train.rate"] = 0.6
    assert street.obey("reload_config", keys=["train.rate"])["state"] == "applied" and street.rate == 0.6
    run.on("reload_config", lambda: json.loads("{"))
    assert "cannot be read" in street.obey("reload_config", keys=["train.rate"])["detail"]


@pytest.mark.parametrize("keys", [[], "train.rate", [1], None])
def test_reloading_needs_a_list_of_keys(street: Street, keys: Any) -> None:
    street.start().on("reload_config", dict)
    assert "list of the configuration's dotted keys" in street.obey("reload_config", keys=keys)["detail"]


# Validate


def test_a_validation_is_named_after_its_split_and_training_waits(street: Street) -> None:
    run = street.start()
    run.on("validate", lambda split: {"loss": 1.25, "own/name": 2}, splits=("eval", "test"))
    answer = street.obey("validate", split="test")
    assert (answer["state"], answer["detail"]) == ("applied", "test/loss 1.25, own/name 2")
    (event,) = street.events("metrics")
    assert (event["values"], event["step"]) == ({"test/loss": 1.25, "own/name": 2}, answer["step"])
    assert street.states() == ["preparing", "running", "validating", "running"]


def test_a_validation_that_fails_is_told_and_training_goes_on(street: Street) -> None:
    run = street.start()
    run.on("validate", lambda split: {}[split])
    answer = street.obey("validate")
    assert (answer["state"], run.state) == ("rejected", "running")
    assert "the validation failed: KeyError: 'eval'" in answer["detail"]
    assert "no test split" in street.obey("validate", split="test")["detail"]


# A loss that is not finite


def test_warning_of_a_bad_loss_lets_training_go_on(street: Street) -> None:
    run = street.start()
    run.on_bad_loss("warn")
    run.log({"train/loss": float("nan")}, step=0)
    run.boundary(0)
    assert (run.state, run.should_stop) == ("running", False)
    with pytest.raises(ValueError, match="one of warn, pause"):
        run.on_bad_loss("shrug")


def test_a_bad_loss_holds_without_saving_weights_that_are_no_numbers(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, every_steps=1)
    run.on_bad_loss("pause")
    run.bad_loss(float("inf"))
    street.later(lambda: _wait(lambda: run.state == "paused"), lambda: street.post("resume"))
    run.boundary(0)
    (held,) = [event for event in street.events("state") if event["state"] == "paused"]
    assert held["reason"] == "Paused by the loss policy: loss is infinite since step 0"
    assert street.events("checkpoint") == [], "also no periodic one, while the loss is bad"
    for step in (1, 2):  # the first may be an average over the bad one, the second is not
        run.log({"train/loss": 1.0}, step=step)
        run.boundary(step)
    assert [event["step"] for event in street.events("checkpoint")] == [2]


def test_weights_that_are_no_numbers_are_marked_and_no_good_checkpoint_makes_way_for_them(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save, keep_last=1)
    run.log({"train/loss": 1.0}, step=0)
    run.boundary(0)
    run.save()
    run.log({"train/loss": float("nan")}, step=1)
    for step in (1, 2):
        run.boundary(step)
        run.save("pause")
    run.save("manual")
    assert street.checkpoints() == ["step-0", "step-2"], "the newest of either kind"
    assert read_facts(street.directory.checkpoints / "step-2")["suspect"] == "loss is NaN since step 1"
    with pytest.raises(RuntimeError), run:
        raise RuntimeError("given up")
    assert street.start().resume_from == str(street.directory.checkpoints / "step-0")


def test_an_average_that_hides_a_bad_loss_does_not_clear_the_suspicion(street: Street) -> None:
    run = street.start()
    run.log({"train/loss": 2.0}, step=0)
    run.bad_loss(float("nan"), step=1)
    run.log({"train/loss": 1.5}, step=2)
    run.boundary(2)
    assert run._loop.suspect == "loss is NaN since step 1"
    run.log({"train/loss": 1.4}, step=3)
    assert run._loop.suspect == "" and run._loop.loss_step == 3
    assert [alert["code"] for alert in street.events("alert")] == ["non_finite_loss"]


def test_a_folder_of_several_runs_keeps_each_ones_own(street: Street, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    run = street.start()
    run.on("checkpoint", street.save, publish_to=shared, keep_last=1)
    facts = {"run_id": "another", "step": 0, "time": 1.0}
    for step in (0, 7):
        (shared / f"step-{step}").mkdir(parents=True)
        (shared / f"step-{step}" / "gladius.json").write_text(json.dumps(facts))
    run.boundary(0)
    assert run.save() is None and "is another run's" in street.events("checkpoint")[-1]["failed"]
    for step in (1, 2):
        run.boundary(step)
        run.save()
    assert sorted(path.name for path in shared.iterdir()) == ["step-0", "step-2", "step-7"]


def test_a_bad_loss_can_end_the_run_as_an_error(street: Street) -> None:
    run = street.start()
    run.on_bad_loss("stop")
    run.log({"train/loss": float("nan")}, step=3)
    run.boundary(3)
    assert run.should_stop
    run.finish()
    error = street.events("state")[-1]["error"]
    assert (error["code"], error["message"], error["retryable"]) == (
        "non_finite_loss",
        "loss is NaN since step 3",
        True,
    )
    assert street.status()["status"] == "error"


def test_a_rollback_asks_for_the_last_checkpoint_whose_loss_was_finite_with_a_lower_rate(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    run.adjustable("learning_rate", get=lambda: 0.4, set=print, key="train.learning_rate")
    run.on_bad_loss("rollback", rate_factor=0.25)
    for step, loss in enumerate([2.0, 1.0, 1.5]):
        run.log({"train/loss": loss}, step=step)
        run.boundary(step)
        run.save()
    run.log({"train/loss": float("nan")}, step=3)  # so the weights that step 2 left were bad already
    run.boundary(3)
    run.finish()
    error = street.events("state")[-1]["error"]
    assert error["restart"] == {
        "checkpoint": str(street.directory.checkpoints / "step-1"), "overrides": {"train.learning_rate": 0.1},
    }  # fmt: skip


def test_an_attempt_that_breaks_at_once_suspects_the_checkpoint_it_began_with(street: Street) -> None:
    for attempt in (1, 2):
        run = street.start(resumed_from={"checkpoint": None, "step": 2} if attempt == 2 else None)
        run.on("checkpoint", street.save)
        run.adjustable("learning_rate", get=lambda: 0.4, set=print)
        run.on_bad_loss("rollback")
        for step in range(3) if attempt == 1 else ():
            run.boundary(step)
            run.save()
        if attempt == 2:
            run.log({"train/loss": float("nan")}, step=3)
            run.boundary(3)
        run.finish()
    assert street.events("state")[-1]["error"]["restart"]["checkpoint"].endswith("step-1")


def test_a_rollback_without_a_good_checkpoint_says_so(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    run.adjustable("learning_rate", get=lambda: 0.4, set=print)
    run.on_bad_loss("rollback")
    run.log({"train/loss": float("nan")}, step=0)
    run.boundary(0)
    run.finish()
    error = street.events("state")[-1]["error"]
    assert "restart" not in error and "no checkpoint from before it to roll back to" in error["message"]


# Preemption and going on


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_scheduler_that_wants_the_machine_gets_it_after_a_checkpoint(
    street: Street, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GLADIUS_PREEMPT_SIGNALS", "SIGUSR1")
    number = signal.Signals[name]
    before = signal.getsignal(number)
    run = street.start()
    run.on("checkpoint", street.save)
    run.boundary(0)
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    street.drive(lambda: False)
    assert (run.released, run.last_step) == (True, 1)
    run.finish()
    assert street.events("state")[-1]["reason"] == f"Preempted by {name}"
    assert signal.getsignal(number) == before
    again = street.start()
    assert (again.attempt, again.resume_from) == (2, str(street.directory.checkpoints / "step-1"))
    again.resumed(again.resume_from, read_facts(Path(again.resume_from))["step"])
    assert [step for step, _ in again.steps("abc")] == [2, 3, 4]
    assert street.events("hello")[-1]["resumed_from"] == {"checkpoint": again.resume_from, "step": 1}


def test_a_signal_that_a_person_asked_for_is_a_stop(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    Mailbox(street.directory.supervisor_control).post(Command("t", "terminate", 1, {}, time.time(), "ada"))
    run.boundary(0)
    os.kill(os.getpid(), signal.SIGTERM)
    street.drive(lambda: False)
    run.finish()
    assert (street.states()[-1], street.status()["message"]) == ("cancelled", "Stopped by ada")
    assert [event["kind"] for event in street.events("checkpoint")] == ["final"]


def test_a_script_keeps_its_own_handler(street: Street) -> None:
    mine: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: mine.append(number))
    try:
        street.start().on("checkpoint", street.save)
        os.kill(os.getpid(), signal.SIGTERM)
        assert mine == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_forked_worker_dies_by_the_signal_that_its_parent_outlives(street: Street) -> None:
    street.start().on("checkpoint", street.save)
    child = os.fork()
    if child == 0:
        while True:
            time.sleep(10)
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_a_job_that_was_done_begins_anew_and_a_damaged_checkpoint_is_passed_over(street: Street) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    for step in range(3):
        run.boundary(step)
        run.save()
    with pytest.raises(RuntimeError), run:
        raise RuntimeError("broken")
    (street.directory.checkpoints / "step-2" / "weights.bin").write_bytes(b"x")
    shutil.rmtree(street.directory.checkpoints / "step-1")
    run = street.start()
    assert run.resume_from == str(street.directory.checkpoints / "step-0")
    run.finish()
    assert street.start().resume_from is None


def test_a_trainer_that_does_not_go_on_from_its_checkpoint_is_told_on(street: Street, until: Until) -> None:
    run = street.start()
    run.on("checkpoint", street.save)
    run.boundary(0)
    run.save()
    with pytest.raises(RuntimeError), run:
        raise RuntimeError("broken")
    street.start().boundary(0)
    until(lambda: [alert["code"] for alert in street.events("alert")] == ["not_resumed"], timeout=10)


def test_the_settings_of_an_attempt_are_applied_after_the_checkpoint_was_loaded(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = {"train.rate": 0.02, "batch_size": 16, "learning_rate": "many"}
    street.directory.create({"name": "x"})
    street.directory.write_attempt(1, {"argv": [], "checkpoint": "/old/step-5", "overrides": overrides})
    monkeypatch.setenv("GLADIUS_ATTEMPT", "1")
    run = street.start()
    assert (run.resume_from, run.overrides) == ("/old/step-5", overrides)
    run.adjustable("rate", get=lambda: street.rate, set=lambda value: setattr(street, "rate", value), key="train.rate")
    run.adjustable("batch_size", get=lambda: 8, set=print, applies="restart")
    run.adjustable("learning_rate", get=lambda: 0.5, set=print)
    street.rate = 0.7  # as a checkpoint brings it
    run.resumed("/old/step-5", 5)
    run.boundary(6)
    assert street.rate == 0.02
    (change,) = street.events("hyperparameters")
    assert (change["name"], change["old"], change["new"]) == ("rate", 0.7, 0.02)
    assert [alert["code"] for alert in street.events("alert")] == ["override_refused"]
    assert street.events("hello")[-1]["adjustable"]["rate"]["value"] == 0.02


# Errors


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (MemoryError(), "out_of_memory", True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "out_of_memory", True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "cuda_out_of_memory", True),
        (type("OutOfMemoryError", (RuntimeError,), {})("x"), "cuda_out_of_memory", True),
        (OSError(12, "Cannot allocate memory"), "out_of_memory", True),
        (ConnectionError("reset"), "ConnectionError", True),
        (ValueError("shapes"), "ValueError", False),
    ],
)  # fmt: skip
def test_errors_have_codes_and_say_whether_another_try_can_help(
    street: Street, error: Exception, code: str, retryable: bool
) -> None:
    with pytest.raises(type(error)), street.start():
        raise error
    told = street.events("state")[-1]["error"]
    assert (told["code"], told["retryable"]) == (code, retryable)
    assert type(error).__name__ in told["traceback"]


def test_a_lack_of_memory_is_recognised_under_another_error(street: Street) -> None:
    with pytest.raises(ValueError, match="batch"), street.start():
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("batch failed") from error
    assert street.events("state")[-1]["error"]["code"] == "out_of_memory"


def _wait(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
