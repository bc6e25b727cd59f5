"""The configuration snapshot: the same fields from every trainer's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from written_run import Written

from gladius.launch.snapshot import resolved, snapshot
from gladius.pulse import atomic_write_json
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


@pytest.fixture
def written(home: Home) -> Written:
    return Written(home, Identity.current(), engine="script")


def launched(written: Written, text: str, **hello: Any) -> Written:
    """A run whose attempt was launched with this YAML, which is its editable file too."""
    written.begin(1, **hello)
    written.directory.attempt_config(1).write_text(text)
    (written.directory.root / "config.yaml").write_text(text)
    run = written.directory.read_run()
    atomic_write_json(written.directory.run_json, {**run, "config_source": "config.yaml"})
    return written


RECIPE = """
model: {name: tiny-moe}
tiny_moe: {experts: 8, active_experts: 2}
data: {max_length: 96}
train:
  batch_size: 16
  gradient_accumulation: 2
  learning_rate: 3e-3
  schedule: cosine
  warmup_steps: 20
  weight_decay: 0.01
  precision: auto
  checkpoint_minutes: 10
  eval_steps: null
  seed: 42
"""
ARGUMENTS = {
    "per_device_train_batch_size": 16, "gradient_accumulation_steps": 2, "learning_rate": 3e-3, "optim": "adamw_torch",
    "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "bf16": False, "fp16": False, "n_gpu": 1,
    "save_strategy": "epoch", "eval_strategy": "epoch", "lr_scheduler_type": "cosine", "warmup_steps": 20, "seed": 42,
}  # fmt: skip


def test_the_recipes_configuration_and_what_the_trainer_resolved_make_one_picture(home: Home) -> None:
    written = Written(home, Identity.current())
    launched(
        written, RECIPE, world_size=2, model={"name": "tiny-moe", "parameters": 3_100_000},
        config={"training_arguments": ARGUMENTS, "model_dtype": "float32"},
    )  # fmt: skip
    view = written.view()
    shown = snapshot(view)
    assert (shown.model.name.value, shown.model.experts.value, shown.model.active_experts.value) == ("tiny-moe", 8, 2)
    assert shown.model.parameters.value == 3_100_000
    training = shown.training
    assert (training.batch_size.value, training.batch_size.key) == (16, "train.batch_size")
    assert (training.effective_batch.value, training.effective_batch.source) == (64, "derived")
    assert (training.max_length.value, training.seed.value) == (96, 42)
    assert (training.precision.value, training.precision.source) == ("fp32", "trainer"), "auto is no answer"
    learning = shown.optimization
    assert (learning.optimizer.value, learning.betas.value, learning.epsilon.value) == (
        "adamw_torch", [0.9, 0.999], 1e-8,
    )  # fmt: skip
    assert (learning.learning_rate.value, learning.schedule.value, learning.warmup_steps.value) == (0.003, "cosine", 20)
    saving = shown.checkpointing
    assert (saving.every_minutes.value, saving.each_epoch.value, saving.validation_each_epoch.value) == (10, True, True)
    assert saving.every_steps.value is None
    assert shown.file is not None and (shown.file.name, shown.file.edited) == ("config.yaml", False)
    told = YAML(typ="safe").load(resolved(view) or "")
    assert told["training_arguments"]["adam_beta2"] == 0.999


def test_another_model_than_the_tiny_one_has_no_experts_of_its_section(home: Home) -> None:
    text = RECIPE.replace("name: tiny-moe", "name: /models/dense")
    shown = snapshot(launched(Written(home, Identity.current()), text).view())
    assert (shown.model.name.value, shown.model.experts.value) == ("/models/dense", None)


def test_a_flat_file_in_llama_factorys_words_is_understood(written: Written) -> None:
    text = """
model_name_or_path: Qwen/Qwen2.5-14B-Instruct
cutoff_len: 2048
per_device_train_batch_size: 4
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
save_steps: 500
eval_strategy: steps
eval_steps: 250
optim: adamw_torch
seed: 7
"""
    shown = snapshot(launched(written, text, world_size=4).view())
    assert shown.model.name.value == "Qwen/Qwen2.5-14B-Instruct"
    assert (shown.training.effective_batch.value, shown.training.world_size.value) == (128, 4)
    assert (shown.training.max_length.value, shown.training.precision.value) == (2048, "bf16")
    assert (shown.optimization.warmup_steps.value, shown.optimization.warmup_ratio.value) == (None, 0.1)
    assert (shown.checkpointing.every_steps.value, shown.checkpointing.validation_steps.value) == (500, 250)
    assert shown.optimization.weight_decay.value is None


def test_a_hugging_face_script_without_a_configuration_is_known_by_its_arguments(written: Written) -> None:
    arguments = {**ARGUMENTS, "bf16": True, "save_strategy": "steps", "save_steps": 100, "eval_strategy": "no"}
    written.begin(1)
    written.directory.write_attempt(1, {"argv": ["x"], "config": {}})
    hello = {"run_id": written.directory.run_id, "pid": written.me.pid, "host": written.me.host, "world_size": 1}
    written.trainer.write("hello", {**hello, "config": {"training_arguments": arguments}})
    view = written.view()
    shown = snapshot(view)
    assert shown.file is None
    assert (shown.training.batch_size.value, shown.training.batch_size.source) == (16, "trainer")
    assert (shown.training.precision.value, shown.checkpointing.every_steps.value) == ("bf16", 100)
    assert shown.checkpointing.validation_each_epoch.value is False


def test_a_plain_loops_settings_and_what_was_changed_live(written: Written) -> None:
    rate = {"value": 0.1, "min": 0, "applies": "live"}
    written.begin(1, adjustable={"learning_rate": rate}, config={"torch_loop": {"optimizer": "AdamW", "eps": 1e-8}})
    written.directory.write_attempt(1, {"argv": ["x"], "config": {"batch_size": 8, "lr": 0.1, "max_len": 5}})
    written.trainer.write("hyperparameters", {"name": "learning_rate", "old": 0.1, "new": 0.05, "step": 12, "by": "x"})
    shown = snapshot(written.view())
    rate_now = shown.optimization.learning_rate
    assert (rate_now.value, rate_now.was, rate_now.changed, rate_now.step) == (0.05, 0.1, True, 12)
    assert shown.live_changes == 1
    assert (shown.optimization.optimizer.value, shown.optimization.epsilon.value) == ("AdamW", 1e-8)
    assert shown.training.batch_size.value == 8
    assert shown.training.gradient_accumulation.value is None
    assert shown.training.effective_batch.value is None, "an unknown factor makes an unknown product"
    assert shown.model.name.value is None and shown.checkpointing.each_epoch.value is None


def test_a_file_that_says_something_else_than_what_was_launched_is_marked(written: Written) -> None:
    text = "train: {batch_size: 8, learning_rate: 0.1}\n"
    launched(written, text)
    file = Path(written.directory.root, "config.yaml")
    file.write_text(text + "# a remark changes nothing\n")
    before = snapshot(written.view()).file
    assert before is not None and not before.edited and before.editable and before.modified is not None
    file.write_text(text.replace("8", "4"))
    after = snapshot(written.view()).file
    assert after is not None and after.edited
    file.write_text("train: [")
    broken = snapshot(written.view()).file
    assert broken is not None and broken.problem is not None and "line 1" in broken.problem
