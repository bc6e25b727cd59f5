"""Record and steer a Lightning Trainer. Upstream: its callback events and its training loop. Downstream: pulse.

One line in a script: `Trainer(callbacks=[GladiusCallback()])`. Commands take effect where Lightning itself validates, behind
the end of a batch, which no callback event reaches: the training loop's `on_advance_end` is wrapped while it trains.
"""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

import torch
from lightning.pytorch.callbacks import Callback

from gladius.integrations.loss_watch import LossWatch
from gladius.integrations.torch_random import random_states, restore_random_states
from gladius.integrations.torch_ranks import join
from gladius.integrations.torch_rates import LearningRate, WeightDecay
from gladius.pulse import preempt
from gladius.pulse.reporter import Run
from gladius.pulse.start import current_run, start

_log = logging.getLogger("gladius.integrations")

CHECKPOINT = "lightning.ckpt"
RANDOM = "random_states.pt"
_SPLITS = {"val": "eval", "valid": "eval", "validation": "eval", "eval": "eval", "test": "test", "train": "train"}
_NO_POSITION = (
    "This loader cannot say where it is, so a resume in the middle of an epoch trains the rest of it on other samples than "
    "the interrupted run would have. torchdata's StatefulDataLoader can."
)


def checkpoint_of(run: Run) -> Optional[str]:
    """The file that `trainer.fit(..., ckpt_path=checkpoint_of(run))` goes on from; None for a run that begins anew."""
    return None if run.resume_from is None else str(Path(run.resume_from, CHECKPOINT))


