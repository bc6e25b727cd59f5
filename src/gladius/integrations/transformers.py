"""Record and steer a Hugging Face Trainer. Upstream: Trainer's callback events. Downstream: trainer_controls, pulse.

One line in a script is enough: `Trainer(..., callbacks=[GladiusCallback()])`. Past 400 lines because it is the one object
that a Trainer knows of us, and each of its events needs a method; what a person may ask for is in `trainer_controls`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Set, Union

from transformers import TrainerCallback

from gladius.errors import RankLost, RanksApart
from gladius.integrations import found_trainer
from gladius.integrations.batches import BatchWatch
from gladius.integrations.router import ATTRIBUTION, RouterLoad
from gladius.integrations.samples import Given
from gladius.integrations.torch_ranks import join
from gladius.integrations.trainer_controls import TrainerControls, Wishes
from gladius.integrations.trainer_facts import config_facts, metric_values, model_facts, plan_facts
from gladius.pulse import checkpoints
from gladius.pulse.checkpoints import Sealed
from gladius.pulse.reporter import Run
from gladius.pulse.start import current_run, start

_log = logging.getLogger("gladius.integrations")


_NAN_FILTER = (
    "This Trainer logs an average where the loss is NaN or infinite. Set logging_nan_inf_filter=False to see the truth."
)


def _survivable(event: Callable[..., None]) -> Callable[..., None]:
    """Keep our own failures out of the user's training: told once per event, then silent."""

    @functools.wraps(event)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            event(self, *args, **kwargs)
        except (RankLost, RanksApart):
            raise  # a rank that went on alone would wait for the others for ever
        except Exception:  # noqa: BLE001
            if event.__name__ not in self._failed_events:
                self._failed_events.add(event.__name__)
                _log.warning("Gladius failed in %s; training goes on", event.__name__, exc_info=True)

    return guarded


