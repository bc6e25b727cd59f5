"""What a preview says of a Hugging Face run: from its files alone, nothing is loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.catalog.presets import Presets
from gladius.catalog.profiles import Profiles
from gladius.errors import FieldErrors
from gladius.launch.attempt import write_config
from gladius.launch.local import LocalLauncher
from gladius.launch.queue import Queue
from gladius.launch.resume import Resumer
from gladius.launch.slots import Gpu, Slots
from gladius.launch.start import Starter
from gladius.pulse.checkpoints import seal
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import this_host
from gladius.pulse.rundir import Home, RunDir
from gladius.store.store import Store
from gladius.wire.catalog import Resources
from gladius.wire.steering import ForkRequest, ResumePreview, ResumeRequest
from pulse_wrapper import safe_read_json

TRAIN = {
    "epochs": 3.0, "max_steps": None, "batch_size": 8, "gradient_accumulation": 1, "learning_rate": 1e-3,
    "schedule": "linear", "warmup_steps": 0, "weight_decay": 0.01, "precision": "auto", "seed": 42,
}  # fmt: skip
HYPERPARAMETERS = {"learning_rate": 1e-3, "weight_decay": 0.01, "batch_size": 8, "total_epochs": 3.0}
KEYS = {
    "learning_rate": "train.learning_rate", "weight_decay": "train.weight_decay", "batch_size": "train.batch_size",
    "total_epochs": "train.epochs",
}  # fmt: skip


class Written:
    """A run of the engine `transformers` that ended at step 100 of 300, as its files tell."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.run = home.new_run("hf", {"source": "api", "engine": "transformers", "profile": "gone", "dataset": "d"})
        self.attempt(1, TRAIN)

    def attempt(self, number: int, train: dict[str, Any], **facts: Any) -> None:
        write_config(self.run.attempt_config(number), {"data": {"path": "x.jsonl", "max_length": 64}, "train": train})
        argv = ["python", "-m", "gladius.recipes.finetune", str(self.run.attempt_config(number))]
        self.run.write_attempt(number, {"argv": argv, "cwd": str(self.run.root), "env": [], **facts})
        hello = {
            "run_id": self.run.run_id, "pid": 1, "host": this_host(), "capabilities": ["stop"], "samples": 800,
            "total_steps": 300, "steps_per_epoch": 100,
            "adjustable": {name: {"value": value} for name, value in HYPERPARAMETERS.items()},
        }  # fmt: skip
        EventWriter(self.run.events, number).write("hello", hello)
        EventWriter(self.run.events, number).write("state", {"state": "error", "error": {"code": "x", "message": "y"}})

    def checkpoint(self, step: int, attempt: int = 1, facts: bool = True, **changes: Any) -> Path:
        folder = self.run.checkpoints / f"step-{step}"
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
            (folder / name).write_text("not a pickle")
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "epoch": step / 100}))
        if facts:
            told = {
                "run_id": self.run.run_id, "attempt": attempt, "step": step, "epoch": step / 100,
                "contents": ["model", "optimizer", "scheduler", "random_states", "data_position", "counters"],
                "hyperparameters": {**HYPERPARAMETERS, **changes}, "config_keys": KEYS,
            }  # fmt: skip
            (folder / "gladius.json").write_text(json.dumps(told))
        sealed = seal(folder)
        event = {"step": step, "path": str(folder), "bytes": sealed.bytes, "manifest": sealed.manifest}
        EventWriter(self.run.events, attempt).write("checkpoint", event)
        return folder

    def resumer(self) -> Resumer:
        return Resumer(self.home, Profiles(self.home.profiles), LocalLauncher(self.home))

    def preview(self, checkpoint: int | str | None = None, **overrides: Any) -> ResumePreview:
        request = ResumeRequest(checkpoint=checkpoint, overrides=overrides)
        return self.resumer().preview_resume(self.run, request)


