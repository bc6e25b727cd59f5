"""Reach the Trainer that calls us, between two of its steps. Upstream: its callback events. Downstream: transformers.

Everything here leaves the training as it was found: what a person asks for in between must change no later loss.
"""

from __future__ import annotations

import contextlib
import copy
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional


class Found(NamedTuple):
    """A Trainer in its training loop, and the checkpoint folder that it was told to go on from."""

    trainer: Any
    resumed_from: Optional[str]


def find(state: Any) -> Optional[Found]:
    """Return the Trainer whose `state` this is, from the calls under way; None when none is found.

    The Trainer hands its callbacks the model, the optimizer and the state, but never itself, and only the Trainer can
    save or evaluate. While it calls `on_train_begin` it stands in the stack as the `self` of its own training loop.
    """
    frame: Any = sys._getframe(1)
    while frame is not None:
        names = frame.f_locals
        trainer = names.get("self")
        if getattr(trainer, "state", None) is state and hasattr(trainer, "_save_checkpoint"):
            folder = names.get("resume_from_checkpoint")
            return Found(trainer, folder if isinstance(folder, str) else None)
        frame = frame.f_back
    return None


def save(trainer: Any, but: Any) -> Path:
    """Save a checkpoint as the Trainer itself does, tell its callbacks except `but`, and return the folder.

    Raises whatever the Trainer raises; what a failed save left behind is gone then.
    """
    folder = Path(trainer.args.output_dir, "checkpoint-{}".format(trainer.state.global_step))
    existed = folder.exists()
    try:
        trainer._save_checkpoint(trainer.model, None)
    except BaseException:
        if not existed and trainer.args.should_save:
            shutil.rmtree(str(folder), ignore_errors=True)
        raise
    with _told(trainer, [one for one in trainer.callback_handler.callbacks if one is not but]), _same_control(trainer):
        trainer.control = trainer.callback_handler.on_save(trainer.args, trainer.state, trainer.control)
    return folder


def evaluate(trainer: Any, split: str, dataset: Optional[Any] = None) -> Dict[str, Any]:
    """Evaluate now; the metrics under the Trainer's names (`eval_loss`, `test_loss`).

    Callbacks that act upon an evaluation (early stopping counts its patience) are not told: it is none of the plan's.
    """
    quiet = [one for one in trainer.callback_handler.callbacks if not _acts_on_evaluations(one)]
    with _told(trainer, quiet), _same_control(trainer), _same_history(trainer), as_it_was(trainer):
        if dataset is None:
            return dict(trainer.evaluate(metric_key_prefix=split))
        with _no_kept_loaders(trainer):
            return dict(trainer.evaluate(eval_dataset=dataset, metric_key_prefix=split))


@contextlib.contextmanager
def as_it_was(trainer: Any) -> Iterator[None]:
    """Put model and optimizer back into the mode in which each of their parts was."""
    modes = [(module, module.training) for module in trainer.model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        to_training = getattr(trainer.optimizer, "train", None)  # schedule-free optimizers have modes as well
        if callable(to_training):
            to_training()


def _acts_on_evaluations(callback: Any) -> bool:
    from transformers import TrainerCallback

    return type(callback).on_evaluate is not TrainerCallback.on_evaluate


@contextlib.contextmanager
def _told(trainer: Any, callbacks: List[Any]) -> Iterator[None]:
    """Let only these callbacks hear of what happens inside."""
    handler = trainer.callback_handler
    everyone = handler.callbacks
    handler.callbacks = callbacks
    try:
        yield
    finally:
        handler.callbacks = everyone


@contextlib.contextmanager
def _same_control(trainer: Any) -> Iterator[None]:
    """Keep the flags that say what is due at this step: logging, evaluating and saving each clear their own."""
    control = trainer.control
    flags = copy.copy(vars(control))
    try:
        yield
    finally:
        vars(control).update(flags)
        trainer.control = control


@contextlib.contextmanager
def _same_history(trainer: Any) -> Iterator[None]:
    history = trainer.state.log_history
    length = len(history)
    try:
        yield
    finally:
        del history[length:]


@contextlib.contextmanager
def _no_kept_loaders(trainer: Any) -> Iterator[None]:
    """With persistent workers the Trainer would hand out its evaluation loader for any other set."""
    kept = trainer.__dict__.pop("_eval_dataloaders", None)
    try:
        yield
    finally:
        trainer.__dict__.pop("_eval_dataloaders", None)
        if kept is not None:
            trainer._eval_dataloaders = kept
