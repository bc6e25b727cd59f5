"""Carry out commands at a step boundary. Upstream: heart, which accepted them. Downstream: the script's functions, acks.

A command is `applied` only after its effect; one that could not be carried out is `rejected` with the reason, and the
training goes on.
"""

from __future__ import annotations

import math
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from gladius.errors import CommandInvalid, RankLost
from gladius.pulse.adjust import Adjustables, Change
from gladius.pulse.bounds import refusal
from gladius.pulse.control import Command
from gladius.pulse.crew import GO_ON, RELEASE, STOP, STOP_UNSAVED, Conductor, alone
from gladius.pulse.failures import NON_FINITE_LOSS
from gladius.pulse.preempt import PREEMPT, person_behind
from gladius.pulse.randomness import preserved
from gladius.pulse.saving import Saver
from gladius.pulse.values import Cleaner, in_short
from gladius.pulse.voice import Voice
from gladius.pulse.warn import warn
from pulse_wrapper import safe_read_json

BAD_LOSS = "bad_loss"
"""Our own order to ourselves: the loss is not finite and the policy wants more than a warning."""

POLICIES = ("warn", "pause", "stop", "rollback")
_HOLD_WAKES_S = 1.0


class Steering:
    """What a run was told to do. `should_stop` is for the loop, `released` says that it ends to free the memory."""

    def __init__(self, voice: Voice, adjustables: Adjustables, saver: Saver) -> None:
        self.should_stop = False
        self.stop_checkpoint = True
        self.released = False
        self.stopped_by = ""
        self.failure: Optional[Dict[str, Any]] = None
        self.policy = "warn"
        self.rate_factor = 0.5
        self.validate: Optional[Callable[..., Any]] = None
        self.splits: Tuple[str, ...] = ()
        self.read_config: Optional[Callable[[], Mapping[str, Any]]] = None
        self.log: Callable[[Mapping[str, Any]], None] = lambda _: None
        self.crew: Optional[Conductor] = None
        self.together: Callable[..., Any] = alone
        self.began_at: Optional[int] = None
        self._told_since_log = False
        self._voice = voice
        self._heart = voice.heart
        self._loop = voice.loop
        self._adjustables = adjustables
        self._saver = saver
        self._ending: Optional[Command] = None
        self._as_saved = False
        self._clean = Cleaner()
        self._acts: Dict[str, Callable[[Command], None]] = {
            "pause": self._pause, "resume": self._resume, "stop": self._stop, "checkpoint": self._checkpoint,
            "validate": self._run_validation, "set": self._set, "reload_config": self._reload,
            PREEMPT: self._preempted, BAD_LOSS: self._leave_bad_loss,
        }  # fmt: skip

    def capabilities(self, stops: bool) -> List[str]:
        """The commands that this trainer obeys, by the functions it was given."""
        able = ["pause", "resume"] + (["stop"] if stops else [])
        able += ["checkpoint"] if self._saver.policy is not None else []
        able += ["validate"] if self.validate is not None else []
        able += ["set"] if any(True for _ in self._adjustables) else []
        return able + (["reload_config"] if self.read_config is not None else [])

    @property
    def pause_modes(self) -> List[str]:
        """Only who can save can be released."""
        return ["hold", "release"] if self._saver.policy is not None else ["hold"]

    def conduct(self, crew: Conductor) -> None:
        """Take every decision with the other processes of this job."""
        self.crew, self.together = crew, crew.act
        self._saver.together = self._adjustables.together = crew.act

    @property
    def last_word(self) -> int:
        """How the other processes go on after this boundary."""
        if not self.should_stop:
            return GO_ON
        if self.released:
            return RELEASE
        return STOP if self.stop_checkpoint else STOP_UNSAVED

    # At a boundary

    def boundary(self, step: int) -> None:
        """Carry out what was accepted, and then the periodic save if it was due when this began; one thread at a time."""
        loop, now = self._loop, time.monotonic()
        loop.asks = loop.always_asks  # before anything is looked for: what comes meanwhile asks again
        if self._heart.promising:
            self._heart.await_promise()
        while loop.accepted and not self.should_stop:
            self._obey(loop.accepted.popleft())
        if not self.should_stop and loop.is_save_due(step, now):
            if loop.suspect:
                # The last good checkpoint must not make way for weights that are no numbers.
                self._saver.plan_next(step)
            else:
                self._saver.save("auto")

    def _obey(self, command: Command) -> None:
        self._acts[command.command](command)

    def _answer(self, command: Command, state: str, detail: Optional[str] = None) -> None:
        if command.id:
            self._heart.answer(command, state, step=self._loop.step, detail=detail)

    # Pause

    def _pause(self, command: Command) -> None:
        if command.args.get("mode") == "release":
            self._release(command, f"Released by {_who(command)}")
        elif self._voice.state == "paused":
            self._answer(command, "applied", "it was paused already")
        else:
            detail = None
            if self._saver.policy is not None:
                sealed = self._saver.save("pause")
                self._as_saved = sealed is not None
                detail = (
                    f"held; saved: {sealed.path}" if sealed else f"held without a checkpoint: {self._saver.failure}"
                )
            self._hold(command, f"Paused by {_who(command)}", detail)

    def _hold(self, command: Command, reason: str, detail: Optional[str] = None) -> None:
        """Stay here, memory kept, until `resume`, `stop` or a release."""
        self._voice.progress(f"Paused at step {self._loop.step}")
        self._loop.asks = True  # who ends a step in another thread comes here, too
        self._voice.move("paused", reason)
        with self._voice.no_steps():
            self.together("hold", lambda: None)  # another rank may still be at work on this very step
        self._answer(command, "applied", detail)
        try:
            self._wait_held()
        finally:
            self._as_saved = False

    def _wait_held(self) -> None:
        with self._voice.no_steps():
            while self._voice.state == "paused":
                self._heart.arrived.wait(_HOLD_WAKES_S)
                self._heart.arrived.clear()
                if self.crew is not None:
                    self.crew.hold()
                while self._loop.accepted and self._voice.state == "paused":
                    self._obey(self._loop.accepted.popleft())

    def _resume(self, command: Command) -> None:
        running = self._voice.state != "paused"
        if not running:
            self._voice.move("running", f"Resumed by {_who(command)}")
        self._answer(command, "applied", "it was running already" if running else None)

    def _release(self, command: Command, reason: str) -> None:
        """Save and end the loop; it counts as applied when the script has let go, in `finish`.

        A hold has saved already: where nothing was changed since, that checkpoint is the one to go on from.
        """
        if not (self._as_saved and self._saver.last_is_whole) and self._saver.save("pause") is None:
            self._answer(command, "rejected", f"nothing was released, for the checkpoint failed: {self._saver.failure}")
            return
        # From here on there is nothing to do but to leave, which `checkpointing` alone may do as `released`.
        self._voice.move("checkpointing", reason)
        self._voice.progress("Releasing")
        self.should_stop = self.released = True
        self.stopped_by, self._ending = reason, command

    def _preempted(self, command: Command) -> None:
        """A signal asks for the machine: leave resumable, unless it carries a person's wish to end the run."""
        person = person_behind(self._heart.directory, self._heart.attempt)
        if person is not None:
            self._stop(command._replace(command="stop", args={}, issued_by=person))
            return
        reason = f"Preempted by {command.issued_by}"
        self._release(command, reason)
        if not self.released:
            self._voice.alert(
                "critical", "preempted_unsaved", f"{reason}; the checkpoint failed: {self._saver.failure}"
            )

    # Stop

    def _stop(self, command: Command) -> None:
        """Ask the loop to end after a final checkpoint; it counts as applied when it has, in `finish`."""
        self.stop_checkpoint = bool(command.args.get("checkpoint", True))
        self.stopped_by, self._ending = f"Stopped by {_who(command)}", command
        self._voice.move("stopping", f"Stop asked by {_who(command)}")
        self._voice.progress("Stopping")
        if self.stop_checkpoint and self._saver.policy is not None:
            self._saver.save("final")
        self.should_stop = True

    @property
    def _ending_detail(self) -> Optional[str]:
        if not self.released and not self.stop_checkpoint:
            return None
        if self._saver.failure:
            return f"without a final checkpoint: {self._saver.failure}"
        return f"saved: {self._saver.saved[-1][1]}" if self._saver.saved else None

    def finished(self, state: str) -> None:
        """The attempt has ended in `state`: answer the command that ended it, and those that came too late."""
        if self._ending is not None:
            ended = state in ("cancelled", "released")
            self._answer(self._ending, "applied" if ended else "rejected", self._ending_detail if ended else state)
        for command in list(self._loop.accepted):
            met = command.command == "stop" and state == "cancelled"
            self._answer(command, "applied" if met else "rejected", "the training ended first")

    # Checkpoint, validate, set, reload

    def _checkpoint(self, command: Command) -> None:
        sealed = self._saver.save("manual")
        if sealed is None:
            self._answer(command, "rejected", f"checkpoint failed: {self._saver.failure}")
        else:
            self._as_saved = self._voice.state == "paused"
            self._answer(command, "applied", f"verified: {sealed.path} ({sealed.bytes / 1e6:.1f} MB)")

    def _run_validation(self, command: Command) -> None:
        assert self.validate is not None
        split = str(command.args.get("split", "eval"))
        if split not in self.splits:
            self._answer(command, "rejected", f"this trainer has no {split} split; it has {' and '.join(self.splits)}")
            return
        with self._voice.long("validating", f"Validating on the {split} split"), preserved():
            try:
                validate = self.validate
                told = self.together("validate", lambda: validate(split), split=split)
                values = self._clean.numbers(told or {})
            except RankLost:
                raise
            except Exception as error:  # noqa: BLE001
                # The user's own function: whatever it raises must not end the training.
                warn("the validation failed", exc_info=True)
                reason = f"the validation failed: {type(error).__name__}: {error}"
                self._voice.alert("warning", "validation_failed", reason)
                self._answer(command, "rejected", reason)
                return
            named = {name if "/" in name else f"{split}/{name}": value for name, value in values.items()}
            if named:
                self.log(named)
        self._answer(
            command, "applied", ", ".join(f"{name} {in_short(value)}" for name, value in named.items()) or None
        )

    def _set(self, command: Command) -> None:
        try:
            change = self._adjustables.change(str(command.args["name"]), command.args["value"])
        except CommandInvalid as error:
            self._answer(command, "rejected", str(error))
            return
        self.tell_change(change, _who(command))
        self._answer(command, "applied", str(change))

    def tell_change(self, change: Change, by: str) -> None:
        """Record that a hyperparameter took a new value."""
        step = self._loop.step
        self._as_saved = False
        self._voice.write(
            "hyperparameters", {"name": change.name, "old": change.old, "new": change.new, "step": step, "by": by}
        )

    def _reload(self, command: Command) -> None:
        """Apply the confirmed keys of the config file; what cannot be changed live is named."""
        assert self.read_config is not None
        try:
            file = self.read_config()
        except Exception as error:  # noqa: BLE001
            # The user's own function and file: a broken one must not end the training.
            self._answer(command, "rejected", f"the configuration cannot be read: {error}")
            return
        against = self._against_the_profile(command.args["keys"], file)
        if against:
            self._answer(command, "rejected", f"nothing was applied: {' '.join(against)}")
            return
        changed, refused = [], []
        for key in command.args["keys"]:
            if key not in file:
                refused.append(f"{key} is not in the file")
                continue
            try:
                change = self._adjustables.change(key, file[key])
            except CommandInvalid as error:
                one = self._adjustables.find(key)
                refused.append(error.message if one is not None else f"{key} needs a restart")
            else:
                self.tell_change(change, _who(command))
                changed.append(str(change))
        self._answer(command, "applied" if changed else "rejected", "; ".join(changed + refused))

    def _against_the_profile(self, keys: List[str], file: Mapping[str, Any]) -> List[str]:
        """What the run's profile does not let people set while it trains, be it asked for by a file."""
        bounds = (safe_read_json(self._heart.directory.run_json) or {}).get("bounds")
        found = []
        for given in keys:
            one = self._adjustables.find(given)
            key = one.key or one.name if one is not None else given
            found.append(refusal(bounds, key, file[given]) if given in file else None)
        return [one for one in found if one is not None]

    # A loss that is not finite

    def bad_loss(self, loss: float, step: int) -> None:
        """Note that the loss is no finite number, once until it is finite again; the policy acts at the boundary."""
        self._told_since_log = True
        if self._loop.suspect:
            return
        self._loop.suspect = f"loss is {'NaN' if loss != loss else 'infinite'} since step {step}"
        self._voice.alert("critical", NON_FINITE_LOSS, self._loop.suspect, value=loss)
        if self.policy != "warn":
            self._loop.ask(Command("", BAD_LOSS, self._heart.attempt, issued_by="the loss policy"))

    def logged_loss(self, loss: float, step: int) -> None:
        """Note a loss as it was logged. One that is finite clears the suspicion, unless a bad one was told since the last
        log: then it is an average that hides it. An integer beyond all floats counts as infinite.
        """
        try:
            loss = float(loss)
        except OverflowError:
            loss = math.inf
        if loss - loss != 0.0:
            self.bad_loss(loss, step)
        elif not self._told_since_log:
            self._loop.loss, self._loop.loss_step, self._loop.suspect = loss, step, ""
        self._told_since_log = False

    def _leave_bad_loss(self, command: Command) -> None:
        if self.policy == "pause":
            # Without a checkpoint: these weights are what nobody wants to go on from.
            self._hold(command, f"Paused by the loss policy: {self._loop.suspect}")
            return
        self.should_stop, self.stop_checkpoint = True, False
        self.failure = {"code": NON_FINITE_LOSS, "message": self._loop.suspect, "retryable": True}
        if self.policy == "rollback":
            self._plan_rollback(self.failure)
        self._voice.move("stopping", self.failure["message"])
        self._voice.progress(self.failure["message"])

    def _plan_rollback(self, failure: Dict[str, Any]) -> None:
        """Name the last checkpoint that is known to be good, and a lower rate to go on with.

        A checkpoint holds the weights after its step: only a later step's finite loss tells that they are good. Where
        none came, the one that this attempt began with is under suspicion too.
        """
        rate = self._adjustables.find("learning_rate")
        seen = self._loop.loss_step if self._loop.loss_step is not None else self.began_at
        good = self._saver.last_good(seen - 1, self.began_at) if seen is not None else None
        if good is None or rate is None:
            missing = "no checkpoint from before it" if good is None else "no learning rate that can be lowered"
            failure["message"] += f"; there is {missing} to roll back to"
            return
        lower = float(rate.value()) * self.rate_factor
        failure["restart"] = {"checkpoint": str(good.resolve()), "overrides": {rate.key or rate.name: lower}}
        failure["message"] += f"; to go on from {good.name} with a learning rate of {lower:g}"


def _who(command: Command) -> str:
    return command.issued_by or "a command"
