"""The trainer's background thread: status file, mailbox, durability. Upstream: reporter. Downstream: run directory.

All that may wait for a disk happens here, so that the training loop never does.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Callable, Deque, Dict, List, Optional, Set

from gladius.errors import CommandInvalid
from gladius.pulse.control import Command, Mailbox, check_command
from gladius.pulse.events import EventWriter, events_of_type
from gladius.pulse.loop import Loop
from gladius.pulse.warn import warn
from pulse_wrapper import write_training_status

if TYPE_CHECKING:
    from gladius.pulse.rundir import RunDir

TICK_S = 0.05
KEEP_FRESH_S = 10.0
STALL_MIN_S = 60.0
STALL_STEPS = 10
_MEDIAN_LOOKS = 200


class Pace:
    """How long steps take, and hence how long silence is normal."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._durations: Deque[float] = deque(maxlen=_MEDIAN_LOOKS)
        self._seen = 0
        self._seen_at = time.monotonic()
        self._looking = threading.Lock()

    def look(self) -> None:
        """Take in how long steps took since one was last seen to end: no step reads a clock for this.

        The heart looks at every beat, the training's thread before what is no step.
        """
        with self._looking:
            ended, now = self._loop.ended, time.monotonic()
            if ended == self._seen:
                return
            if self._seen:
                self._durations.append((now - self._seen_at) / (ended - self._seen))
            self._seen, self._seen_at = ended, now

    def forget_interval(self) -> None:
        """Leave out the time since the last look: a hold or a validation is no step."""
        with self._looking:
            self._seen, self._seen_at = self._loop.ended, time.monotonic()

    @property
    def stall_after(self) -> float:
        """Seconds without a boundary that count as a stall: max(60, 10 x median step)."""
        durations = sorted(self._durations)
        return max(STALL_MIN_S, STALL_STEPS * durations[len(durations) // 2]) if durations else STALL_MIN_S

    @property
    def in_normal_silence(self) -> bool:
        """Whether the loop may rightly be silent now, so that the status is kept fresh on its behalf.

        Until the second boundary the model loads and compiles; later a step longer than a minute is expected when the
        median says so.
        """
        if self._seen < 2:
            return True
        return time.monotonic() - self._seen_at < self.stall_after - STALL_MIN_S


class StatusFields:
    """What the next PULSE v1 status will say."""

    def __init__(self) -> None:
        self.status = "running"
        self.epoch = 0.0
        self.total_epochs = 0.0
        self.message = "Preparing"


class Heart(threading.Thread):
    """Beats every 50 ms until `stop`. Daemonic: it never keeps a finished trainer alive.

    `look` brings the fields up to date and says where the loop is, whenever the status is written; `each_second` is
    called once a second; after a step or a `touch` the status is written within two seconds.
    """

    def __init__(self, directory: "RunDir", events: EventWriter, loop: Loop, attempt: int) -> None:
        super().__init__(name="gladius-heart", daemon=True)
        self.fields = StatusFields()
        self.loop = loop
        self.pace = Pace(loop)
        self.long_operations = 0
        self.capabilities: Set[str] = set()
        self.listening = False
        self.arrived = threading.Event()
        self.promising = False
        self._promise = threading.Lock()
        self.directory = directory
        self.attempt = attempt
        self.look: Callable[[], str] = lambda: self.fields.message
        self.dirty = True
        self.each_second: Callable[[], None] = lambda: None
        self._events = events
        self._mailbox = Mailbox(directory.control)
        self._waiting: List[Command] = []
        self._refused_by_disk: List[Command] = []
        self._answered = _answered_ids(directory) if self._mailbox.all() else set()
        self._stopping = threading.Event()
        self._written_at = 0.0
        self._written_of = 0
        self._warned = False
        self._stumbled = False
        self._rewrite_at = 0.0
        self._next_second = 0.0

    def run(self) -> None:
        """Beat. Once a second after the lock was taken, the status is written again over a supervisor's late word."""
        self._rewrite_at = time.monotonic() + 1.0
        while not self._stopping.wait(TICK_S):
            try:
                self._beat(time.monotonic())
            except Exception:  # noqa: BLE001
                # The edge of this thread: whatever one beat meets, the next is not to be missed.
                if not self._stumbled:
                    self._stumbled = True
                    warn("the run's background thread met what it does not know; it goes on", exc_info=True)

    def _beat(self, now: float) -> None:
        self._look_at_log()
        self.pace.look()
        self._read_mailbox()
        if self._rewrite_at and now >= self._rewrite_at:
            self.dirty, self._rewrite_at = True, 0.0
        if now >= self._next_second:
            self._next_second = now + 1.0
            self._waiting, self._refused_by_disk = self._refused_by_disk + self._waiting, []
            try:
                self._events.check_file()
                self._events.sync()
                self.each_second()
            finally:
                self._write_status_if_due(now)
        if self.loop.accepted:
            # Also for what did not come through the mailbox: a signal's handler may not set an event.
            self.arrived.set()

    def touch(self) -> None:
        """Say that something changed: the status is written within two seconds."""
        self.dirty = True

    def stop(self) -> None:
        """End the thread, then write the last status from here, where the training has ended."""
        self._stopping.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout=10)
        self._write_status()

    def _look_at_log(self) -> None:
        try:
            self.loop.log_offset = os.stat(self.directory.console_log).st_size
        except OSError:
            self.loop.log_offset = None

    def _read_mailbox(self) -> None:
        self._waiting += self._mailbox.scan()
        if not self.listening:
            return
        while self._waiting:
            command = self._waiting.pop(0)  # one by one: a beat that fails at this one leaves the others to the next
            if command.id in self._answered:
                continue
            self.promising = self.loop.asks = True
            try:
                with self._promise:
                    self._promise_or_refuse(command)
            finally:
                self.promising = False

    def _promise_or_refuse(self, command: Command) -> None:
        refusal = self._refusal(command)
        if not self.answer(command, "rejected" if refusal else "accepted", detail=refusal):
            # What cannot be promised durably is not begun; the next second may have room for the promise.
            self._refused_by_disk.append(command)
            return
        self._answered.add(command.id)
        if not refusal:
            self.loop.ask(command)

    def await_promise(self) -> None:
        """Wait for a promise that is just being made durable: it is kept at this boundary, not at the one after."""
        with self._promise:
            pass

    def _refusal(self, command: Command) -> Optional[str]:
        if command.attempt != self.attempt:
            return "expired: it was meant for another attempt"
        try:
            check_command(command.command, command.args)
        except CommandInvalid as error:
            return str(error)
        if command.command not in self.capabilities:
            return f"this trainer cannot {command.command}"
        if command.args.get("mode") == "release" and "checkpoint" not in self.capabilities:
            return "this trainer can hold, not release: it has no function that saves a checkpoint"
        return None

    def answer(self, command: Command, state: str, step: Optional[int] = None, detail: Optional[str] = None) -> bool:
        """Write an ack; it is durable when this returns true."""
        fields: Dict[str, object] = {"command_id": command.id, "state": state}
        if step is not None:
            fields["step"] = step
        if detail is not None:
            fields["detail"] = detail
        return self._events.write("ack", fields, durable=True)

    def _write_status_if_due(self, now: float) -> None:
        """Write what has changed; called once a second, however long the disk took for what came before."""
        fresh = self.long_operations > 0 or self.pace.in_normal_silence
        moved = self.dirty or self.loop.ended != self._written_of
        if moved or (fresh and now - self._written_at >= KEEP_FRESH_S):
            self._write_status()

    def _write_status(self) -> None:
        self.dirty, self._written_of = False, self.loop.ended
        self._written_at = time.monotonic()
        path, fields, loop = self.directory.status, self.fields, self.loop
        place = self.look() if fields.status == "running" else fields.message
        message = fields.message if self.long_operations else place
        try:
            write_training_status(path, fields.status, fields.epoch, fields.total_epochs, loop.loss, str(message))
            self._warned = False
        except (OSError, ValueError, TypeError) as error:
            self.dirty = True
            if not self._warned:
                self._warned = True
                warn("%s; training goes on", error)


def _answered_ids(directory: "RunDir") -> Set[str]:
    """The ids of all commands that this run ever answered: none is obeyed twice, nor answered again by a later attempt.

    What a trainer never accepted its supervisor has answered, in its own stream.
    """
    streams = (directory.events, directory.supervisor_events)
    return {str(event.get("command_id")) for stream in streams for event in events_of_type(stream, "ack")}
