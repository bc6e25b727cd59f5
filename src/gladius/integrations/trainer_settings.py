"""Announce what can be changed in a Hugging Face Trainer. Upstream: transformers. Downstream: pulse's adjustables.

Offered live is only what the Trainer reads anew at each step. What it read once, at its start, needs a restart: a batch
size changed live is silently ignored, a changed accumulation mis-scales a step.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Mapping

from gladius.integrations.torch_rates import LearningRate, WeightDecay
from gladius.pulse.reporter import Run

_LARGEST = 10_000_000


class TrainerSettings:
    """The adjustable hyperparameters of one Trainer in its loop.

    `keys` maps standard names to the keys of a configuration file. `live` are those that a person changed and that no
    file of the Trainer's own checkpoints holds.
    """

    def __init__(self, trainer: Any, keys: Mapping[str, str]) -> None:
        self.live: Dict[str, Any] = {}
        self._trainer = trainer
        self._keys = keys
        self._planned_strategy = trainer.args.eval_strategy
        self._planned_eval_steps = _planned_eval_steps(trainer)
        self._setters: Dict[str, Callable[[Any], None]] = {
            "max_grad_norm": self._set_max_grad_norm,
            "logging_steps": self._set_logging_steps,
            "eval_steps": self._set_eval_steps,
        }

    def announce(self, run: Run) -> None:
        """Tell the run of all that can be changed, and of what needs a restart."""
        self._announce_optimizer(run)
        args, state = self._trainer.args, self._trainer.state
        self._offer(
            run, "max_grad_norm", lambda: float(args.max_grad_norm), self._set_max_grad_norm, 0.0, None,
            label="gradients are clipped to this norm (0: none)",
        )  # fmt: skip
        if args.logging_strategy == "steps":
            self._offer(
                run, "logging_steps", lambda: int(state.logging_steps), self._set_logging_steps, 1, _LARGEST,
                label="steps between logs",
            )  # fmt: skip
        if self._trainer.eval_dataset is not None:
            self._offer(
                run, "eval_steps", self._eval_steps, self._set_eval_steps, 0, _LARGEST,
                label="steps between evaluations (0: as configured)",
            )  # fmt: skip
        self._announce_fixed(run)

    def put_back(self, live: Mapping[str, Any]) -> None:
        """Give again what a person had changed when the checkpoint was saved."""
        for name, value in live.items():
            if name in self._setters:
                self._setters[name](value)

    def _announce_optimizer(self, run: Run) -> None:
        optimizer = self._trainer.optimizer
        scheduler = getattr(self._trainer.lr_scheduler, "scheduler", self._trainer.lr_scheduler)
        if _has_rates(optimizer):
            rate = LearningRate(optimizer, scheduler)
            label = "learning rate" if self._trainer.args.lr_scheduler_type == "constant" else rate.label
            self._offer(run, "learning_rate", rate.get, rate.set, 0.0, None, label=label, applies=rate.applies)
        decaying = self._decaying_groups(getattr(optimizer, "param_groups", []))
        if decaying:
            decay = WeightDecay(_Groups(decaying))
            self._offer(run, "weight_decay", decay.get, decay.set, 0.0, None, label="weight decay")

    def _decaying_groups(self, groups: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
        """Biases and norms never decay; where nothing does yet, the Trainer's own rule says which groups would."""
        having = [group for group in groups if "weight_decay" in group]
        decaying = [group for group in having if group["weight_decay"] > 0]
        if decaying:
            return decaying
        names = set(self._trainer.get_decay_parameter_names(self._trainer.model))
        wanted = {id(one) for name, one in self._trainer.model.named_parameters() if name in names}
        return [group for group in having if any(id(one) in wanted for one in group["params"])]

    def _announce_fixed(self, run: Run) -> None:
        args, state = self._trainer.args, self._trainer.state
        fixed: Dict[str, Callable[[], Any]] = {
            "batch_size": lambda: args.per_device_train_batch_size,
            "gradient_accumulation": lambda: args.gradient_accumulation_steps,
            "total_epochs": lambda: float(args.num_train_epochs),
            "warmup_steps": lambda: int(args.get_warmup_steps(state.max_steps)),
            "schedule": lambda: str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)),
        }
        if args.max_steps > 0:
            fixed["max_steps"] = lambda: args.max_steps
        for name, get in fixed.items():
            self._offer(run, name, get, _refuse, None, None, applies="restart")

    def _offer(
        self, run: Run, name: str, get: Any, set_: Any, low: Any, high: Any, label: str = "", applies: str = "live"
    ) -> None:
        run.adjustable(
            name, get=get, set=set_, min=low, max=high, applies=applies, key=self._keys.get(name, ""), label=label
        )

    def _set_max_grad_norm(self, value: Any) -> None:
        self._trainer.args.max_grad_norm = self.live["max_grad_norm"] = float(value)

    def _set_logging_steps(self, value: Any) -> None:
        # The Trainer's flow looks at its state; the argument goes along for what a checkpoint's reader compares.
        self._trainer.state.logging_steps = self._trainer.args.logging_steps = self.live["logging_steps"] = int(value)

    def _eval_steps(self) -> int:
        return int(self._trainer.state.eval_steps) if self._trainer.args.eval_strategy == "steps" else 0

    def _set_eval_steps(self, value: Any) -> None:
        from transformers.trainer_utils import IntervalStrategy

        steps = self.live["eval_steps"] = int(value)
        self._trainer.args.eval_strategy = IntervalStrategy.STEPS if steps else self._planned_strategy
        self._trainer.state.eval_steps = steps or self._planned_eval_steps


class _Groups:
    """Some parameter groups of an optimizer, in the shape of one."""

    def __init__(self, groups: List[Dict[str, Any]]) -> None:
        self.param_groups = groups


def _planned_eval_steps(trainer: Any) -> int:
    """As configured: after a resume the state holds what was live when the checkpoint was saved."""
    steps = trainer.args.eval_steps
    if steps is None:
        return int(trainer.state.eval_steps)
    return int(steps) if steps >= 1 else math.ceil(trainer.state.max_steps * steps)


def _refuse(_value: Any) -> None:
    raise ValueError("it was read when the training began")


def _has_rates(optimizer: Any) -> bool:
    """Whether every group has a rate that is a number: some optimizers find their own."""
    groups: List[Dict[str, Any]] = getattr(optimizer, "param_groups", None) or []
    try:
        return bool(groups) and all(float(group["lr"]) >= 0 for group in groups)
    except (KeyError, TypeError, ValueError):
        return False
