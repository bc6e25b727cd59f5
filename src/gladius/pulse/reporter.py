"""The run as a training script holds it: `log`, `steps`, `on`, `finish`. Upstream: the loop. Downstream: voice, steering, saving.

Nothing here raises into a training loop. When recording is impossible the run is inactive and its methods do nothing.
Past 400 lines because it is all that a script sees of Gladius, and half of it says what each method promises.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from gladius.pulse.adjust import Adjustable, Adjustables, Change
from gladius.pulse.checkpoints import Sealed, read_facts
from gladius.pulse.crew import Conductor, Follower, Ranks, explained
from gladius.pulse.failures import describe
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.loop import Loop
from gladius.pulse.plan import Plan
from gladius.pulse.preempt import Preemption
from gladius.pulse.probe import Probe
from gladius.pulse.rundir import RunDir
from gladius.pulse.saving import Policy, Saver
from gladius.pulse.steering import POLICIES, Steering
from gladius.pulse.values import STEPS_END, Cleaner, Rate
from gladius.pulse.voice import Voice

Batch = TypeVar("Batch")

COMMANDS = ("pause", "resume", "stop", "checkpoint", "validate", "set", "reload_config")
_ALONE_AMONG_OTHERS = "several processes train and decide nothing together; torch_ranks.join(run) enables this."
_LEFT_OUT = "the script left it out of its capabilities."


class Run:
    """One attempt of a run, seen from inside the trainer. Made by `gladius.start`.

    `resume_from` is the checkpoint folder that this attempt shall go on from, None for one that begins anew; a trainer
    that loaded it says so with `resumed`. `overrides` is what a person changed for this attempt, by configuration key
    or name: those that name an adjustable are applied by `ready`, after whatever a checkpoint brought.
    """

    def __init__(
        self,
        directory: Optional[RunDir],
        attempt: int,
        lock: Optional[FileLock],
        plan: Plan,
        resume_from: Optional[str] = None,
        overrides: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.dir = directory
        self.attempt = attempt
        self.resume_from = resume_from
        self.overrides: Mapping[str, Any] = dict(overrides or {})
        self._plan = plan
        self._lock = lock
        self._adjustables = Adjustables(self.overrides)
        self._hello: Optional[Dict[str, Any]] = None
        self._loop = Loop()
        self._attending = threading.Lock()
        self._steps_per_epoch = plan.steps_per_epoch
        self._finished = directory is None
        self._rates = {"tokens": Rate(), "samples": Rate()}
        self._clean = Cleaner()
        self._handlers: Dict[str, Callable[..., Any]] = {}
        self._reasons: Dict[str, str] = {}
        self._ranks: Optional[Ranks] = None
        self._crew: Optional[Conductor] = None
        self._follower: Optional[Follower] = None
        self._led: Union[Steering, Follower, None] = None
        self._preemption: Optional[Preemption] = None
        self._probe: Optional[Probe] = None
        if directory is None:
            return
        self._voice = Voice(directory, self._loop, attempt, plan.v1_total_epochs)
        self._voice.clocks += self._rates.values()
        self._events = self._voice.events
        self._heart = self._voice.heart
        self._probe = Probe.of_environment()
        if self._probe is not None:
            self._voice.clocks.append(self._probe.rate)
        self._loop.asks = self._loop.always_asks = self._probe is not None
        identity = {"run_id": directory.run_id, "attempt": attempt}
        self._saver = Saver(self._voice, self._adjustables, directory.checkpoints, identity)
        self._saver.saves = self._probe is None
        self._steering = Steering(self._voice, self._adjustables, self._saver)
        self._led = self._steering
        self._steering.log = lambda values: self.log(values, step=self._loop.begun or 0)
        self._preemption = Preemption(self._loop.ask, attempt)
        self._heart.look = self._look
        self._heart.each_second = self._ask_whether_resumed
        self._heart.start()
        if plan.resumed_from:
            self.resumed(**plan.resumed_from)
        _recording.add(self)

    @property
    def active(self) -> bool:
        """Whether anything is recorded."""
        return not self._finished

    @property
    def follows(self) -> bool:
        """Whether this is another rank's side of a run that rank 0 records, and not finished."""
        return self._follower is not None

    @property
    def state(self) -> str:
        """The trainer's state as last written."""
        return self._voice.state if self.dir is not None else "preparing"

    @property
    def last_step(self) -> Optional[int]:
        """The last step that was ended or begun; None before the first."""
        return self._loop.begun

    @property
    def should_stop(self) -> bool:
        """Whether the loop must end now: a stop, a release or a policy asked for it."""
        return self._led is not None and self._led.should_stop

    @property
    def probed(self) -> bool:
        """Whether a few steps are measured and nothing else: no evaluation and no checkpoint is wanted."""
        return self._probe is not None

    @property
    def stop_checkpoint(self) -> bool:
        """Whether the stop wants a final checkpoint; a trainer that gave `on("checkpoint")` has saved it by then."""
        return self._led is None or self._led.stop_checkpoint

    @property
    def released(self) -> bool:
        """Whether the loop ends to free the memory: the checkpoint is saved, the run will be resumed from it."""
        return self._led is not None and self._led.released

    # Several processes

    @property
    def ranks(self) -> Optional[Ranks]:
        """The processes that are steered together, after `join`; None for one that is alone."""
        return self._ranks

    def join(self, ranks: Ranks) -> None:
        """Take every decision with the other processes of this job; called on all of them, before the first step.

        Rank 0 reads the mailbox and decides at the end of a step, and every rank does the same at the end of that very
        step: so each must call `steps`, `boundary` and `save` at the same places, and give its own functions with `on`
        and `adjustable`, which are called on every rank at once. What they return counts on rank 0. Where rank 0
        records nothing, nothing is steered. `gladius.integrations.torch_ranks.join` does all this for torch.
        """
        told = {"steered": self.active, "checkpoint": self.resume_from, "overrides": dict(self.overrides)}
        told = ranks.share(told)
        self._ranks = ranks
        mode = "multi_node" if len({member.host for member in ranks.members}) > 1 else "distributed"
        processes = [member.as_dict() for member in ranks.members]
        self.describe(world_size=ranks.size, mode=mode, ranks=processes, ready=False)
        if not told["steered"]:
            return
        if ranks.rank == 0:
            self._crew = Conductor(ranks)
            self._loop.asks = self._loop.always_asks = True
            self._steering.conduct(self._crew)
        else:
            self.resume_from, self.overrides = told["checkpoint"], told["overrides"]
            self._adjustables.take_overrides(self.overrides)
            self._led = self._follower = Follower(ranks, self._handlers, self._adjustables)
            self._preemption = Preemption(self._follower.accepted.append, self.attempt)
        if "checkpoint" in self._handlers and self._preemption is not None:
            self._preemption.listen()
        self._say_hello_again()

    def gather(self, value: Any) -> List[Any]:
        """Return the values of all ranks, by rank, on every rank; all must call it. Alone, the one value."""
        return [value] if self._ranks is None else self._ranks.gather(value)

    # What the trainer can do

    def on(
        self,
        command: str,
        handler: Callable[..., Any],
        *,
        every_steps: Optional[int] = None,
        every_minutes: Optional[float] = None,
        keep_last: Optional[int] = None,
        keep_best: Optional[str] = None,
        publish_to: Union[str, "os.PathLike[str]", None] = None,
        contents: Iterable[str] = (),
        splits: Iterable[str] = ("eval",),
        file: Union[str, "os.PathLike[str]", None] = None,
    ) -> None:
        """Give the function that carries out a command; it is called at a boundary, with random states preserved.

        Args:
            command: `checkpoint`, `validate` or `reload_config`.
            handler: for `checkpoint` a function of the folder to write into, or one without arguments that returns the
                folder which it wrote; for `validate` a function of the split that returns metrics by name (one without
                a slash gets the split in front); for `reload_config` one that returns the configuration file as it is
                now, dotted keys and values.
            every_steps, every_minutes: save periodically; people may change both while the training runs.
            keep_last: how many of the newest checkpoints stay, besides those that people asked for; None keeps all.
            keep_best: a metric whose best checkpoint stays too: `eval/loss`, or `-eval/accuracy` where higher is better.
                It counts for a checkpoint when it was logged at its step, before it was saved.
            publish_to: where checkpoints appear as `step-N`, on the same file system; by default in the run's folder.
                A folder that the handler returned stays where it is unless this is given.
            contents: what such a checkpoint holds, out of model, optimizer, scheduler, scaler, random_states,
                data_position, counters: people are told before they resume.
            splits: what `validate` can evaluate on, out of eval and test.
            file: the configuration file that `reload_config` reads, so that people can be shown what it says.

        Raises:
            ValueError: another command, or a cadence that is none.

        """
        if command not in ("checkpoint", "validate", "reload_config"):
            raise ValueError(f"a run calls functions for checkpoint, validate and reload_config, not for {command!r}")
        self._handlers[command] = handler
        self._reasons.pop(command, None)
        if command == "checkpoint" and self._preemption is not None and not self._is_alone_among_others:
            self._preemption.listen()
        if not self.active:
            return
        if command == "checkpoint":
            target = Path(publish_to) if publish_to is not None else None
            policy = Policy(handler, target, keep_last, keep_best, tuple(contents))
            self._saver.use(policy, every_steps, every_minutes)
        elif command == "validate":
            self._steering.validate, self._steering.splits = handler, tuple(splits)
        else:
            self._steering.read_config = handler
            self._plan.config_file = os.path.abspath(file) if file is not None else None
        self._say_hello_again()

    def cannot(self, command: str, reason: str) -> None:
        """Say why this training cannot obey `command`, or one way of it (`validate:test`, `pause:release`).

        People read it beside the control that is disabled for it. A function given with `on` later takes it back.
        """
        self._reasons[command] = reason
        self._say_hello_again()

    def adjustable(
        self,
        name: str,
        *,
        get: Callable[[], Any],
        set: Callable[[Any], Any],
        min: Optional[float] = None,
        max: Optional[float] = None,
        applies: str = "live",
        key: str = "",
        label: str = "",
    ) -> None:
        """Announce a hyperparameter, how to read and to change it, and its bounds.

        `applies` is `live`, `next_checkpoint`, or `restart` for one that is shown but can only be changed by going on
        from a checkpoint; `key` is its key in the configuration file, `label` what people see. A `set` that raises
        leaves the value as it was. Raises ValueError for another `applies`.
        """
        self._adjustables.add(Adjustable(name, get, set, min, max, applies, key, label))
        self._say_hello_again()

    def on_bad_loss(self, policy: str, rate_factor: float = 0.5) -> None:
        """Say what a loss that is NaN or infinite leads to, at the boundary after it was logged.

        `warn` tells people, `pause` holds, `stop` ends the run as an error, `rollback` ends it and asks for a new attempt
        from the last checkpoint before it, with the learning rate times `rate_factor`. Raises ValueError for another.
        """
        if policy not in POLICIES:
            raise ValueError(f"the policy for a bad loss is one of {', '.join(POLICIES)}; got {policy!r}")
        if self.active:
            self._steering.policy, self._steering.rate_factor = policy, rate_factor

    def resumed(self, checkpoint: Union[str, "os.PathLike[str]", None], step: int) -> None:
        """Tell that this attempt goes on from `checkpoint`, whose last step was `step`: the next one is `step + 1`."""
        self._plan.resumed_from = {
            "checkpoint": os.fspath(checkpoint) if checkpoint is not None else None,
            "step": step,
        }
        self._loop.step, self._loop.begun, self._loop.next_step = step, step, step + 1
        if self.active:
            self._steering.began_at = step
            self._saver.plan_next(step)
            self._show_epoch_of(checkpoint)
            self._say_hello_again()

    def _show_epoch_of(self, checkpoint: Union[str, "os.PathLike[str]", None]) -> None:
        """Until a step has ended, the run is where its checkpoint was saved, and not at epoch 0."""
        epoch = read_facts(Path(checkpoint)).get("epoch") if checkpoint is not None else None
        if isinstance(epoch, (int, float)) and 0 <= epoch < float("inf"):
            self._heart.fields.epoch = float(epoch)
            self._heart.touch()

    def ready(self) -> None:
        """Send `hello`: from here on commands are obeyed. The first `steps`, `boundary` or `log` implies it."""
        if self._follower is not None:
            self._adjustables.override()  # as rank 0 does, which tells of it
            self._hello = {}
        if not self.active:
            return
        outcomes = self._adjustables.override()
        hello = self._hello_fields()
        if hello != self._hello:
            self._hello = hello
            self._heart.capabilities = set(hello["capabilities"])
            self._events.write("hello", hello, durable=True)
            if self._voice.state == "preparing":
                self._voice.move("running")
            self._heart.listening = True
        for name, outcome in outcomes:
            if isinstance(outcome, Change):
                self._steering.tell_change(outcome, "the settings of this attempt")
            else:
                self.alert("warning", "override_refused", f"{name} stays as it is: {outcome}")

    def _say_hello_again(self) -> None:
        if self._hello is not None:
            self.ready()

    @property
    def _is_alone_among_others(self) -> bool:
        """Whether this is one process of several that decide nothing together: it must neither hold nor leave."""
        return self._plan.shared and self._ranks is None

    def describe(self, first_step: Optional[int] = None, ready: bool = True, **facts: Any) -> None:
        """Complete what `start` was told, under its argument names, and say `hello` with it; None changes nothing.

        For frameworks, which know their plan only after the run began, and which end their loop on `should_stop`.
        `first_step` is 1 for those that call their first step so; without `ready`, `hello` waits.
        """
        self._plan.complete(facts)
        self._steps_per_epoch = self._plan.steps_per_epoch
        self._loop.is_stepped = True
        if not self.active:
            if ready:
                self.ready()
            return
        if first_step is not None:
            self._saver.first_step = first_step
            self._saver.plan_next(self._loop.begun)
        if facts.get("resumed_from"):
            self.resumed(**facts["resumed_from"])
        self._heart.fields.total_epochs = self._plan.v1_total_epochs
        if ready:
            self.ready()

    def _hello_fields(self) -> Dict[str, Any]:
        me = Identity.current()
        assert self.dir is not None
        known: Dict[str, Any] = {"run_id": self.dir.run_id, "pid": me.pid, "host": me.host}
        optional = {**self._plan.facts(), "steps_per_epoch": self._steps_per_epoch}
        known.update({key: value for key, value in optional.items() if value is not None})
        able = [] if self._is_alone_among_others else self._steering.capabilities(self._loop.is_stepped)
        allowed = self._plan.capabilities
        capabilities = able if allowed is None else [name for name in able if name in allowed]
        if "pause" in capabilities:
            known["pause_modes"] = self._steering.pause_modes
        if "validate" in capabilities:
            known["splits"] = list(self._steering.splits)
        reasons = self._reasons_against(able, capabilities)
        if reasons:
            known["reasons"] = reasons
        return {**known, "capabilities": capabilities, "adjustable": self._adjustables.hello()}

    def _reasons_against(self, able: Sequence[str], capabilities: Sequence[str]) -> Dict[str, str]:
        """Why some commands are not obeyed, as far as that is known here; the others were given no function."""
        if self._is_alone_among_others:
            return dict.fromkeys(COMMANDS, _ALONE_AMONG_OTHERS)
        left_out = {name: _LEFT_OUT for name in able if name not in capabilities}
        return {**{name: why for name, why in self._reasons.items() if name not in capabilities}, **left_out}

    def _ask_whether_resumed(self) -> None:
        """A trainer that was to go on from a checkpoint and does not say that it did may have begun anew."""
        if self.resume_from and self._plan.resumed_from is None and self._loop.ended:
            self._plan.resumed_from = {}
            message = f"This trainer was to go on from {self.resume_from} and did not say that it did."
            self.alert("warning", "not_resumed", message + " It may have begun anew: see run.resume_from, run.resumed.")

    # The loop

    def steps(self, loader: Iterable[Batch]) -> Iterator[Tuple[int, Batch]]:
        """Yield `(step, batch)` for one pass over `loader`; each turn ends an optimizer step.

        Steps count from 0 over all passes, after a resume from where it went on. Pause holds between two steps, stop
        ends the iteration (also that of later passes). Call it once an epoch, or once with an iterable that spans all
        epochs.
        """
        if self._steps_per_epoch is None and self._loop.passes == 0:
            with contextlib.suppress(TypeError):
                self._steps_per_epoch = len(loader)  # type: ignore[arg-type]
        self._loop.is_stepped = True
        self.ready()
        if self.should_stop:
            return
        for batch in loader:
            step = self._loop.begun = self._loop.next_step
            yield step, batch
            self._loop.next_step = step + 1
            self.boundary(step)
            if self.should_stop:
                return
        self._loop.passes += 1

    def boundary(self, step: int, epoch: Optional[float] = None) -> None:
        """End optimizer step `step`: commands take effect here. Look at `should_stop` afterwards."""
        if self._finished:
            if self._follower is not None:
                self._loop.begun, self._loop.next_step = step, step + 1
                self._follower.follow(step)
            return
        if not self._loop.is_stepped:
            self._loop.is_stepped = True
            self.ready()
        if step.__class__ is not int or not 0 <= step < STEPS_END:
            clean = self._clean.step(step)
            step = self._loop.next_step if clean is None else clean
        if epoch is not None and epoch.__class__ is not float:
            epoch = self._clean.number("epoch", epoch)
        self._loop.next_step = step + 1
        if self._loop.end(step, epoch):
            self._attend(step, epoch)

    def _attend(self, step: int, epoch: Optional[float]) -> None:
        """Do at a boundary what the loop asks for. What people see of a step the heart's thread puts together, in `_look`.

        One at a time: a function of the script that ends a step itself, or another thread, finds it under way and goes
        on. What is asked for meanwhile is done at the next boundary. Only a pause holds every thread that ends a step.
        """
        held = self._voice.state == "paused" and threading.get_ident() not in self._loop.handled
        if not self._attending.acquire(blocking=held):
            return
        try:
            if self._probe is not None:
                self._events.metrics(self._probe.end_of_step(), step, epoch, self._loop.log_offset)
                self._probe.hold()
            if self._crew is not None:
                self._crew.step = step
            with self._loop.handling():
                self._steering.boundary(step)
            if self._crew is not None:
                self._crew.close(self._steering.last_word)
        finally:
            self._attending.release()

    def _look(self) -> str:
        """Bring the status's epoch up to date, and return where the loop is, for people; a step counts when it ended."""
        step, epoch = self._loop.step, self._loop.epoch
        if step is not None and (epoch is None or self._plan.by_steps):
            epoch = self._epoch_after(step)
        fields = self._heart.fields
        if epoch is not None and 0.0 <= epoch < float("inf"):
            fields.epoch = min(float(epoch), fields.total_epochs or float(epoch))
        return self._place(step)

    def _epoch_after(self, step: int) -> Optional[float]:
        if self._plan.by_steps:
            return (step + 1) / self._plan.by_steps
        if self._steps_per_epoch:
            return (step + 1) / self._steps_per_epoch
        return float(self._loop.passes) if self._loop.passes else None

    def _place(self, step: Optional[int]) -> str:
        if self._loop.suspect:
            return self._loop.suspect
        if self._voice.state != "running" or step is None:
            return self._heart.fields.message
        epoch, total = self._heart.fields.epoch, self._heart.fields.total_epochs
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
        if self._finished:
            return
        if self._hello is None:
            self.ready()
        if step is not None and (step.__class__ is not int or not 0 <= step < STEPS_END):
            step = self._clean.step(step)
        if epoch is not None:
            epoch = self._clean.number("epoch", epoch)
        loop = self._loop
        own_step = not loop.is_stepped and (step is None or step != loop.step)
        if loop.handled and (me := threading.get_ident()) in loop.handled:
            own_step, step = False, loop.handled[me] if step is None else step
        if step is None:
            step = loop.next_step
        if own_step:
            loop.next_step = step + 1
        finite = values.__class__ is dict
        for name, value in values.items() if finite else ():
            known = name.__class__ is str and (value.__class__ is float or value.__class__ is int)
            if not known or value - value != 0.0:
                finite = False
                break
        if not finite or tokens is not None or samples is not None or "loss" in values:
            values = self._with_rates(values if finite else self._clean.numbers(values), tokens, samples)
            finite = all(value - value == 0.0 for value in values.values())
        at = step / self._steps_per_epoch if epoch is None and self._steps_per_epoch else epoch
        self._events.metrics(values, step, at, loop.log_offset, finite)
        if "train/loss" in values:
            loss = values["train/loss"]
            if finite and loss.__class__ is float and not loop.suspect:
                loop.loss, loop.loss_step = loss, step
            else:
                self._steering.logged_loss(loss, step)
        if loop.watched and loop.watched in values:
            self._saver.note(values[loop.watched], step)
        if own_step and loop.end(step, epoch):
            self._attend(step, epoch)

    def _with_rates(self, values: Mapping[str, Any], tokens: Optional[int], samples: Optional[int]) -> Dict[str, Any]:
        values = dict(values)
        if "loss" in values:
            values.setdefault("train/loss", values.pop("loss"))
        counts = {"tokens": tokens, "samples": samples}
        for name, told in counts.items():
            count = self._clean.number(name, told) if told is not None else None
            rate = self._rates[name].add(count) if count is not None else None
            if rate is not None:
                values.setdefault(f"train/{name}_per_second", rate)
        return values

    def bad_loss(self, value: float, step: Optional[int] = None) -> None:
        """Tell of a loss that is not finite before it is logged, as a check of each step finds it.

        `step` is the one that had it; without it, the last step that was ended or begun.
        """
        if self.active:
            if step is None:
                step = self._loop.next_step if self._loop.begun is None else self._loop.begun
            self._steering.bad_loss(value, step)

    def alert(self, level: str, code: str, message: str, value: Any = None, threshold: Any = None) -> None:
        """Tell people something; `level` is info, warning or critical."""
        if self.active:
            self._voice.alert(level, code, message, value, threshold)

    def sample(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record generated texts: rows of prompt, output and, where known, reference and score."""
        if self.active:
            self._voice.write("samples", {"step": step, "rows": list(rows)})

    @contextlib.contextmanager
    def long(self, operation: str, reason: Optional[str] = None) -> Iterator[None]:
        """Declare a long operation, so that its silence is not taken for a stall.

        `validating` and `checkpointing` are states and return whence they came; any other name is only a message.
        """
        if not self.active:
            yield
            return
        with self._voice.long(operation, reason):
            yield

    # Checkpoints

    def save(self, kind: str = "auto") -> Optional[Sealed]:
        """Save now, between two steps, through the function that `on("checkpoint")` was given.

        Returns the verified checkpoint; None when it failed, which is told as an event, or when there is no function, and
        on ranks other than 0.
        """
        if self._follower is not None:
            self._follower.follow(self._crew_step)
        if not self.active:
            return None
        if self._crew is not None:
            self._crew.step = self._crew_step
        with self._loop.handling():
            sealed = self._saver.save(kind)
        if self._crew is not None:
            self._crew.close(self._steering.last_word)
        return sealed

    @property
    def _crew_step(self) -> int:
        return -1 if self._loop.begun is None else self._loop.begun

    def publish(self, folder: Union[str, "os.PathLike[str]"], step: int, kind: str = "auto") -> Optional[Sealed]:
        """Verify, publish and tell a folder that a framework has just saved by itself; None when that failed."""
        return self._saver.publish(Path(folder), step, kind) if self.active else None

    def checkpoint(
        self,
        step: int,
        path: Optional[str] = None,
        bytes: Optional[int] = None,
        kind: str = "auto",
        manifest: Optional[str] = None,
        failed: Optional[str] = None,
    ) -> None:
        """Record a checkpoint that was published and read back elsewhere, or with `failed` why it could not be."""
        if not self.active:
            return
        fields = {"step": step, "path": path, "bytes": bytes, "kind": kind, "manifest": manifest, "failed": failed}
        self._voice.write("checkpoint", fields, durable=True)
        if failed is not None:
            self.alert("warning", "checkpoint_failed", f"checkpoint failed at step {step}: {failed}")

    # The end

    def finish(self, error: Optional[BaseException] = None) -> None:
        """End the attempt: `done`, `cancelled` after a stop, `released`, `error` with the exception. Safe to call twice."""
        if self._follower is not None and self._preemption is not None:
            self._preemption.forget()
            self._follower = None
        if not self.active:
            return
        self._look()
        if self.state in ("validating", "checkpointing") and not self.released:
            # Left without an end, which only an open `long` can be.
            self._voice.move("stopping" if self.should_stop and self.state == "checkpointing" else "running")
        if isinstance(error, KeyboardInterrupt):
            self._steering.stopped_by = "Stopped by keyboard interrupt"
            error = None
            if not self.released:  # what is saved and leaving cannot be left any faster
                self._voice.move("stopping", "Keyboard interrupt")
        elif error is None and self.state == "preparing":
            self.ready()
        if error is not None:
            self._end_with_error(describe(explained(error, self._ranks)))
        elif self._steering.failure is not None:
            self._end_with_error(self._steering.failure)
        elif self.released:
            self._end("released", "idle", f"Released at step {self._loop.begun}", self._steering.stopped_by)
        elif self.state == "stopping":
            self._end("cancelled", "done", self._steering.stopped_by or "Stopped", self._steering.stopped_by)
        else:
            self._end_done()
        self._close()

    def _end(self, state: str, status: str, message: str, reason: Optional[str] = None) -> None:
        self._voice.move(state, reason)
        self._heart.fields.status, self._heart.fields.message = status, message

    def _end_done(self) -> None:
        fields = self._heart.fields
        if not fields.total_epochs:
            fields.total_epochs = fields.epoch
        elif self._epoch_unknown or fields.epoch >= fields.total_epochs - 1e-6:
            fields.epoch = fields.total_epochs
        self._end("done", "done", "Training completed successfully")

    @property
    def _epoch_unknown(self) -> bool:
        return self._loop.begun is None or self._epoch_after(self._loop.begun) is None

    def _end_with_error(self, info: Dict[str, Any]) -> None:
        self._voice.move("error", info["message"], info)
        self._heart.fields.status, self._heart.fields.message = "error", info["message"][:500]

    def _close(self) -> None:
        if self._preemption is not None:
            self._preemption.forget()
        self._heart.stop()
        self._steering.finished(self.state)
        self._finished = True
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