@pytest.fixture
def written(home: Home) -> Written:
    return Written(home)


def effects(preview: ResumePreview) -> dict[str, str]:
    return {change.key: change.effect for change in preview.changed}


def test_a_checkpoint_of_the_trainer_is_read_by_the_names_of_its_files(written: Written) -> None:
    written.checkpoint(100, facts=False)
    preview = written.preview()
    assert (preview.step, preview.epoch) == (100, 1.0)
    assert preview.restored == ["model", "optimizer", "scheduler", "random_states", "data_position", "counters"]
    assert preview.not_restored == [] and preview.changed == [] and preview.possible


def test_a_changed_batch_size_moves_the_position_and_says_how_far(written: Written) -> None:
    written.checkpoint(100)
    smaller = effects(written.preview(batch_size=4))["train.batch_size"]
    assert "trained 800" in smaller and "400 samples come again" in smaller
    larger = effects(written.preview(gradient_accumulation=2))["train.gradient_accumulation"]
    assert "800 samples are left out" in larger
    same = effects(written.preview(batch_size=4, gradient_accumulation=2))
    assert set(same) == {"train.batch_size", "train.gradient_accumulation"}
    assert all("stays" in effect for effect in same.values())


def test_the_learning_rate_is_foretold_when_its_course_changes(written: Written) -> None:
    written.checkpoint(100)
    plain = written.preview().learning_rate
    assert plain is not None and plain.before == plain.after == pytest.approx(1e-3 * 200 / 300)
    longer = written.preview(epochs=6).learning_rate
    assert longer is not None and longer.before == pytest.approx(1e-3 * 199 / 300)
    assert longer.after == pytest.approx(1e-3 * 499 / 600) and "transformers" in longer.source
    assert (plain.step, longer.step) == (101, 102), "the first step still has the checkpoint's rate"
    steady = written.preview(schedule="constant_with_warmup", learning_rate=5e-4).learning_rate
    assert steady is not None and steady.after == 5e-4
    halved = written.preview(batch_size=4).learning_rate
    assert halved is not None and halved.after == pytest.approx(1e-3 * 499 / 600), "twice as many steps are planned"
    assert "rate" in effects(written.preview(epochs=6))["train.epochs"]


def test_what_the_optimizer_carries_is_said(written: Written) -> None:
    written.checkpoint(100)
    preview = written.preview(learning_rate=5e-4, weight_decay=0.1)
    assert [(one.key, one.old, one.new) for one in preview.changed] == [
        ("train.learning_rate", 1e-3, 5e-4), ("train.weight_decay", 0.01, 0.1),
    ]  # fmt: skip
    assert all("after it is loaded" in one.effect for one in preview.changed)
    assert written.preview(learning_rate=1e-3).changed == [], "what is so already is no change"


def test_other_data_another_model_and_another_seed_are_warned_of(written: Written) -> None:
    written.checkpoint(100)
    preview = written.preview(**{"data.path": "y.jsonl", "model.name": "other", "seed": 7})
    told = effects(preview)
    assert "earlier data" in told["data.path"] and "may not load" in told["model.name"]
    assert "another order" in told["train.seed"] and any("data are others" in one for one in preview.warnings)


def test_records_that_were_changed_since_are_warned_of(written: Written) -> None:
    records = written.run.root / "x.jsonl"
    records.write_text("{}\n")
    folder = written.checkpoint(100)
    os.utime(folder / "manifest.json", (2e9, 2e9))
    assert not any("x.jsonl" in one for one in written.preview().warnings)
    os.utime(records, (3e9, 3e9))
    assert any("x.jsonl was changed after" in one for one in written.preview().warnings)
    records.unlink()
    assert any("records are gone" in one for one in written.preview().warnings)


