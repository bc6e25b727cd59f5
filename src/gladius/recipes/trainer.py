"""The recipes' Trainer: known order, light accuracy, survivable saves, readable lines. Upstream: data. Downstream: integrations."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback

from gladius.integrations.transformers import GladiusCallback
from gladius.pulse.randomness import preserved
from gladius.recipes.console import say
from gladius.recipes.order import EpochOrder

_log = logging.getLogger("gladius.recipes")


class RecipeTrainer(Trainer):  # type: ignore[misc]
    """Goes on when a checkpoint cannot be saved, and from a checkpoint as if it had never been interrupted."""

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

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate without a trace in the random states: with or without it the next steps are the same."""
        with preserved():
            return dict(super().evaluate(*args, **kwargs))

    def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochOrder(self.train_dataset["length"], batch, self.args.seed)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Our callback loads what transformers missed, and tells of it; a list of every expert would say the opposite."""
        if self.args.world_size > 1:
            super()._issue_warnings_after_load(load_result)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        folder = Path(self.args.output_dir, f"checkpoint-{self.state.global_step}")
        if self._gladius.recorded:
            # What is found here was saved and could not be published: nobody will come for it. This step's own folder
            # may be another process's at work.
            for left in set(folder.parent.glob("checkpoint-*")) - {folder}:
                shutil.rmtree(str(left), ignore_errors=True)
        try:
            super()._save_checkpoint(*args, **kwargs)
        except Exception as error:
            if self._gladius.saving:
                raise  # whoever asked for it is told
            # torch, safetensors and the file system each raise a kind of their own for a disk that is full.
            _log.warning("checkpoint at step %d failed: %s", self.state.global_step, error)
            shutil.rmtree(str(folder), ignore_errors=True)
            self._gladius.save_failed(str(error) or type(error).__name__)


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
        split = next((name for name in ("eval", "test") if f"{name}_loss" in logs), None)
        if "loss" in logs:
            parts = ["loss {:.4f}".format(float(logs["loss"]))]
            parts += ["lr {:.2e}".format(float(logs["learning_rate"]))] if "learning_rate" in logs else []
            parts += ["grad {:.2f}".format(float(logs["grad_norm"]))] if "grad_norm" in logs else []
            say("{}  {}".format(_place(state), "  ".join(parts)))
        elif split is not None:
            accuracy = logs.get(f"{split}_accuracy")
            shown = f"  {split} accuracy {accuracy:.2%}" if accuracy is not None else ""
            say("{}  {} loss {:.4f}{}".format(_place(state), split, float(logs[f"{split}_loss"]), shown))
        elif "train_runtime" in logs:
            say("reached step {} in {:.0f} s, mean loss {:.4f}".format(
                state.global_step, logs["train_runtime"], logs["train_loss"]))  # fmt: skip

    def on_step_end(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
        """Print what became of a checkpoint that was asked for; our callback dealt with it just before."""
        saved = self._gladius.take_saved()
        if saved is not None:
            self._say_saved(state, f"saved: {saved}")

    def on_save(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        """Print what became of a checkpoint of the Trainer's own; one that was asked for is yet to be verified."""
        saved = self._gladius.last_checkpoint
        if self._gladius.saving:
            self._say_saved(state, "written")
        elif saved is not None:
            self._say_saved(state, f"saved: {saved.path} ({saved.bytes / 1e6:.1f} MB)")
        else:
            folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
            unrecorded = folder.is_dir() and not self._gladius.recorded
            self._say_saved(state, f"written: {folder}" if unrecorded else "failed")

    @staticmethod
    def _say_saved(state: Any, fate: str) -> None:
        say(f"step {state.global_step:>5}/{state.max_steps}  checkpoint {fate}")


def _place(state: Any) -> str:
    return f"step {state.global_step:>5}/{state.max_steps}  epoch {state.epoch or 0.0:.2f}"
