"""Make a plain PyTorch loop resumable and steerable. Upstream: the loop. Downstream: pulse, and the training's objects."""

from __future__ import annotations

import contextlib
import itertools
import math
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Union

import torch

from gladius.errors import ConfigError
from gladius.integrations.config_file import keys_by_name, read_config
from gladius.integrations.live_batches import LiveBatches
from gladius.integrations.loop_settings import LoopSettings, offer_optimizer, offer_plan, optimizer_facts
from gladius.integrations.loss_watch import LossWatch
from gladius.integrations.replayed_batches import ReplayedBatches
from gladius.integrations.torch_random import restore_random_states
from gladius.integrations.torch_ranks import join
from gladius.integrations.torch_rates import LearningRate, WeightDecay
from gladius.integrations.torch_state import TorchState
from gladius.pulse.randomness import preserved
from gladius.pulse.reporter import Run

_CONTENTS = ("model", "optimizer", "scheduler", "scaler", "random_states", "data_position", "counters")
"""The words that a checkpoint may say it holds."""

Evaluate = Callable[[str], Optional[Mapping[str, Any]]]
"""Metrics of a split, by name."""


class TorchLoop:
    """Everything that a loop needs to be paused, released, resumed, saved, validated and tuned while it runs.

        with gladius.start() as run:
            loop = TorchLoop(run, model, optimizer, total_epochs=3, scheduler=scheduler, batches=batches, every_steps=500)
            loop.on_validate(evaluate)
            for epoch in loop.epochs():
                for step, batch in loop.steps(loader):
                    loss = ...
                    loss.backward()
                    loop.clip()
                    optimizer.step(); scheduler.step(); optimizer.zero_grad()
                    loop.log({"train/loss": loss.item()})

    It goes on from `run.resume_from` by itself when it is made, so make it after the model is on its device. After a
    resume, losses are those of the run that was never interrupted, also in the middle of an epoch.

    A loop that wants none of this says to the run itself what it can do:

        run.on("checkpoint", lambda folder: torch.save(model.state_dict(), folder / "model.pt"))
        run.on("validate", lambda split: {"loss": evaluate(model, split)})
        run.adjustable("learning_rate", get=lambda: optimizer.param_groups[0]["lr"], set=set_rate, min=0)
        if run.resume_from: ...; run.resumed(run.resume_from, step)
        for step, batch in run.steps(loader): ...

    `step` is the optimizer step under way, counted from 0 over all epochs and attempts.

    In a job of several processes (torchrun) every rank makes its own TorchLoop of the same run, around a model in
    DistributedDataParallel and a loader with LiveBatches or a DistributedSampler: what a person asks for happens on all of them at the
    same step. `evaluate` is called on every rank and rank 0's answer counts; `run.gather` brings what each one counted.
    """

    def __init__(
        self,
        run: Run,
        model: Any,
        optimizer: Any,
        *,
        total_epochs: int,
        scheduler: Optional[Any] = None,
        scaler: Optional[Any] = None,
        batches: Optional[LiveBatches] = None,
        extra: Optional[Mapping[str, Any]] = None,
        accumulate: int = 1,
        max_grad_norm: float = 0.0,
        log_every: int = 1,
        evaluate_every: int = 0,
        bad_loss: str = "warn",
        rate_factor: float = 0.5,
        every_steps: Optional[int] = None,
        every_minutes: Optional[float] = None,
        keep_last: Optional[int] = None,
        keep_best: Optional[str] = None,
        publish_to: Union[str, Path, None] = None,
        config_file: Union[str, Path, None] = None,
        restore_without: Collection[str] = (),
    ) -> None:
        """Join a run to its training, and go on from the run's checkpoint if it has one.

        Args:
            run: from `gladius.start`.
            model, optimizer, scheduler, scaler: as the loop uses them; the scheduler steps once an optimizer step.
            total_epochs: whole epochs. People may change it; the learning-rate schedule is not stretched with it.
            batches: the sampler of the loader; without one, a resume draws the batches of its epoch again (see
                ReplayedBatches) and the batch size cannot be changed.
            extra: by name, more objects with `state_dict` and `load_state_dict` (an average of weights, a tokenizer).
            accumulate: batches in one optimizer step; above 1 `steps` yields lists of them.
            max_grad_norm: what `clip` clips to; 0 does not clip.
            log_every, evaluate_every: steps between what `due("log")`, `due("evaluate")` say; 0 never.
            bad_loss, rate_factor: what a loss that is not finite leads to, see `Run.on_bad_loss` and `watch`.
            every_steps, every_minutes, keep_last, keep_best, publish_to: of checkpoints, see `Run.on`.
            config_file: JSON or YAML that `reload_config` reads; its keys are found by their last word.
            restore_without: parts of a checkpoint that shall begin anew, such as `scheduler` or `data_position`.

        Raises:
            CheckpointNotFound, CheckpointDamaged, CheckpointMismatch: the training does not start from scratch unasked.
            ConfigError: a model that is sharded over processes, or a configuration file that cannot be read.
            ValueError: a broken plan, a name in `extra` that is taken, or fewer samples than a step of all processes needs.

        """
        _refuse_sharded(model)
        join(run)
        if total_epochs != int(total_epochs) or accumulate < 1:
            raise ValueError(
                f"total_epochs is whole and accumulate at least 1; got {total_epochs!r} and {accumulate!r}"
            )
        taken = sorted(set(extra or ()).intersection(_CONTENTS))
        if taken:
            raise ValueError(f"the name {taken[0]!r} in extra is taken: call it otherwise")
        rank, size = (0, 1) if run.ranks is None else (run.ranks.rank, run.ranks.size)
        if batches is not None and size > 1:
            batches.share(rank, size)
        self.run, self.model, self.optimizer, self.scaler = run, model, optimizer, scaler
        self.step = self.epoch = 0
        self.total_epochs = int(total_epochs)
        self.max_grad_norm = float(max_grad_norm)
        self.log_every, self.evaluate_every = int(log_every), int(evaluate_every)
        self._position = batches if batches is not None else ReplayedBatches()
        self._accumulate = accumulate
        self._watch = LossWatch(run.bad_loss, at_once=bad_loss != "warn")
        self._evaluate: Optional[Evaluate] = None
        self._random: Optional[Dict[str, Any]] = None
        self._plan_told = False
        self._settings = LoopSettings(run, self._configure(config_file))
        offer_optimizer(self._settings, LearningRate(optimizer, scheduler), WeightDecay(optimizer))
        offer_plan(self._settings, self, batches, self._tell_plan_again)
        parts = {"scheduler": scheduler, "scaler": scaler, "data_position": self._position, **(extra or {})}
        self._state = TorchState(model, optimizer, parts, rank, size)
        run.on_bad_loss(bad_loss, rate_factor)
        run.cannot("validate", "loop.on_validate(evaluate) enables this.")
        run.on(
            "checkpoint", self._save, every_steps=every_steps, every_minutes=every_minutes, keep_last=keep_last,
            keep_best=keep_best, publish_to=publish_to,
            contents=[part for part in self._state.contents if part in _CONTENTS],
        )  # fmt: skip
        if run.resume_from is not None:
            self._restore(Path(run.resume_from), restore_without)

    # The loop

    def epochs(self) -> Iterator[int]:
        """Yield the number of each epoch, from 0, or from the one that a checkpoint was saved in.

        The total is looked at after each. A stop ends the iteration; what a body does after its `steps` still runs,
        unless it looks at `run.should_stop`.
        """
        self._settings.announce("total_epochs")
        while self.epoch < self.total_epochs and not self.run.should_stop:
            self._position.set_epoch(self.epoch)
            yield self.epoch
            if not self.run.should_stop:
                self.epoch += 1

    def steps(self, loader: Iterable[Any]) -> Iterator[Tuple[int, Any]]:
        """Yield `(step, batch)` for what is left of this epoch; each turn ends an optimizer step.

        With `accumulate` above 1 the batch is a list of that many, of fewer at an epoch's end.
        """
        self._position.measure(loader)
        self._tell_plan()  # applies what was changed for this attempt: before workers draw ahead
        drawing = self._position.draw(loader)
        if self._random is not None:
            # Last of all: a loader draws from the same generators when its iteration begins.
            for missed in restore_random_states(self._random):
                self.run.alert("warning", "random_state_not_restored", f"Not restored: {missed}.")
            self._random = None
        while not self.run.should_stop:
            group = list(itertools.islice(drawing, self._accumulate))
            if not group:
                break
            yield self.step, group if self._accumulate > 1 else group[0]
            for _ in group:
                self._position.trained()
            self.step += 1
            self.run.boundary(self.step - 1, self._epochs_done())
        self._watch.look()

    def clip(self) -> torch.Tensor:
        """Clip the gradients to `max_grad_norm`, of unscaled gradients where there is a scaler.

        Returns their norm before, on the device; infinite in a step that the scaler will skip, which is normal.
        """
        self._settings.announce("max_grad_norm")
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        norm: torch.Tensor = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.max_grad_norm or math.inf)
        return norm

    def watch(self, loss: torch.Tensor) -> bool:
        """Look whether a loss (one number) is finite; False when it is known not to be.

        Where the policy is to warn, the device is asked every 50 steps and at each checkpoint only; any other policy
        needs the answer now. A loss that is logged as `train/loss` is looked at anyway.
        """
        return self._watch.see(loss, self.step)

    def due(self, what: str) -> bool:
        """Whether this step is one for `log` or `evaluate`, by a cadence that people may change."""
        name = f"{what}_every"
        self._settings.announce(name)
        every: int = getattr(self, name)
        return every > 0 and (self.step + 1) % every == 0

    def log(self, values: Mapping[str, Any], tokens: Optional[int] = None, samples: Optional[int] = None) -> None:
        """Log numbers of the step under way, as `Run.log` does, at its place within the epoch."""
        # Before the run hears of this loss: a finite one would make it forget an earlier one that was not.
        self._watch.look()
        self.run.log(values, step=self.step, epoch=self._epochs_done(), tokens=tokens, samples=samples)

    # Validation

    def on_validate(self, evaluate: Evaluate, splits: Iterable[str] = ("eval",)) -> None:
        """Give the function of a split that returns metrics.

        It is called with the model in evaluation mode and without gradients; each module's own mode and the random
        states come back afterwards, so that a validation changes no later loss.
        """
        self._evaluate = evaluate
        self.run.on("validate", self._evaluated, splits=splits)

    def evaluate(self, split: str = "eval") -> Dict[str, Any]:
        """Evaluate in the middle of a step's body and log it; returns the metrics under their full names."""
        with self.run.long("validating", f"Validating on the {split} split"), preserved():
            values = self._evaluated(split) or {}
        named = {name if "/" in name else f"{split}/{name}": value for name, value in values.items()}
        self.log(named)
        return named

    def _evaluated(self, split: str) -> Optional[Mapping[str, Any]]:
        if self._evaluate is None:
            raise ConfigError("This loop has nothing to evaluate with.", "Give it loop.on_validate(evaluate).")
        with in_evaluation_mode(self.model), torch.no_grad():
            return self._evaluate(split)

    # Checkpoints

    def _save(self, folder: Path) -> None:
        own = self.run.gather(self._state.own())  # before anything that may fail on one rank alone
        if self.run.ranks is not None and self.run.ranks.rank != 0:
            return
        self._watch.look()
        counters = {"step": self.step, "epoch": self.epoch, "settings": self._settings.state()}
        self._state.save(folder, counters, own if len(own) > 1 else ())

    def _restore(self, folder: Path, without: Collection[str]) -> None:
        counters, random = self._state.load(folder, without)
        self._random = None if "random_states" in without else random
        self._settings.settle(counters["settings"])
        self.step, self.epoch = counters["step"], counters["epoch"]
        self.run.resumed(folder, max(0, self.step - 1))

    # What people are told, and may change

    def _configure(self, config_file: Union[str, Path, None]) -> Dict[str, str]:
        """Offer `reload_config`; returns name -> key of what the file holds now."""
        if config_file is None:
            self.run.cannot("reload_config", "TorchLoop(config_file=...) enables this.")
            return {}
        path = Path(config_file)
        keys = keys_by_name(read_config(path))
        self.run.on("reload_config", lambda: read_config(path), file=path)
        return keys

    def _epochs_done(self) -> Optional[float]:
        """Epochs trained, with the part of this one; None where an epoch's length is not known."""
        part = self._position.fraction
        return None if part is None else self.epoch + part

    def _plan(self) -> Dict[str, Any]:
        """How long the training will be, as far as that is known, under the argument names of `gladius.start`."""
        facts: Dict[str, Any] = {"total_epochs": self.total_epochs, "samples": getattr(self._position, "samples", None)}
        batches = self._position.batches_per_epoch
        if batches is not None:
            facts["steps_per_epoch"] = per_epoch = self._in_steps(batches)
            epochs_after = max(0, self.total_epochs - self.epoch - 1)
            facts["total_steps"] = self.step + self._in_steps(len(self._position)) + epochs_after * per_epoch
        return facts

    def _tell_plan(self) -> None:
        told = self._plan()
        loop = {**optimizer_facts(self.optimizer), "gradient_accumulation": self._accumulate}
        self.run.describe(config={"torch_loop": loop}, **told)
        if self._plan() != told:
            # Being ready, the run has applied what was changed for this attempt, such as the batch size.
            self.run.describe(**self._plan())
        self._plan_told = True

    def _tell_plan_again(self) -> None:
        if self._plan_told:
            self._tell_plan()

    def _in_steps(self, batches: int) -> int:
        return -(-batches // self._accumulate)


@contextlib.contextmanager
def in_evaluation_mode(model: Any) -> Iterator[None]:
    """Switch a model to evaluation, and each of its modules back to the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _refuse_sharded(model: Any) -> None:
    """A rank that has a part of each weight would save that part for the whole."""
    wrapped = any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules())
    if wrapped or any(hasattr(weight, "full_tensor") for weight in model.parameters()):
        raise ConfigError(
            "This model is sharded over the processes (FSDP), and TorchLoop saves whole models.",
            "Give run.on('checkpoint', save) a function that saves with torch.distributed.checkpoint on every rank.",
        )