class GladiusCallback(TrainerCallback):  # type: ignore[misc]
    """Shows a Trainer's run in Gladius and obeys what people ask for, at the end of an optimizer step.

    Pause (hold or release), resume, stop, checkpoint, validate, set and, with `read_config`, reload the configuration.

    Args:
        run: the run to report to; by default the one that `gladius.start` began, else one of its own, which ends with
            the training.
        publish_to: folder on the same file system where verified checkpoints appear as `step-N`; without it they stay
            where the Trainer saved them, with a `manifest.json` beside the weights.
        keep: how many of the newest checkpoints stay in `publish_to`; None keeps all.
        keep_best: a metric whose best checkpoint stays as well: `eval/loss`, or `-eval/accuracy` where more is better.
        checkpoint_steps, checkpoint_minutes: save that often, besides what the Trainer itself saves.
        nan_policy: what a loss that is no finite number leads to: `warn`, `pause`, `stop` or `rollback`. All but `warn`
            look at each step's loss, which waits for the device.
        test_dataset: what `validate` on the test split evaluates.
        samples: prompts (texts, conversations, rows of a data set with `prompt` and `completion` or with `messages`, or
            mappings with `input_ids` and `reference`) that the model answers at each evaluation, or a function that makes
            them of the Trainer; needs one with a `processing_class`.
        sample_tokens: the most tokens of an answer.
        completions: how many of its own completions a trainer that generates (GRPO, RLOO) shows with each log; 0 is none.
        config_keys: keys in the script's configuration by standard name: `{"learning_rate": "train.learning_rate"}`.
        read_config: returns the configuration file as it is now, dotted keys and values.
        config_file: that file, so that people can be shown what it says.

    `last_checkpoint` is what the Trainer's own last save left, verified; None when it failed. After `train()` look at
    `run.released`: a released training is to be resumed and not finished.

    In a job of several processes every rank needs this callback: rank 0 reports, and all do what is asked for at the same
    step. Resuming there, let all ranks begin from one folder: `run = join(gladius.start())` (torch_ranks) before
    `train(resume_from_checkpoint=run.resume_from)`. Where the Trainer is called in a way that it cannot be found, pause
    (hold) and stop remain.

    """

    def __init__(
        self,
        run: Optional[Run] = None,
        publish_to: Union[str, Path, None] = None,
        keep: Optional[int] = None,
        *,
        keep_best: Optional[str] = None,
        checkpoint_steps: Optional[int] = None,
        checkpoint_minutes: Optional[float] = None,
        nan_policy: str = "warn",
        test_dataset: Optional[Any] = None,
        samples: Union[Sequence[Given], Callable[[Any], Sequence[Given]]] = (),
        sample_tokens: int = 24,
        completions: int = 4,
        config_keys: Optional[Mapping[str, str]] = None,
        read_config: Optional[Callable[[], Mapping[str, Any]]] = None,
        config_file: Union[str, Path, None] = None,
    ) -> None:
        if publish_to is None and (keep is not None or keep_best is not None):
            raise ValueError(
                "keep and keep_best need publish_to; else save_total_limit of TrainingArguments is in charge"
            )
        self.last_checkpoint: Optional[Sealed] = None
        self._given = run
        self._wishes = Wishes(
            Path(publish_to) if publish_to is not None else None, keep, keep_best, checkpoint_steps, checkpoint_minutes,
            nan_policy, test_dataset, samples, sample_tokens, completions, config_keys or {},
            read_config, config_file,
        )  # fmt: skip
        self._failed_events: Set[str] = set()
        self._run: Optional[Run] = None
        self._owns_run = False
        self._controls: Optional[TrainerControls] = None
        self._watch: Optional[BatchWatch] = None
        self._router: Optional[RouterLoad] = None
        self._steps_per_epoch: Optional[int] = None
        self._operation = contextlib.ExitStack()
        self._operation_name = ""
        self._window_began = 0.0
        self._not_training = 0.0
        self._left_loop_at = 0.0
        self._failed_save: Optional[str] = None

    # The loop

    @_survivable
    def on_train_begin(self, args: Any, state: Any, _control: Any, **kwargs: Any) -> None:
        """Say who trains what, for how long, and what can be asked of it."""
        self._let_go(RuntimeError("the training before this one was left by an exception"))
        self._run = join(self._take_run(args))
        if self._run.probed:
            args.eval_on_start = False
        model, loader = kwargs.get("model"), kwargs.get("train_dataloader")
        facts = plan_facts(args, state, loader)
        self._take_controls(found_trainer.find(state))
        self._watch = BatchWatch(model)
        if state.is_world_process_zero:
            self._router = RouterLoad(model, self._watch)
        facts["attributions"] = ATTRIBUTION if self._router else None
        self._run.describe(first_step=1, model=model_facts(model), config=config_facts(args, model), **facts)
        if self._controls is not None:
            self._controls.log_what_was_due()
        self._steps_per_epoch = facts["steps_per_epoch"]
        if args.logging_nan_inf_filter:
            self._run.alert("info", "nan_filter", _NAN_FILTER)
        self._begin_window()

    @_survivable
    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        """The order of the epoch's batches is drawn next."""
        if self._controls is not None:
            self._controls.begin_epoch(self._steps_per_epoch)

    @_survivable
    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """A step begins, so whatever operation was declared is over."""
        self._end_operation()

    @_survivable
    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """Commands take effect here; flags that are set here act at this very step."""
        run, controls = self._run, self._controls
        if run is None:
            return
        began, before = time.perf_counter(), self._not_training
        if controls is not None and run.active:
            controls.look_at_loss()
        run.boundary(state.global_step, state.epoch)
        # The time of a hold, and of what is saved or evaluated within it, is kept out of the throughput.
        self._not_training = before + time.perf_counter() - began
        if run.should_stop:
            self._leave(run, control)
        else:
            self._not_twice(state, control)
        if run.probed:
            control.should_evaluate = control.should_save = False
        self._begin_what_follows(control)

    @_survivable
    def on_epoch_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """After a stop the Trainer still ends its epoch: what that would save and evaluate was not asked for."""
        if self._run is not None and (self._run.should_stop or self._run.probed):
            control.should_evaluate = control.should_save = False
        else:
            self._not_twice(state, control)
        self._begin_what_follows(control)

    def _leave(self, run: Run, control: Any) -> None:
        """End the loop. What a stop or a release wanted saved is saved by now."""
        control.should_training_stop = True
        control.should_evaluate = False
        control.should_save = run.stop_checkpoint and self._controls is None and not run.released
        if not run.released:
            control.should_log = True  # the last, shorter window; a released run goes on with it instead

    def _not_twice(self, state: Any, control: Any) -> None:
        """A checkpoint of this very step is there; saved again it would only differ by an evaluation in between."""
        saved = self._controls is not None and self._controls.saved_at == state.global_step
        if saved and not control.should_evaluate:
            control.should_save = False

    @_survivable
    def on_train_end(self, *_: Any, **__: Any) -> None:
        """End the run, unless whoever began it will."""
        self._let_go()

    # Numbers

    @_survivable
    def on_log(self, _args: Any, state: Any, _control: Any, logs: Optional[Dict[str, Any]] = None, **_: Any) -> None:
        """Pass the Trainer's numbers on, with throughput and router load where they are about training."""
        if self._run is None:
            return
        values = metric_values(logs or {})
        if "train/loss" in values:
            tokens = self._tokens_of_all_ranks()
            seconds = time.perf_counter() - self._window_began - self._not_training
            if tokens is not None and seconds > 0:
                values["train/tokens_per_second"] = tokens / seconds
            if self._router:
                values.update(self._router.take())
            self._begin_window()
        if "train/loss" in values and self._controls is not None:
            self._controls.look_behind_filter()
            self._controls.show_completions()
        self._run.log(values, step=state.global_step, epoch=state.epoch)

    def _tokens_of_all_ranks(self) -> Optional[int]:
        assert self._run is not None
        counts = self._run.gather(self._watch.take_tokens() if self._watch is not None else None)
        return sum(counts) if all(count is not None for count in counts) else None

    def _begin_window(self) -> None:
        self._window_began, self._not_training = time.perf_counter(), 0.0
        if self._operation_name:
            self._left_loop_at = self._window_began

    # Long operations

    @_survivable
    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        """An evaluation that no flag announced shows with its first batch."""
        if not self._operation_name:
            self._begin_operation("validating")

    @_survivable
    def on_evaluate(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
        """The evaluation is over but for the samples; a save may follow."""
        if self._controls is not None and self._run is not None and self._run.active:
            self._controls.pass_over_completions()
            self._controls.sample()
        self._end_operation()
        if control.should_save:
            self._begin_operation("checkpointing")

    @_survivable
    def on_predict(self, *_: Any, **__: Any) -> None:
        """The prediction is over."""
        self._end_operation()

    def _begin_what_follows(self, control: Any) -> None:
        """The Trainer evaluates first and saves then."""
        if control.should_evaluate:
            self._begin_operation("validating")
        elif control.should_save:
            self._begin_operation("checkpointing")

    def _begin_operation(self, name: str) -> None:
        self._end_operation()
        if self._run is not None:
            self._operation_name, self._left_loop_at = name, time.perf_counter()
            self._operation.enter_context(self._run.long(name))

    def _end_operation(self) -> None:
        if self._operation_name:
            self._operation_name = ""
            self._operation.close()
            self._not_training += time.perf_counter() - self._left_loop_at

    # Checkpoints

    @property
    def recorded(self) -> bool:
        """Whether there is a run that publishes checkpoints."""
        return self._run is not None and self._run.active

    @property
    def saving(self) -> bool:
        """Whether a save is under way that was asked for: by a person, a cadence, a stop or a release."""
        return self._controls is not None and self._controls.saving

    @_survivable
    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Verify what the Trainer itself saved, publish it, and only then tell."""
        folder = Path(args.output_dir, "checkpoint-{}".format(state.global_step))
        if self._controls is not None and args.world_size > 1:
            self._controls.complete(folder)  # each rank's own memory
        if args.world_size > 1:
            _wait_for_all_ranks()
        if self._run is None or not state.is_world_process_zero:
            return
        if self._operation_name != "checkpointing":
            self._begin_operation("checkpointing")
        kind = "final" if control.should_training_stop else "auto"
        self.last_checkpoint = None
        try:
            self._publish(folder, state.global_step, kind)
        finally:
            self._failed_save = None
            self._end_operation()

    def save_failed(self, reason: str) -> None:
        """Tell that the Trainer itself could not save; the `on_save` that follows reports it and publishes nothing."""
        self._failed_save = reason

    def take_saved(self) -> Optional[Path]:
        """The verified folder of the last save that was asked for, once."""
        return self._controls.take_saved() if self._controls is not None else None

    def _publish(self, folder: Path, step: int, kind: str) -> None:
        assert self._run is not None
        if self._failed_save is not None:
            self._run.checkpoint(step=step, failed=self._failed_save, kind=kind)
            return
        if self._controls is not None:
            self._controls.complete(folder)
            self.last_checkpoint = self._run.publish(folder, step, kind)
            return
        try:
            self.last_checkpoint = self._publish_unsteered(self._run, folder, step, kind)
        except (OSError, ValueError) as error:
            self._run.checkpoint(step=step, failed=str(error), kind=kind)

    def _publish_unsteered(self, run: Run, folder: Path, step: int, kind: str) -> Sealed:
        """Where nothing may be asked of the Trainer, the run knows no function that saves, nor where to publish."""
        sealed, target = checkpoints.seal(folder), self._wishes.publish_to
        if target is not None:
            sealed = checkpoints.publish(sealed, target / "step-{}".format(step))
            checkpoints.keep(checkpoints.published(target), self._wishes.keep)
        path = str(sealed.path.resolve())
        run.checkpoint(step=step, path=path, bytes=sealed.bytes, kind=kind, manifest=sealed.manifest)
        return sealed

    # Own things

    def _take_run(self, args: Any) -> Run:
        if self._given is not None:
            return self._given
        run = current_run()
        if run is not None and (run.active or run.follows):
            return run
        self._owns_run = True
        return start(name=args.run_name if args.run_name != args.output_dir else None)

    def _take_controls(self, found: Optional[found_trainer.Found]) -> None:
        """Offer what can be asked of this Trainer; one that is put together so that we fail at it is recorded all the same."""
        assert self._run is not None
        if found is None:
            self._cannot("the Trainer itself could not be found from its callbacks, and only it can do this.")
            return
        controls = TrainerControls(self._run, found, self._wishes, self)
        try:
            controls.offer()
        except Exception as error:  # noqa: BLE001
            # A Trainer of a kind that we do not know: what we cannot do with it must not cost its record, or the training.
            controls.close()
            self._cannot(f"this kind of Trainer is not known well enough: {type(error).__name__}: {error}")
            _log.warning("this Trainer cannot be steered but for pause and stop; it is recorded", exc_info=True)
        else:
            self._controls = controls

    def _cannot(self, reason: str) -> None:
        assert self._run is not None
        for command in ("checkpoint", "validate", "set", "reload_config"):
            self._run.cannot(command, reason)

    def _let_go(self, error: Optional[BaseException] = None) -> None:
        """Leave the model as it was, and end the run if it is our own."""
        self._end_operation()
        for hook in (self._router, self._watch, self._controls):
            if hook is not None:
                hook.close()
        if self._run is not None and self._owns_run:
            self._run.finish(error)
        self._run = self._watch = self._router = self._controls = None
        self._owns_run = False


def _wait_for_all_ranks() -> None:
    """Every rank writes into the checkpoint's folder: none may still do so when it is sealed and renamed."""
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
