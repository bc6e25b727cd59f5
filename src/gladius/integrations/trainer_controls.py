"""Give a run the hands and eyes of a Hugging Face Trainer. Upstream: transformers. Downstream: pulse.

What a person asks for arrives here between two steps: save, evaluate, generate, change. All of it through the Trainer's
own functions, and none of it felt by a later step.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from gladius.integrations import found_trainer, resumed_weights, trainer_memory, trl_trainers
from gladius.integrations.accuracy import NextTokenAccuracy
from gladius.integrations.found_trainer import Found
from gladius.integrations.loss_guard import LossGuard
from gladius.integrations.samples import Given, Samples
from gladius.integrations.trainer_facts import metric_values
from gladius.integrations.trainer_memory import Memory
from gladius.integrations.trainer_settings import TrainerSettings
from gladius.pulse.checkpoints import MANIFEST, read_facts
from gladius.pulse.events import events_of_type
from gladius.pulse.reporter import Run

_log = logging.getLogger("gladius.integrations")


_NO_EVAL = "this Trainer has no evaluation dataset."
_NO_TEST = "GladiusCallback(test_dataset=...) enables this."


class Wishes(NamedTuple):
    """How the script wants its Trainer to be steered; the arguments of GladiusCallback."""

    publish_to: Optional[Path] = None
    keep: Optional[int] = None
    keep_best: Optional[str] = None
    every_steps: Optional[int] = None
    every_minutes: Optional[float] = None
    nan_policy: str = "warn"
    test_dataset: Optional[Any] = None
    samples: Union[Sequence[Given], Callable[[Any], Sequence[Given]]] = ()
    sample_tokens: int = 24
    completions: int = 4
    keys: Mapping[str, str] = {}
    read_config: Optional[Callable[[], Mapping[str, Any]]] = None
    config_file: Union[str, Path, None] = None


class TrainerControls:
    """One Trainer in its loop, steered by `run`. `callback` is our own, which never hears of what we do ourselves."""

    def __init__(self, run: Run, found: Found, wishes: Wishes, callback: Any) -> None:
        self.saving = False
        self.saved_at: Optional[int] = None
        self._run = run
        self._trainer = found.trainer
        self._resumed_from = found.resumed_from
        self._wishes = wishes
        self._callback = callback
        self._settings = TrainerSettings(self._trainer, wishes.keys)
        # A loss that is logged as it is tells of itself; the guard is for what comes before a log, or behind a filter.
        needed = wishes.nan_policy != "warn" or self._trainer.args.logging_nan_inf_filter
        self._guard = LossGuard(self._trainer.model) if needed else None
        self._samples: Optional[Samples] = None
        self._samples_failed = False
        self._sampled_at: Optional[int] = None
        self._completions = trl_trainers.Completions(self._trainer, wishes.completions)
        self._untold: Optional[int] = None
        self._memory: Optional[Memory] = None
        self._folder: Optional[Path] = None
        self._forked = False
        self._epoch_random: Optional[str] = None

    def offer(self) -> None:
        """Tell the run what this Trainer can do; called when a checkpoint, if any, is loaded."""
        wishes = self._wishes
        self._go_on()
        self._settings.announce(self._run)
        self._run.on(
            "checkpoint", self._save, every_steps=wishes.every_steps, every_minutes=wishes.every_minutes,
            keep_last=wishes.keep, keep_best=wishes.keep_best, publish_to=wishes.publish_to,
            contents=self._contents(),
        )  # fmt: skip
        splits = ["eval"] if self._trainer.eval_dataset is not None else []
        splits += ["test"] if wishes.test_dataset is not None else []
        if splits:
            self._run.on("validate", self._validate, splits=tuple(splits))
        self._say_what_is_missing(splits)
        if wishes.read_config is not None:
            self._run.on("reload_config", wishes.read_config, file=wishes.config_file)
        self._run.on_bad_loss(wishes.nan_policy)
        self._prepare_samples()

    def _say_what_is_missing(self, splits: Sequence[str]) -> None:
        for split, why in (("eval", _NO_EVAL), ("test", _NO_TEST)):
            if split not in splits:
                self._run.cannot(f"validate:{split}", why)
        if not splits:
            self._run.cannot("validate", _NO_EVAL)
        if self._wishes.read_config is None:
            self._run.cannot("reload_config", "GladiusCallback(read_config=...) enables this.")

    def close(self) -> None:
        """Leave the model as it was."""
        if self._guard is not None:
            self._guard.close()

    # Going on from a checkpoint

    def _go_on(self) -> None:
        step = self._trainer.state.global_step
        if not step:
            return
        folder = self._resumed_from or self._trainer.args.resume_from_checkpoint
        if not isinstance(folder, str):
            return
        self._run.resumed(folder, step)
        self._mend_weights(Path(folder))
        self._forked = read_facts(Path(folder)).get("run_id") != (self._run.dir and self._run.dir.run_id)
        self._folder = Path(folder)
        self._memory = trainer_memory.read(Path(folder), self._trainer.args.process_index)
        if self._memory is not None:
            trainer_memory.restore_window(self._trainer, self._memory)
            self._settings.put_back(self._memory.live)

    def log_what_was_due(self) -> None:
        """A process of this run that ended between a save and the log of that step, holding there maybe, left it to us."""
        memory, directory = self._memory, self._run.dir  # no directory: on another rank
        if memory is None or not memory.due or directory is None or self._forked:
            return
        logged = events_of_type(directory.events, "metrics")
        if any(event["step"] == memory.step and "train/loss" in event["values"] for event in logged):
            return
        self._run.log({"train/loss": self._mean_loss(memory)}, step=memory.step, epoch=self._trainer.state.epoch)

    def _mean_loss(self, memory: Memory) -> float:
        assert self._folder is not None
        return trainer_memory.mean_loss(memory, self._folder, self._trainer.args.world_size)

    def begin_epoch(self, steps_per_epoch: Optional[int]) -> None:
        """Draw the order of an epoch that is resumed in its middle from the state it was drawn from."""
        memory, self._memory = self._memory, None
        in_the_middle = bool(steps_per_epoch) and self._trainer.state.global_step % (steps_per_epoch or 1) != 0
        if memory is not None and memory.epoch_random is not None and in_the_middle:
            trainer_memory.set_random_state(memory.epoch_random)  # the Trainer sets that of the checkpoint afterwards
        self._epoch_random = trainer_memory.random_state()

    def _mend_weights(self, folder: Path) -> None:
        model = self._trainer.model
        lost = resumed_weights.lost_on_resume(model, folder)
        if not lost:
            return
        try:
            resumed_weights.load(model, folder)
        except Exception as error:  # noqa: BLE001
            # Whatever a model's own loading raises; the training goes on, and nobody may take it for a resumed one.
            _log.warning("the checkpoint's weights could not be loaded", exc_info=True)
            message = "{} weights were not resumed ({}, ...): {}".format(len(lost), lost[0], error)
            self._run.alert("critical", "weights_not_resumed", message)
        else:
            words = "%d weights that transformers leaves out of a resume are loaded from the checkpoint: %s, ..."
            _log.warning(words, len(lost), lost[0])

    # Checkpoints

    def _save(self) -> Path:
        self.saving = True
        try:
            folder = found_trainer.save(self._trainer, but=self._callback)
            self.complete(folder)
        finally:
            self.saving = False
        self.saved_at = self._untold = self._trainer.state.global_step
        return folder

    def take_saved(self) -> Optional[Path]:
        """The folder of the last save through `_save`, once, and only when it was verified and told."""
        step, self._untold = self._untold, None
        if step is None:
            return None
        if self._wishes.publish_to is not None:
            folder = self._wishes.publish_to / "step-{}".format(step)
        else:
            folder = Path(self._trainer.args.output_dir, "checkpoint-{}".format(step))
        return folder if (folder / MANIFEST).is_file() else None

    def complete(self, folder: Path) -> None:
        """Add to a checkpoint what the Trainer itself would forget. Raises OSError."""
        trainer_memory.write(self._trainer, folder, self._settings.live, self._epoch_random)

    def _contents(self) -> List[str]:
        if self._trainer.args.save_only_model:
            return ["model"]
        scaler = ["scaler"] if getattr(self._trainer.accelerator, "scaler", None) is not None else []
        exact = not self._trainer.args.ignore_data_skip and trl_trainers.resumes_exactly(self._trainer)
        position = ["data_position"] if exact else []
        return ["model", "optimizer", "scheduler", *scaler, "random_states", *position, "counters"]

    # Evaluations

    def _validate(self, split: str) -> Dict[str, float]:
        dataset = self._wishes.test_dataset if split == "test" else None
        counter = NextTokenAccuracy(self._trainer.model)
        try:
            with trl_trainers.same_completions(self._trainer):
                values = metric_values(found_trainer.evaluate(self._trainer, split, dataset))
        finally:
            counter.close()
        share = counter.share(self._run.gather)
        if share is not None:  # the script's own word on it wins
            values.setdefault("{}/accuracy".format(split), share)
        if self._run.active:
            self.sample(again=True)
        return values

    def sample(self, again: bool = False) -> None:
        """Generate from the fixed prompts and record what comes; a failure is told once and costs nothing else."""
        step = self._trainer.state.global_step
        if self._samples is None or (self._sampled_at == step and not again):
            return
        self._sampled_at = step
        try:
            self._run.sample(step, self._samples.generate(self._trainer.model))
        except Exception as error:  # noqa: BLE001
            # The user's model: whatever its generation raises, it is no reason to end a training.
            self._tell_failed_samples(error)

    def show_completions(self) -> None:
        """Record some of what a trainer generated for its newest batch."""
        rows = self._completions.take()
        if rows:
            self._run.sample(self._trainer.state.global_step, rows)

    def pass_over_completions(self) -> None:
        """An evaluation is over: what was generated last is its own."""
        self._completions.pass_over()

    def _prepare_samples(self) -> None:
        tokenizer = self._trainer.processing_class
        if not self._wishes.samples or tokenizer is None or not hasattr(self._trainer.model, "generate"):
            return
        if self._run.ranks is not None and not _is_whole_on_each_rank(self._trainer):
            return  # generating would need all ranks
        try:
            wished = self._wishes.samples
            given = wished(self._trainer) if callable(wished) else wished
            self._samples = Samples(given, tokenizer, self._wishes.sample_tokens) if given else None
        except Exception as error:  # noqa: BLE001
            # The user's tokenizer and prompts, likewise.
            self._tell_failed_samples(error)

    def _tell_failed_samples(self, error: Exception) -> None:
        if self._samples_failed:
            return
        self._samples_failed = True
        _log.warning("no samples: generation failed; training goes on", exc_info=True)
        self._run.alert("warning", "samples_failed", "no samples: {}: {}".format(type(error).__name__, error))

    # The loss

    def look_at_loss(self) -> None:
        """At the end of a step, for a policy that acts: the one look that waits for the device."""
        if self._guard is None or self._wishes.nan_policy == "warn":
            return
        bad = self._guard.take()
        if bad is not None:
            self._run.bad_loss(bad)

    def look_behind_filter(self) -> None:
        """Before a log: the Trainer's filter may have put an average in the place of a loss that is not finite."""
        bad = self._guard.take() if self._guard is not None else None
        if bad is not None:
            self._run.bad_loss(bad)


def _is_whole_on_each_rank(trainer: Any) -> bool:
    """Whether each process has the whole model, and not a part of it."""
    return not (getattr(trainer, "is_fsdp_enabled", False) or getattr(trainer, "is_deepspeed_enabled", False))
