"""Say what people may ask of a recipe's training. Upstream: config. Downstream: finetune, GladiusCallback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gladius.pulse.reporter import Run
from gladius.recipes.config import RecipeConfig, flat, load
from gladius.recipes.data import Prepared, sample_prompts

CONFIG_KEYS = {
    "learning_rate": "train.learning_rate",
    "weight_decay": "train.weight_decay",
    "max_grad_norm": "train.max_grad_norm",
    "logging_steps": "train.log_every",
    "eval_steps": "train.eval_steps",
    "batch_size": "train.batch_size",
    "gradient_accumulation": "train.gradient_accumulation",
    "total_epochs": "train.epochs",
    "max_steps": "train.max_steps",
    "warmup_steps": "train.warmup_steps",
    "schedule": "train.schedule",
}
"""Standard names of what can be adjusted, and the settings that say the same."""


def steering(config: RecipeConfig, tokenizer: Any, data: Prepared, source: Path) -> dict[str, Any]:
    """The arguments of GladiusCallback; `source` is the file that a reload reads."""
    train = config.train
    return {
        "keep": train.keep_checkpoints,
        "keep_best": train.keep_best,
        "checkpoint_steps": train.checkpoint_steps,
        "checkpoint_minutes": train.checkpoint_minutes,
        "nan_policy": train.nan_policy,
        "test_dataset": data.test,
        "samples": sample_prompts(data.evaluation, train.sample_prompts, tokenizer),
        "sample_tokens": train.sample_tokens,
        "config_keys": CONFIG_KEYS,
        "read_config": lambda: flat(load(source)),
    }


def current_config(run: Run, source: Path) -> Path:
    """The file that people edit while this runs: the one that the run names, else the one it was started with."""
    if run.dir is None or not run.dir.run_json.exists():
        return source
    named = run.dir.read_run().get("config_source")
    return run.dir.root / named if isinstance(named, str) and named else source
