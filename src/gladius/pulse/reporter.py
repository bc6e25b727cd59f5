"""The run as a training script holds it: `log`, `steps`, `finish`. Upstream: the loop. Downstream: the run directory.

Nothing here raises into a training loop. When recording is impossible the run is inactive and its methods do nothing.
Past 400 lines because a run is one object with one state: parts of it would share all of that state.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
import weakref
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Sequence, Tuple, Type, TypeVar

from gladius.pulse.control import Command
from gladius.pulse.events import EventWriter
from gladius.pulse.heart import Heart
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.plan import Plan
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import may_move
from gladius.pulse.values import PLAIN, Cleaner, Rate

LARGEST = sys.float_info.max
Batch = TypeVar("Batch")
Handler = Callable[[], Any]


class Run:
    """One attempt of a run, seen from inside the trainer. Made by `gladius.start`."""

    def __init__(self, directory: Optional[RunDir], attempt: int, lock: Optional[FileLock], plan: Plan) -> None:
        self.dir = directory
        self.attempt = attempt
        self.should_stop = False
        self.stop_checkpoint = True
        self._plan = plan
        self._lock = lock
        self._state = "preparing"
        self._handlers: Dict[str, Handler] = {}
        self._adjustable: Dict[str, Dict[str, Any]] = {}
        self._hello: Optional[Dict[str, Any]] = None
        self._stops_loop = False
        self._step: Optional[int] = None
        self._next_step = 0
        self._passes = 0
        self._steps_per_epoch = plan.steps_per_epoch
        self._stop_command: Optional[Command] = None
        self._stopped_by = ""
        self._finished = False
        self._rates = {"tokens": Rate(), "samples": Rate()}
        self._clean = Cleaner()
        self._bad_loss = ""
        if directory is None:
            self._events = None
            return
        self._events = EventWriter(directory.events, attempt)
        self._heart = Heart(directory, self._events, attempt)
        self._heart.fields.total_epochs = plan.v1_total_epochs
        self._events.write("state", {"state": "preparing"}, durable=True)
        self._heart.start()
        _recording.add(self)

    @property
    def active(self) -> bool:
        """Whether anything is recorded."""
        return self._events is not None and not self._finished

    @property
    def state(self) -> str:
        """The trainer's state as last written."""
        return self._state

    @property
    def last_step(self) -> Optional[int]:
        """The last step that was ended or begun; None before the first."""
        return self._step

    # What the trainer can do

    def on(self, command: str, handler: Handler) -> None:
        """Give the function that carries out `checkpoint` or `validate`; it is called at a boundary."""
        self._handlers[command] = handler

    def adjustable(
        self,
        name: str,
        *,
        get: Callable[[], Any],
        set: Callable[[Any], Any],
        min: Optional[float] = None,
        max: Optional[float] = None,
        applies: str = "live",
    ) -> None:
        """Announce a hyperparameter, how to read and to change it, and its bounds."""
        self._adjustable[name] = {"get": get, "set": set, "min": min, "max": max, "applies": applies}

    def ready(self) -> None:
        """Send `hello`: from here on commands are obeyed. The first `steps`, `boundary` or `log` implies it."""
        if not self.active:
            return
        hello = self._hello_fields()
        if hello == self._hello:
            return
        assert self._events is not None
        self._hello = hello
        self._heart.capabilities = set(hello["capabilities"])
        self._events.write("hello", hello, durable=True)
        if self._state == "preparing":
            self._move("running")
        self._heart.listening = True

    def describe(self, **facts: Any) -> None:
        """Complete what `start` was told, under its argument names, and say `hello` with it; None changes nothing.

        For frameworks, which know their plan only after the run began, and which end their loop on `should_stop`.
        """
        self._plan.complete(facts)
        self._steps_per_epoch = self._plan.steps_per_epoch
        self._stops_loop = True
        if self.active:
            self._heart.fields.total_epochs = self._plan.v1_total_epochs
            self.ready()

    def _hello_fields(self) -> Dict[str, Any]:
        capabilities = [c for c in self._plan.capabilities if c != "stop" or self._stops_loop]
        adjustable = {
            name: {"value": entry["get"](), "min": entry["min"], "max": entry["max"], "applies": entry["applies"]}
            for name, entry in self._adjustable.items()
        }
        me = Identity.current()
        assert self.dir is not None
        known: Dict[str, Any] = {"run_id": self.dir.run_id, "pid": me.pid, "host": me.host}
        optional = {**self._plan.facts(), "steps_per_epoch": self._steps_per_epoch}
        known.update({key: value for key, value in optional.items() if value is not None})
        return {**known, "capabilities": capabilities, "adjustable": adjustable}

    # The loop

    def steps(self, loader: Iterable[Batch]) -> Iterator[Tuple[int, Batch]]:
        """Yield `(step, batch)` for one pass over `loader`; each turn ends an optimizer step.

        Steps count from 0 over all passes. Pause holds between two steps, stop ends the iteration (also that of later
        passes). Call it once an epoch, or once with an iterable that spans all epochs.
        """
        if self._steps_per_epoch is None and self._passes == 0:
            with contextlib.suppress(TypeError):
                self._steps_per_epoch = len(loader)  # type: ignore[arg-type]
        self._stops_loop = True
        self.ready()
        if self.should_stop:
            return
        for batch in loader:
            step = self._next_step
            self._step = step
            yield step, batch
            self._next_step = step + 1
            self.boundary(step)
            if self.should_stop:
                return
        self._passes += 1

    def boundary(self, step: int, epoch: Optional[float] = None) -> None:
        """End optimizer step `step`: commands take effect here. Look at `should_stop` afterwards."""
        if not self.active:
            return
        if not self._stops_loop:
            self._stops_loop = True
            self.ready()
        if step.__class__ is not int or step < 0:
            clean = self._clean.step(step)
            step = self._next_step if clean is None else clean
        if epoch is not None:
            epoch = self._clean.number("epoch", epoch)
        self._next_step = step + 1
        self._mark(step, epoch)

    def _mark(self, step: int, epoch: Optional[float]) -> None:
        self._step = step
        heart = self._heart
        heart.pace.mark()
        fields = heart.fields
        if epoch is None or self._plan.by_steps:
            epoch = self._epoch_after(step)
        if epoch is not None and 0.0 <= epoch < float("inf"):
            fields.epoch = min(float(epoch), fields.total_epochs or float(epoch))
        heart.touch()
        if heart.accepted:
            self._obey()
        if self._state == "running":
            fields.message = self._progress_message()

    def _epoch_after(self, step: int) -> Optional[float]:
        if self._plan.by_steps:
            return (step + 1) / self._plan.by_steps
        if self._steps_per_epoch:
            return (step + 1) / self._steps_per_epoch
        return float(self._passes) if self._passes else None

    def _epoch_at(self, step: int) -> Optional[float]:
        return step / self._steps_per_epoch if self._steps_per_epoch else None

    def _progress_message(self) -> str:
        if self._bad_loss:
            return self._bad_loss
        epoch, total = self._heart.fields.epoch, self._heart.fields.total_epochs
        step = self._step or 0
        if not self._steps_per_epoch or not self._plan.total_epochs:
            of = f"/{self._plan.total_steps}" if self._plan.total_steps else ""
            return f"step {step}{of}"
        shown = min(int(epoch) + 1, max(1, round(total)))
        within = round((epoch - (shown - 1)) * self._steps_per_epoch)
        return f"epoch {shown}/{total:g}, step {within}/{self._steps_per_epoch}"

    # Numbers and facts

    def log(
        self,
        values: Mapping[str, Any],
        step: Optional[int] = None,
        epoch: Optional[float] = None,
        tokens: Optional[int] = None,
        samples: Optional[int] = None,
    ) -> None:
        """Append numbers of one step; when this returns they survive SIGKILL.

        `values` maps slash-paths to numbers (`loss` alone means `train/loss`); NaN and infinity are kept. Without
        `step` it is the current one of `steps`, else every call is a step of its own. `tokens` and `samples` are counts
        since the last call and become `train/tokens_per_second` and `train/samples_per_second`.
        """
        if not self.active:
            return
        assert self._events is not None
        if self._hello is None:
            self.ready()
        if step is not None and (step.__class__ is not int or step < 0):
            step = self._clean.step(step)
        if epoch is not None:
            epoch = self._clean.number("epoch", epoch)
        own_step = not self._stops_loop and (step is None or step != self._step)
        if step is None:
            step = self._next_step
        if own_step:
            self._next_step = step + 1
        if values.__class__ is not dict:
            values = self._clean.numbers(values)
        for value in values.values():
            if value.__class__ not in PLAIN:
                values = self._clean.numbers(values)
                break
        if tokens is not None or samples is not None or "loss" in values:
            values = self._with_rates(values, tokens, samples)
        self._events.metrics(values, step, self._epoch_at(step) if epoch is None else epoch, self._heart.log_offset)
        if "train/loss" in values:
            self._note_loss(values["train/loss"], step)
        if own_step:
            self._mark(step, epoch)

    def _with_rates(self, values: Mapping[str, Any], tokens: Optional[int], samples: Optional[int]) -> Dict[str, Any]:
        values = dict(values)
        if "loss" in values:
            values.setdefault("train/loss", values.pop("loss"))
        counts = {"tokens": tokens, "samples": samples}
        for name, count in self._clean.numbers({k: v for k, v in counts.items() if v is not None}).items():
            rate = self._rates[name].add(count)
            if rate is not None:
                values.setdefault(f"train/{name}_per_second", rate)
        return values

    def _note_loss(self, loss: float, step: int) -> None:
        if abs(loss) <= LARGEST:
            self._heart.fields.loss = float(loss)
            self._bad_loss = ""
        elif not self._bad_loss:
            self._bad_loss = f"loss is {'NaN' if loss != loss else 'infinite'} since step {step}"
            self._heart.fields.message = self._bad_loss
            self.alert("critical", "non_finite_loss", self._bad_loss, value=loss)

    def alert(self, level: str, code: str, message: str, value: Any = None, threshold: Any = None) -> None:
        """Tell people something; `level` is info, warning or critical."""
        fields = {"level": level, "code": code, "message": message, "value": value, "threshold": threshold}
        self._write("alert", {key: item for key, item in fields.items() if item is not None})

    def sample(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record generated texts: rows of prompt, output and, where known, reference and score."""
        self._write("samples", {"step": step, "rows": list(rows)})

    def checkpoint(
        self,
        step: int,
        path: Optional[str] = None,
        bytes: Optional[int] = None,
        kind: str = "auto",
        manifest: Optional[str] = None,
        failed: Optional[str] = None,
    ) -> None:
        """Record a checkpoint that was published and read back, or with `failed` why it could not be."""
        fields = {"step": step, "path": path, "bytes": bytes, "kind": kind, "manifest": manifest, "failed": failed}
        self._write("checkpoint", {key: item for key, item in fields.items() if item is not None}, durable=True)
        if failed is not None:
            self.alert("warning", "checkpoint_failed", f"checkpoint at step {step} failed: {failed}")

    @contextlib.contextmanager
    def long(self, operation: str, reason: Optional[str] = None) -> Iterator[None]:
        """Declare a long operation, so that its silence is not taken for a stall.

        `validating` and `checkpointing` are states and return whence they came; any other name is only a message.
        """
        if not self.active:
            yield
            return
        before, message = self._state, self._heart.fields.message
        self._heart.fields.message = reason or operation.capitalize()
        moved = operation in ("validating", "checkpointing") and self._move(operation, reason)
        self._heart.touch()
        try:
            with self._no_steps():
                yield
        finally:
            self._heart.fields.message = message
            if moved and self._state == operation:
                self._move(before)

    @contextlib.contextmanager
    def _no_steps(self) -> Iterator[None]:
        """While this lasts no step is due, and the time counts neither as a step's nor in a rate."""
        began = time.perf_counter()
        self._heart.long_operations += 1
        try:
            yield
        finally:
            self._heart.long_operations -= 1
            self._heart.pace.forget_interval()
            if not self._heart.long_operations:
                for rate in self._rates.values():
                    rate.skip(time.perf_counter() - began)

    def _write(self, type_: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        if self.active:
            assert self._events is not None
            self._events.write(type_, fields, durable=durable)

    def _move(self, state: str, reason: Optional[str] = None, error: Optional[Dict[str, Any]] = None) -> bool:
        if not may_move(self._state, state):
            return False
        self._state = state
        extra = {"reason": reason, "error": error}
        self._write("state", {"state": state, **{k: v for k, v in extra.items() if v is not None}}, durable=True)
        self._heart.touch()
        return True

    # Commands, at a boundary

    def _obey(self) -> None:
        heart = self._heart
        while heart.accepted and not self.should_stop:
            command = heart.accepted.popleft()
            if command.command == "pause":
                self._hold(command)
            elif command.command == "stop":
                self._begin_stop(command)
            else:
                heart.answer(command, "applied", step=self._step, detail="it was running already")

    def _hold(self, pause: Command) -> None:
        """Stay here, memory kept, until `resume` or `stop`."""
        heart = self._heart
        self._save_before_pause()
        heart.fields.message = f"Paused at step {self._step}"
        self._move("paused", f"Paused by {pause.issued_by or 'a command'}")
        heart.answer(pause, "applied", step=self._step)
        with self._no_steps():
            while self._state == "paused":
                heart.arrived.wait(1.0)
                heart.arrived.clear()
                while heart.accepted and self._state == "paused":
                    self._obey_while_paused(heart.accepted.popleft())

    def _obey_while_paused(self, command: Command) -> None:
        if command.command == "stop":
            self._begin_stop(command)
        elif command.command == "resume":
            self._move("running", f"Resumed by {command.issued_by or 'a command'}")
            self._heart.answer(command, "applied", step=self._step)
        else:
            self._heart.answer(command, "applied", step=self._step, detail="it was paused already")

    def _begin_stop(self, command: Command) -> None:
        """Ask the loop to end; the command counts as applied when it has, in `finish`."""
        self.should_stop = True
        self.stop_checkpoint = bool(command.args.get("checkpoint", True))
        self._stop_command = command
        self._stopped_by = command.issued_by
        self._heart.fields.message = "Stopping"
        self._move("stopping", f"Stop asked by {command.issued_by or 'a command'}")

    def _save_before_pause(self) -> None:
        save = self._handlers.get("checkpoint")
        if save is None:
            return
        with self.long("checkpointing", "Saving a checkpoint before the pause"):
            try:
                save()
            except Exception as error:  # noqa: BLE001
                # The user's own function: whatever it raises, a failed save must not end the training.
                self.checkpoint(self._step or 0, failed=str(error), kind="pause")

    # The end

    def finish(self, error: Optional[BaseException] = None) -> None:
        """End the attempt: `done`, `cancelled` after a stop, `error` with the exception. Safe to call twice."""
        if not self.active:
            return
        if self._state in ("validating", "checkpointing"):
            # Left without an end, which only an open `long` can be.
            self._move("stopping" if self.should_stop and self._state == "checkpointing" else "running")
        if isinstance(error, KeyboardInterrupt):
            self._stopped_by = "keyboard interrupt"
            error = None
            self._move("stopping", "Keyboard interrupt")
        elif error is None and self._state == "preparing":
            self.ready()
        if error is not None:
            self._end_with_error(error)
        elif self._state == "stopping":
            self._end_stopped()
        else:
            self._end_done()
        self._close()

    def _end_done(self) -> None:
        fields = self._heart.fields
        if not fields.total_epochs:
            fields.total_epochs = fields.epoch
        elif self._epoch_unknown or fields.epoch >= fields.total_epochs - 1e-6:
            fields.epoch = fields.total_epochs
        self._move("done")
        fields.status, fields.message = "done", "Training completed successfully"

    @property
    def _epoch_unknown(self) -> bool:
        return self._step is None or self._epoch_after(self._step) is None

    def _end_stopped(self) -> None:
        self._move("cancelled", f"Stopped by {self._stopped_by or 'a command'}")
        if self._stop_command is not None:
            self._heart.answer(self._stop_command, "applied", step=self._step)
        fields = self._heart.fields
        fields.status, fields.message = "done", f"Stopped by {self._stopped_by or 'a command'}"

    def _end_with_error(self, error: BaseException) -> None:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        info = {"code": type(error).__name__, "message": message, "retryable": False, "traceback": text}
        self._move("error", message, info)
        self._heart.fields.status, self._heart.fields.message = "error", message[:500]

    def _close(self) -> None:
        assert self._events is not None
        self._finished = True
        self._heart.stop()
        for command in self._heart.accepted:
            stopped = command.command == "stop" and self._state == "cancelled"
            self._heart.answer(
                command, "applied" if stopped else "rejected", step=self._step, detail="the training ended first"
            )
        self._events.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            error = None
        self.finish(error)


_recording: "weakref.WeakSet[Run]" = weakref.WeakSet()


def _fall_silent_in_child() -> None:
    """A forked child (a DataLoader worker) holds a copy of its parent's run: it records nothing, also not at its exit."""
    for run in list(_recording):
        run._finished = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fall_silent_in_child)
