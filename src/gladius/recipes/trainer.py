"""The recipes' Trainer: light accuracy, survivable saves, readable lines. Upstream: data. Downstream: integrations."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback

from gladius.integrations.transformers import GladiusCallback
from gladius.recipes.console import say

_log = logging.getLogger("gladius.recipes")


class RecipeTrainer(Trainer):  # type: ignore[misc]
    """Goes on when a checkpoint cannot be saved: a full disk must not cost the training."""

    def __init__(self, *args: Any, gladius: GladiusCallback, **kwargs: Any) -> None:
        super().__init__(
            *args,
            compute_metrics=_accuracy,
            preprocess_logits_for_metrics=_count_hits,
            callbacks=[gladius, Lines(gladius)],
            **kwargs,
        )
        self.remove_callback(PrinterCallback)
        self._gladius = gladius

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._save_checkpoint(*args, **kwargs)
        except Exception as error:  # noqa: BLE001
            # torch, safetensors and the file system each raise a kind of their own for a disk that is full.
            _log.warning("checkpoint at step %d failed: %s", self.state.global_step, error)
            folder = Path(self.args.output_dir, f"checkpoint-{self.state.global_step}")
            shutil.rmtree(str(folder), ignore_errors=True)
            self._gladius.save_failed(str(error) or type(error).__name__)

    def save_now(self, kind: str) -> None:
        """Save a checkpoint between two steps."""
        with self._gladius.saving_as(kind):
            self._save_checkpoint(self.model, None)
            for callback in (self._gladius, Lines(self._gladius)):
                callback.on_save(self.args, self.state, self.control)


def _count_hits(logits: Any, labels: Any) -> Any:
    """[batch, length, vocabulary] -> [batch, 2]: right next tokens and all next tokens of each row.

    Kept in place of the logits, so that an evaluation of any size needs no memory to speak of.
    """
    logits = logits[0] if isinstance(logits, (tuple, list)) else logits
    wanted = labels[:, 1:]
    counted = wanted != -100
    hits = (logits[:, :-1].argmax(dim=-1) == wanted) & counted
    return torch.stack([hits.sum(dim=1), counted.sum(dim=1)], dim=1)


def _accuracy(evaluation: Any) -> dict[str, float]:
    """Share of the answers' tokens that were the most likely one."""
    hits, counted = evaluation.predictions.sum(axis=0)
    return {"accuracy": float(hits) / float(counted)} if counted else {}


class Lines(TrainerCallback):  # type: ignore[misc]
    """One line for each log, evaluation and checkpoint, for people who read the output."""

    def __init__(self, gladius: GladiusCallback) -> None:
        self._gladius = gladius

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Print a training log or an evaluation; the Trainer's closing summary as well."""
        logs = logs or {}
        place = f"step {state.global_step:>5}/{state.max_steps}  epoch {state.epoch or 0.0:.2f}"
        if "loss" in logs:
            parts = ["loss {:.4f}".format(float(logs["loss"]))]
            parts += ["lr {:.2e}".format(float(logs["learning_rate"]))] if "learning_rate" in logs else []
            parts += ["grad {:.2f}".format(float(logs["grad_norm"]))] if "grad_norm" in logs else []
            say("{}  {}".format(place, "  ".join(parts)))
        elif "eval_loss" in logs:
            accuracy = logs.get("eval_accuracy")
            shown = f"  eval accuracy {accuracy:.2%}" if accuracy is not None else ""
            say("{}  eval loss {:.4f}{}".format(place, float(logs["eval_loss"]), shown))
        elif "train_runtime" in logs:
            say("trained {} steps in {:.0f} s, mean loss {:.4f}".format(
                state.global_step, logs["train_runtime"], logs["train_loss"]))  # fmt: skip

    def on_save(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
        """Print what became of a checkpoint; our callback dealt with it just before."""
        saved = self._gladius.last_checkpoint
        fate = f"saved: {saved.path} ({saved.bytes / 1e6:.1f} MB)" if saved is not None else "failed"
        say(f"step {state.global_step:>5}/{state.max_steps}  checkpoint {fate}")