def test_what_was_set_live_goes_on_and_a_later_configuration_wins_over_an_old_checkpoint(written: Written) -> None:
    written.checkpoint(100, learning_rate=2e-4)
    (live,) = written.preview().changed
    assert (live.key, live.old, live.new) == ("train.learning_rate", 1e-3, 2e-4)

    written.attempt(2, {**TRAIN, "learning_rate": 5e-5})  # failed before it saved anything
    (settled,) = written.preview().changed
    assert (settled.key, settled.old, settled.new) == ("train.learning_rate", 2e-4, 5e-5)
    fork = written.resumer().preview_fork(written.run, ForkRequest(checkpoint=100))
    assert [(one.key, one.new) for one in fork.changed] == [("train.learning_rate", 2e-4)], "a fork is as it was then"


def test_checkpoints_that_a_resume_left_behind_are_chosen_only_by_name(written: Written) -> None:
    written.checkpoint(50)
    written.checkpoint(100)
    written.attempt(2, TRAIN)
    hello = {"run_id": "r", "pid": 1, "host": this_host(), "resumed_from": {"checkpoint": "step-50", "step": 50}}
    EventWriter(written.run.events, 2).write("hello", hello)
    EventWriter(written.run.events, 2).write("state", {"state": "error"})
    assert written.preview().step == 50
    assert written.preview(checkpoint=100).step == 100 and written.preview(checkpoint="100").step == 100


def test_a_moved_run_finds_its_checkpoints_again(written: Written) -> None:
    written.checkpoint(100)
    moved = written.home.runs / "20200101-000000-moved-abcd"
    written.run.root.rename(moved)
    preview = written.resumer().preview_resume(RunDir(moved), ResumeRequest())
    assert preview.checkpoint == str(moved / "checkpoints" / "step-100")


def test_every_wrong_override_is_named(written: Written) -> None:
    written.checkpoint(100)
    with pytest.raises(FieldErrors) as wrong:
        written.preview(batch_size=0, colour="red", epochs=None, schedule="steep")
    fields = {one["field"] for one in wrong.value.errors}
    assert fields == {"overrides.batch_size", "overrides.colour", "overrides.epochs", "overrides.schedule"}


def test_without_a_checkpoint_it_begins_anew_and_says_so(written: Written) -> None:
    preview = written.preview(learning_rate=1e-4)
    assert preview.possible and preview.checkpoint is None and preview.restored == []
    assert "model" in preview.not_restored and any("begins anew" in one for one in preview.warnings)
    fork = written.resumer().preview_fork(written.run, ForkRequest())
    assert not fork.possible and "no checkpoint" in str(fork.reason)


class Standing(LocalLauncher):
    """Starts nothing: what is looked at is which GPUs an attempt was given."""

    def start(self, run: RunDir, attempt: int) -> None:
        return


def test_a_resume_and_a_fork_take_gpus_by_the_queues_book(written: Written) -> None:
    written.checkpoint(100)
    exited = {"event": "exited", "verdict": "failed", "evidence": "exit code 1"}
    EventWriter(written.run.supervisor_events, 1).write("process", exited)
    house, launcher = written.home, Standing(written.home)
    profiles, slots = Profiles(house.profiles), Slots(1, (Gpu(0, "A", None), Gpu(1, "B", None)))
    datasets, presets = Datasets(house.state, Roots.of(house.datasets)), Presets(house.presets)
    queue = Queue(house, Starter(house, profiles, datasets, presets, launcher), Store(house), slots)
    resumer = Resumer(house, profiles, launcher, queue.room_at_once)
    child = resumer.fork(written.run, ForkRequest(), "api", "a test")
    assert queue.place_for(Resources(gpus=2)) == 1 and queue.place_for(Resources()) == 0
    assert resumer.resume(written.run, ResumeRequest(), "a test") == 2
    given = [safe_read_json(path) or {} for path in (child.attempt_json(1), written.run.attempt_json(2))]
    assert [one["gpus"] for one in given] == [[0], [1]]
    assert queue.place_for(Resources()) == 1, "both GPUs are taken"
