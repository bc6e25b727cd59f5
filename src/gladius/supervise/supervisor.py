"""Watch over one attempt of one run. Upstream: launch. Downstream: supervisor.jsonl, PULSE v1 before and after the trainer, the record.

It may be killed at any instant: the trainer does not notice, and the next supervisor adopts it.
Past 400 lines because every duty towards one living trainer stands here; what they need to know stands beside it.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gladius.errors import CommandInvalid, RunBusy
from gladius.pulse.control import SUPERVISOR_COMMANDS, Command, Mailbox, check_command
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.identity import Identity, boot_id
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.poller import StatusPoller
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise.alarms import Alarms
from gladius.supervise.closing import clear_half_written, close_attempt, write_for_certain
from gladius.supervise.machine import Gpus, Machine
from gladius.supervise.memory_kills import MemoryKills
from gladius.supervise.observe import Observed
from gladius.supervise.printed import Printed
from gladius.supervise.probe import ProbeLimits
from gladius.supervise.process import Trainer
from gladius.supervise.promises import promised, who_asked_to_end
from gladius.supervise.rollback import prepare_rollback
from gladius.supervise.scrape import Reading
from gladius.supervise.trainer_env import trainer_env
from gladius.supervise.verdict import Verdict, judge_exit, judge_not_started, judge_unobserved, name_rank
from pulse_wrapper import read_training_status, write_training_status

_log = logging.getLogger("gladius.supervise")

TICK_S = 0.2
SAMPLE_S = 2.0
PREPARING_S = 10.0
SILENT_START_S = 30.0
DEFAULT_GRACE_S = 20.0


class Supervisor:
    """Starts or adopts the trainer of one attempt, and stays until it has ended and its record is written."""

    def __init__(self, directory: RunDir, home: Home, attempt: int, gpus: Gpus | None = None) -> None:
        self.directory = directory
        self.home = home
        self.attempt = attempt
        self.facts = directory.read_attempt(attempt)
        self.stream = EventWriter(directory.supervisor_events, attempt)
        self.observed = Observed(directory, attempt)
        self.trainer: Trainer | None = None
        self.stopped_by: str | None = None
        self._mailbox = Mailbox(directory.supervisor_control)
        self._machine = Machine(directory.root, gpus)
        self._alarms = Alarms()
        self._poller = StatusPoller(directory.status)
        self._printed = Printed(directory.console_log)
        self._passed_over = 0
        self._scraped_until = -1
        self._own_state: str | None = None
        self._stalled = False
        self._kill_at: float | None = None
        self._terminates: list[Command] = []
        self._memory_kills = MemoryKills()
        self._started = time.monotonic()
        self._status_written = 0.0
        self._status_dirty = False
        self._next_sample = 0.0
        self._probe = ProbeLimits.of(self.facts)

    # Start or adopt

    def start(self, reason: str | None = None) -> None:
        """Spawn the trainer; one that cannot be started is an attempt that failed. A restart has a reason."""
        if reason is not None:
            self.stream.write("restart", {"reason": reason})
        self._write_status("running", "Preparing ...")
        self._own("preparing")
        console = self.directory.console_log
        offset = console.stat().st_size if console.exists() else 0
        self._printed = Printed(console, offset)
        cwd = Path(self.facts.get("cwd") or self.directory.root)
        try:
            self.trainer = Trainer.spawn(
                self.facts["argv"], trainer_env(self.directory, self.home, self.attempt, self.facts), cwd, console
            )
        except OSError as error:
            self._exited(judge_not_started(error))
            return
        self._process_started(self.trainer.identity, console_offset=offset)

    @property
    def has_started(self) -> bool:
        """Whether this attempt had a process before: who asked for it twice gets it once."""
        events = EventReader(self.directory.supervisor_events)
        return any(event["type"] == "process" and event["attempt"] == self.attempt for event in events)

    def adopt(self) -> None:
        """Take over an attempt whose supervisor is gone, or that never had one."""
        events = [
            e for e in EventReader(self.directory.supervisor_events).read_all() if e.get("attempt") == self.attempt
        ]
        started = [e for e in events if e["type"] == "process" and e.get("event") == "started"]
        exited = [e for e in events if e["type"] == "process" and e.get("event") == "exited"]
        self._scraped_until = max((e.get("log_offset", -1) for e in events if e["type"] == "metrics"), default=-1)
        offset = started[-1].get("console_offset") or 0 if started else 0
        self._printed = Printed(self.directory.console_log, offset)
        # That a person wants the end is known from here on: how the attempt ends is told by it.
        promises = promised(self.directory, self.attempt)
        self._terminates = [one for one in promises if one.command == "terminate"]
        self.stopped_by = who_asked_to_end(self.directory, self.attempt)
        if exited:
            last = exited[-1]
            self._conclude(Verdict(last["verdict"], last.get("evidence", ""), last.get("code"), last.get("signal")))
            return
        identity = Identity.from_dict(started[-1]) if started else None
        if identity is None:
            identity = Identity.from_dict(read_holder(self.directory.trainer_lock) or {})
            if identity is not None and identity.alive():
                self._process_started(identity, console_offset=None)
        if identity is not None and identity.alive() is None:
            raise RunBusy(f"Its trainer runs on {identity.host}.", "Only a supervisor of that machine can watch it.")
        if identity is not None and identity.alive():
            self.trainer = Trainer(identity, None)
            for command in promises:
                self._keep_promise(command)
        else:
            self.observed.read()
            self._exited(judge_unobserved(self.observed.state, bool(self.stopped_by)))

    def _keep_promise(self, command: Command) -> None:
        """Go on with what was accepted: an end is seen through, of a suspension only its effect can be told."""
        assert self.trainer is not None
        if command.command == "terminate":
            self._begin_to_end(command)
            return
        done = self.trainer.suspended is (command.command == "suspend")
        self._answer(command, "applied" if done else "rejected", None if done else "its supervisor was killed first")

    def _process_started(self, identity: Identity, console_offset: int | None) -> None:
        fields: dict[str, Any] = {
            "event": "started", **identity.as_dict(), "supervisor_pid": os.getpid(),
            "argv": self.facts.get("argv", []), "console_offset": console_offset,
        }  # fmt: skip
        fields["boot_id"] = identity.boot_id or boot_id()
        self.stream.write("process", {key: value for key, value in fields.items() if value is not None}, durable=True)

    # Watch

    def watch(self) -> None:
        """Stay until the trainer has ended, then write the record."""
        if self.trainer is None:
            return
        duties = (
            self._obey,
            self._observe,
            self._scrape,
            self._keep_status,
            self._watch_life,
            self._sample,
            self._end_probe,
        )
        while not self.trainer.wait(TICK_S):
            for duty in duties:
                self._attempt_duty(duty)
        self._attempt_duty(self._observe)
        self._attempt_duty(self._scrape_rest)
        self._exited(self._judge())

    def _attempt_duty(self, duty: Callable[[], None]) -> None:
        """One duty that fails (a full disk, a vanished directory) must not end the others."""
        try:
            duty()
        except Exception:  # noqa: BLE001
            _log.exception("%s failed", duty.__name__)

    def _judge(self) -> Verdict:
        assert self.trainer is not None
        self.observed.read()
        if not self.trainer.is_child or self.trainer.code is None:
            return judge_unobserved(self.observed.state, bool(self.stopped_by))
        verdict = judge_exit(self.trainer.code, self._memory_kills.recent, bool(self.stopped_by))
        return name_rank(verdict, self.directory.console_log)

    def _observe(self) -> None:
        self.observed.read()

    def _sample(self) -> None:
        now = time.monotonic()
        if now < self._next_sample:
            return
        self._next_sample = now + (SAMPLE_S if self._probe is None else 0.0)
        assert self.trainer is not None
        self._memory_kills.look()
        console = self.directory.console_log
        size = console.stat().st_size if console.exists() else 0
        sample = self._machine.sample(self.trainer.session, size, self._roots)
        self.stream.write("system", sample)
        for alert in self._alarms.of(sample):
            self.stream.write("alert", alert)
        self.stream.check_file()
        self.stream.sync()

    def _end_probe(self) -> None:
        """Kill a probe that has its steps, or none in all its time: what a trainer does in its end is not wanted of it."""
        why = self._probe.over(self.observed) if self._probe is not None else None
        if why is not None and self.trainer is not None:
            self._probe = None
            self.stopped_by = "the probe"
            self.stream.write("alert", {"level": "info", "code": why, "message": "The probe is over."}, durable=True)
            self._attempt_duty(self._sample)
            self.trainer.signal_group(signal.SIGKILL)

    @property
    def _roots(self) -> list[int]:
        """The trainer and the ranks of its job, as far as they live on this machine."""
        assert self.trainer is not None
        return [one.pid for one in (self.trainer.identity, *self.observed.ranks) if one.alive()]

    def _watch_life(self) -> None:
        """Write when the steps of an instrumented trainer stop coming, and when they come again."""
        self._poller.poll()
        current = self._poller.current
        stalled = self.observed.instrumented and current is not None and current.stale and not self._suspended
        if stalled == self._stalled or current is None:
            return
        self._stalled = stalled
        assert self.trainer is not None
        activity = self._machine.sample(self.trainer.session, 0, self._roots)
        gpus = [gpu["utilisation"] for gpu in activity["gpus"] if gpu["utilisation"] is not None]
        silence = self._poller.silence
        if silence is None:
            silence = max(0.0, time.time() - current.status["timestamp"])
        fields = {"event": "began" if stalled else "ended", "seconds": silence, "limit": 60.0}
        fields["cpu"] = activity["group"]["cpu"] if activity["group"] else None
        fields["gpu"] = max(gpus) if gpus else None
        self.stream.write("stall", fields)

    @property
    def _suspended(self) -> bool:
        return self.trainer is not None and self.trainer.suspended

    # An uninstrumented command

    @property
    def _speaks_for_trainer(self) -> bool:
        """Whether nobody else writes the status: no trainer of this attempt has taken its lock."""
        return (
            not self.observed.instrumented and self.observed.state is None and not is_held(self.directory.trainer_lock)
        )

    def _scrape(self) -> None:
        """Read numbers from the output of a command that does not report itself."""
        if not self.observed.instrumented and self.observed.state is None:
            self._note(self._printed.read())
            self._tell_passed_over(again=False)

    def _scrape_rest(self) -> None:
        """Read what is left of the output of a command that has ended."""
        if not self.observed.instrumented and self.observed.state is None:
            self._note(self._printed.rest())
            self._tell_passed_over(again=True)

    def _tell_passed_over(self, again: bool) -> None:
        """Say that more is printed than can be read: when it begins, and at the end how much that was."""
        count = self._printed.passed_over
        if count > self._passed_over and (again or not self._passed_over):
            self._passed_over = count
            message = (
                f"More is printed than is looked through for numbers: {count / 1e6:,.0f} MB were passed over so far"
            )
            self.stream.write(
                "alert", {"level": "info", "code": "output_passed_over", "message": message, "value": count}
            )

    def _note(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            if reading.offset > self._scraped_until:
                self._own("running")
                self.stream.metrics(reading.values, reading.step, reading.epoch, reading.offset)
            self.observed.note(reading.step, reading.epoch, reading.values.get("train/loss"))
            if self._probe is not None:
                self._probe.see(reading.step)
            self.observed.total_epochs = self._printed.scraper.total_epochs
            self._status_dirty = True

    def _own(self, state: str) -> None:
        if state != self._own_state:
            self._own_state = state
            self.stream.write("state", {"state": state}, durable=True)

    def _keep_status(self) -> None:
        """Write PULSE v1 for as long as the trainer does not."""
        age = time.monotonic() - self._status_written
        if not (age >= PREPARING_S or (self._status_dirty and age >= 1.0)) or not self._speaks_for_trainer:
            return
        if self._own_state == "preparing" and time.monotonic() - self._started >= SILENT_START_S:
            self._own("running")
        if self._suspended:
            message = "Suspended"
        elif self.observed.step is not None:
            message = f"step {self.observed.step}"
        else:
            message = "Running" if self._own_state == "running" else "Preparing ..."
        self._write_status("running", message)

    def _write_status(self, status: str, message: str) -> None:
        self._status_written = time.monotonic()
        self._status_dirty = False
        before = read_training_status(self.directory.status) or {}
        total = self.facts.get("total_epochs") or self.observed.total_epochs or 0.0
        try:
            write_training_status(
                self.directory.status, status,
                self.observed.epoch or 0.0, total, self.observed.loss or before.get("loss", 0.0), message,
            )  # fmt: skip
        except OSError as error:
            _log.warning("%s", error)

    # Signals

    def _obey(self) -> None:
        for command in self._mailbox.scan():
            self._carry_out(command)
        if self._kill_at is not None and time.monotonic() >= self._kill_at and self.trainer is not None:
            self._kill_at = None
            self.trainer.signal_group(signal.SIGKILL)

    def _carry_out(self, command: Command) -> None:
        assert self.trainer is not None
        if command.id in self._answered():
            return
        refusal = self._refusal(command)
        if refusal:
            self._answer(command, "rejected", refusal)
            return
        self._answer(command, "accepted")
        if command.command == "terminate":
            self._terminates.append(command)
            self.stopped_by = self.stopped_by or command.issued_by or "a command"
            self._begin_to_end(command)
        else:
            number = signal.SIGSTOP if command.command == "suspend" else signal.SIGCONT
            done = self.trainer.signal_group(number)
            self._answer(command, "applied" if done else "rejected", None if done else "the process is gone")

    def _begin_to_end(self, command: Command) -> None:
        """Ask the whole group to end, and note when it is made to. Done again by the next supervisor, it only asks again."""
        assert self.trainer is not None
        self._kill_at = time.monotonic() + float(command.args.get("grace_s", DEFAULT_GRACE_S))
        self.trainer.signal_group(signal.SIGTERM)
        self.trainer.signal_group(signal.SIGCONT)

    def _refusal(self, command: Command) -> str | None:
        if command.attempt != self.attempt:
            return "expired: it was meant for another attempt"
        try:
            check_command(command.command, command.args, SUPERVISOR_COMMANDS)
        except CommandInvalid as error:
            return str(error)
        return None

    def _answered(self) -> set[str]:
        acks = EventReader(self.directory.supervisor_events).read_all()
        return {str(event.get("command_id")) for event in acks if event["type"] == "ack"}

    def _answer(self, command: Command, state: str, detail: str | None = None) -> None:
        fields = {"command_id": command.id, "state": state, **({"detail": detail} if detail else {})}
        self.stream.write("ack", fields, durable=True)

    # The end

    def _exited(self, verdict: Verdict) -> None:
        fields: dict[str, Any] = {"event": "exited", "verdict": verdict.verdict, "evidence": verdict.evidence}
        fields.update({k: v for k, v in (("code", verdict.code), ("signal", verdict.signal)) if v is not None})
        if self.trainer is not None:
            fields["pid"] = self.trainer.identity.pid
        if self.stopped_by and not self.observed.instrumented:
            # A command that cannot say so itself ended by a person's wish: that is no kill.
            self.stream.write("state", {"state": "cancelled"}, durable=True)
        write_for_certain(self.stream, self.directory, fields)
        self._conclude(verdict)

    def _conclude(self, verdict: Verdict) -> None:
        """Finish the record; each step is safe to repeat, for a supervisor that died in the middle of it."""
        for terminate in self._terminates:
            self._answer(terminate, "applied")
        if self.trainer is not None and verdict.verdict in ("killed", "out_of_memory", "unknown"):
            self.trainer.kill_leftovers()
            self.observed.read()
            self.trainer.kill_ranks(self.observed.ranks)
        if self.trainer is not None:
            self.trainer.reap()
        self._attempt_duty(lambda: clear_half_written(self.directory))
        self.observed.read()
        self._reject_unanswered()
        self._attempt_duty(
            lambda: close_attempt(self.directory, self.home, self.attempt, self.observed, verdict, self.stopped_by)
        )
        self.stream.close()

    def following_attempt(self) -> int | None:
        """The attempt that the trainer asked for as it ended, recorded and to be started; None when there is none.

        Only for an end that this supervisor saw: what ended long ago waits for a person.
        """
        if self.trainer is None or self.stopped_by:
            return None
        from gladius.yaml_text import YAMLError

        try:
            return prepare_rollback(self.directory, self.attempt, self.observed.restart)
        except (OSError, YAMLError):
            _log.exception("the attempt that the trainer asked for could not be recorded")
            return None

    def _reject_unanswered(self) -> None:
        answered = self.observed.answered | self._answered()
        for folder in (self.directory.control, self.directory.supervisor_control):
            for command in Mailbox(folder).all():
                if command.attempt == self.attempt and command.id not in answered:
                    self._answer(command, "rejected", "the attempt ended first")