class GladiusCallback(Callback):  # type: ignore[misc]
    """Shows a Lightning training in Gladius and obeys what people ask for, at the end of an optimizer step.

    Pause (hold or release), resume, stop, checkpoint, validate (where there are validation loaders), set (where there is
    one optimizer) and, with `read_config`, reload the configuration. SIGTERM saves and leaves resumable.

    Args:
        run: the run to report to; by default the one that `gladius.start` began, else one of its own, which ends with the
            training.
        checkpoint_steps, checkpoint_minutes: save that often, besides what ModelCheckpoint saves.
        keep: how many of the newest checkpoints stay; None keeps all.
        keep_best: a metric whose best checkpoint stays as well: `eval/loss`, or `-eval/accuracy` where more is better.
        bad_loss: what a loss that is no finite number leads to: `warn`, `pause`, `stop` or `rollback`. All but `warn` look
            at each batch's loss, which waits for the device.
        config_keys: keys in the script's configuration by standard name: `{"learning_rate": "train.learning_rate"}`.
        read_config: returns the configuration file as it is now, dotted keys and values.

    A resume in the middle of an epoch is exact with a loader that has `state_dict` (torchdata's StatefulDataLoader). With
    any other, `data_position` is missing from what a checkpoint says that it holds, and people are told.

    """

    def __init__(
        self,
        run: Optional[Run] = None,
        *,
        checkpoint_steps: Optional[int] = None,
        checkpoint_minutes: Optional[float] = None,
        keep: Optional[int] = None,
        keep_best: Optional[str] = None,
        bad_loss: str = "warn",
        config_keys: Optional[Mapping[str, str]] = None,
        read_config: Optional[Callable[[], Mapping[str, Any]]] = None,
    ) -> None:
        self._given = run
        self._cadence: Dict[str, Any] = {"every_steps": checkpoint_steps, "every_minutes": checkpoint_minutes}
        self._kept: Dict[str, Any] = {"keep_last": keep, "keep_best": keep_best}
        self._bad_loss = bad_loss
        self._keys, self._read_config = config_keys or {}, read_config
        self._run: Optional[Run] = None
        self._owns_run = False
        self._trainer: Any = None
        self._wrapped: Optional[Callable[..., Any]] = None
        self._random: Optional[Dict[str, Any]] = None
        self._epoch_over = False
        self._step = 0
        self._loss: Any = None
        self._watch: Optional[LossWatch] = None
        self._asked = False
        self._operation = contextlib.ExitStack()

    # The training

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Say who trains what, for how long, and what can be asked of it."""
        self._trainer, self._step = trainer, trainer.global_step
        self._run = run = join(self._take_run())
        self._go_on(run)
        self._take_sigterm()
        run.on("checkpoint", self._save, contents=self._contents(), **self._cadence, **self._kept)
        if trainer.enable_validation and sum(trainer.num_val_batches) > 0:
            run.on("validate", self._validate)
            run.cannot("validate:test", "Lightning has no test loader while it fits; trainer.test(...) evaluates that.")
        else:
            run.cannot("validate", "this Trainer has no validation loader.")
        if self._read_config is not None:
            run.on("reload_config", self._read_config)
        else:
            run.cannot("reload_config", "GladiusCallback(read_config=...) enables this.")
        run.on_bad_loss(self._bad_loss)
        self._watch = LossWatch(run.bad_loss, at_once=self._bad_loss != "warn")
        self._offer_optimizer(run)
        run.describe(first_step=1, model=_model_facts(pl_module), **self._plan())
        loop = trainer.fit_loop.epoch_loop
        self._wrapped = loop.on_advance_end
        loop.on_advance_end = self._after_batch

    def on_train_epoch_start(self, *_: Any, **__: Any) -> None:
        """A checkpoint from an epoch's end: the next one's order is drawn from its random states."""
        if self._epoch_over:
            self._restore_random()

    def on_train_batch_start(self, *_: Any, **__: Any) -> None:
        """The first batch of a resumed training is drawn: from here on the random states are the checkpoint's."""
        self._restore_random()

    def _restore_random(self) -> None:
        if self._random is not None:
            for missed in restore_random_states(self._random):
                self._tell("warning", "random_state_not_restored", f"Not restored: {missed}.")
            self._random = None

    def on_train_batch_end(self, trainer: Any, _module: Any, outputs: Any, *_: Any, **__: Any) -> None:
        """Keep the loss, and log where Lightning does."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        self._loss = loss if hasattr(loss, "detach") else None
        every = trainer.log_every_n_steps
        self._look_at_loss(trainer.global_step)
        if self._run is not None and every and trainer.global_step % every == 0 and trainer.global_step != self._step:
            self._run.log(self._numbers(), step=trainer.global_step, epoch=self._epoch())

    def _look_at_loss(self, step: int) -> None:
        """A batch that ended no optimizer step belongs to the one under way."""
        if self._watch is not None and self._loss is not None and self._loss.numel() == 1:
            self._watch.see(self._loss, step if step != self._step else step + 1)

    def _after_batch(self, data_fetcher: Any) -> None:
        """Lightning's own end of a batch, then ours when an optimizer step ended with it."""
        assert self._wrapped is not None and self._run is not None
        self._wrapped(data_fetcher)
        if self._trainer.global_step == self._step:
            return
        self._step = self._trainer.global_step
        self._run.boundary(self._step, self._epoch())
        if self._run.should_stop:
            # The least that was planned is overruled by a person.
            self._trainer.fit_loop.min_epochs = self._trainer.fit_loop.epoch_loop.min_steps = None
            self._trainer.should_stop = True

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """End the run, unless whoever began it will."""
        self._let_go()

    def on_exception(self, _trainer: Any, _module: Any, exception: BaseException) -> None:
        """End the run as an error."""
        self._let_go(exception)

    def _let_go(self, error: Optional[BaseException] = None) -> None:
        self._operation.close()
        if self._wrapped is not None:
            self._trainer.fit_loop.epoch_loop.__dict__.pop("on_advance_end", None)
            self._wrapped = None
        if self._run is not None and self._owns_run:
            self._run.finish(error)
        self._run, self._owns_run = None, False

    def _take_sigterm(self) -> None:
        """Lightning would end the training where it stands; what a script or a Slurm requeue handles stays theirs."""
        notifier = self._trainer._signal_connector._sigterm_notifier_fn
        handlers = getattr(signal.getsignal(signal.SIGTERM), "signal_handlers", [])
        others = [one for one in handlers if one != notifier and getattr(one, "__module__", "") != preempt.__name__]
        if handlers and not others and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # where the run finds it free

    def _take_run(self) -> Run:
        run = self._given or current_run()
        if run is not None and (run.active or run.follows or self._given is not None):
            return run
        self._owns_run = True
        return start()

    # Numbers

    def _numbers(self) -> Dict[str, float]:
        if self._watch is not None:
            self._watch.look()  # before a finite loss makes the run forget an earlier one
        values = _named(self._trainer.logged_metrics, ("train", ""))
        if self._loss is not None:
            values["train/loss"] = float(self._loss.detach())
        rates = [group["lr"] for one in self._trainer.optimizers[:1] for group in one.param_groups]
        return {**values, **({"train/learning_rate": float(rates[0])} if rates else {})}

    def _epoch(self) -> Optional[float]:
        batches = self._trainer.num_training_batches
        if not math.isfinite(batches) or not batches:
            return None
        progress = self._trainer.fit_loop.epoch_loop.batch_progress.current
        return float(self._trainer.current_epoch + progress.ready / batches)

    # Validation

    def on_validation_start(self, trainer: Any, _module: Any) -> None:
        """Lightning validates by its own plan."""
        if self._run is not None and not trainer.sanity_checking and not self._asked:
            self._operation.enter_context(self._run.long("validating"))

    def on_validation_end(self, trainer: Any, _module: Any) -> None:
        """Log what it found."""
        if self._run is not None and not trainer.sanity_checking and not self._asked:
            self._operation.close()
            values = _named(trainer.callback_metrics, ("eval",))
            if values:
                self._run.log(values, step=trainer.global_step, epoch=self._epoch())

    def _validate(self, _split: str) -> Dict[str, float]:
        """Validate now, as the loop that we stand in does it itself."""
        trainer, loop = self._trainer, self._trainer.fit_loop.epoch_loop
        connector = trainer._logger_connector
        first, history = connector._first_loop_iter, dict(trainer.callback_metrics)
        trainer.validating, self._asked = True, True
        try:
            loop.val_loop.run()
        finally:
            trainer.training, self._asked = True, False
            connector._first_loop_iter = first
        return _named({**history, **trainer.callback_metrics}, ("eval",))

    # Checkpoints

    def _save(self, folder: Path) -> None:
        ranks = [random_states()] if self._run is None else self._run.gather(random_states())
        if self._watch is not None:
            self._watch.look()
        self._trainer.save_checkpoint(str(folder / CHECKPOINT))
        if self._trainer.is_global_zero:
            progress = self._trainer.fit_loop.epoch_loop.batch_progress.current
            over = progress.ready >= self._trainer.num_training_batches
            torch.save({"ranks": ranks, "epoch_over": over}, folder / RANDOM)

    def _go_on(self, run: Run) -> None:
        folder = run.resume_from
        if folder is None or self._trainer.ckpt_path is None or Path(self._trainer.ckpt_path).parent != Path(folder):
            return
        run.resumed(folder, self._trainer.global_step)
        saved = torch.load(Path(folder, RANDOM), map_location="cpu", weights_only=True)
        ranks, rank = saved["ranks"], self._trainer.global_rank
        self._epoch_over = bool(saved["epoch_over"])
        self._random = ranks[rank] if rank < len(ranks) else None

    def _contents(self) -> List[str]:
        position = ["data_position"] if self._has_position() else []
        scheduler = ["scheduler"] if self._trainer.lr_scheduler_configs else []
        return ["model", "optimizer", *scheduler, "random_states", *position, "counters"]

    def _has_position(self) -> bool:
        """Whether every training loader can say where it is, and be put there again."""
        loaders = self._trainer.fit_loop._combined_loader.flattened
        able = all(hasattr(one, "state_dict") and hasattr(one, "load_state_dict") for one in loaders)
        if not able:
            self._tell("info", "no_data_position", _NO_POSITION)
        return able

    def _tell(self, level: str, code: str, message: str) -> None:
        if self._run is not None:
            self._run.alert(level, code, message)

    # What can be changed, and what is planned

    def _offer_optimizer(self, run: Run) -> None:
        count = len(self._trainer.optimizers)
        if count != 1:
            run.cannot("set", f"it has {count} optimizers, and which one is meant cannot be known.")
            return
        optimizer, schedules = self._trainer.optimizers[0], self._trainer.lr_scheduler_configs
        rate = LearningRate(optimizer, schedules[0].scheduler if schedules else None)
        if rate.known:
            key = self._keys.get("learning_rate", "")
            run.adjustable(
                "learning_rate", get=rate.get, set=rate.set, min=0, applies=rate.applies, key=key, label=rate.label
            )
        decay = WeightDecay(optimizer)
        if not rate.known:
            run.cannot("set", "its optimizer has no rate that is a number.")
        if decay.known:
            key = self._keys.get("weight_decay", "")
            run.adjustable("weight_decay", get=decay.get, set=decay.set, min=0, key=key, label="weight decay")

    def _plan(self) -> Dict[str, Any]:
        trainer = self._trainer
        batches, steps = trainer.num_training_batches, trainer.estimated_stepping_batches
        facts: Dict[str, Any] = {}
        if math.isfinite(batches):
            facts["steps_per_epoch"] = math.ceil(batches / trainer.accumulate_grad_batches)
        if math.isfinite(steps):
            facts["total_steps"] = int(steps)
        if trainer.max_epochs is not None and trainer.max_epochs > 0:
            facts["total_epochs"] = float(trainer.max_epochs)
        return facts


def _named(metrics: Mapping[str, Any], kinds: Iterable[str]) -> Dict[str, float]:
    """PULSE's names: `val_loss` and `val/loss` are `eval/loss`; a name without a split is the training's."""
    values = {}
    for name, value in metrics.items():
        head, _, rest = name.replace("/", "_", 1).partition("_")
        split = _SPLITS.get(head, "") if rest else ""
        if split in kinds:
            values["{}/{}".format(split or "train", rest if split else name)] = float(value)
    return values


def _model_facts(module: Any) -> Dict[str, Any]:
    return {"name": type(module).__name__, "parameters": sum(one.numel() for one in module.parameters())}
