"""One run in memory, built from its files and kept true while they grow. Upstream: stream, poller. Downstream: summary, hub, desk."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Mapping, Set
from typing import Any, cast

from gladius.errors import InvalidRun
from gladius.pulse.control import TRAINER_COMMANDS, Command, Mailbox
from gladius.pulse.identity import Identity, process_state
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.poller import StatusPoller
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import effective_state
from gladius.store.attempt import AttemptFacts
from gladius.store.pace import EpochMeans
from gladius.store.series import MetricTable, number
from gladius.store.stream import EventStream
from gladius.store.tolerance import finite, is_event, well_typed, whole
from gladius.wire.base import TERMINAL_STATES, State
from gladius.wire.events import Hello, Process, Stall, StateEvent
from pulse_wrapper import safe_read_json

_MAX_SYSTEM = 4000
_MAX_ALERTS = 200
_LAUNCH_PATIENCE_S = 30.0
_PARSED_RESOLUTION_S = 1.0

LOSS, EVAL_LOSS = "train/loss", "eval/loss"


class RunView:
    """What is known of one run. Only the thread that owns it may call its methods.

    `refresh` reads what is new; everything else answers from memory.
    """

    def __init__(self, directory: RunDir) -> None:
        self.directory = directory
        self.run_id = directory.run_id
        self.poller = StatusPoller(directory.status)
        self.run: dict[str, Any] = {}
        self.annotations: dict[str, Any] = {}
        self.read_facts()
        self.console_size = 0
        self.console_time: float | None = None
        self.alive: bool | None = None
        self.suspended = False
        self._forget()
        self._judged = -math.inf

    def _forget(self) -> None:
        self.trainer = EventStream(self.directory.events)
        self.supervisor = EventStream(self.directory.supervisor_events)
        self.attempts: dict[int, AttemptFacts] = {}
        self.launched: list[int] = []
        self.table = MetricTable()
        self.epochs = EpochMeans()
        self.best_eval: tuple[float, float | None] | None = None
        self.checkpoints: list[dict[str, Any]] = []
        self.hyperparameters: list[dict[str, Any]] = []
        self.alerts: deque[dict[str, Any]] = deque(maxlen=_MAX_ALERTS)
        self.acks: dict[str, list[dict[str, Any]]] = {}
        self.commands: dict[str, Command] = {}
        self.system: list[dict[str, Any]] = []
        self._mail = (Mailbox(self.directory.control), Mailbox(self.directory.supervisor_control))

    # Reading

    def read_facts(self) -> None:
        """Read run.json and annotations.json; raises InvalidRun when there is no run.json."""
        self.run = self.directory.read_run()
        self.annotations = safe_read_json(self.directory.annotations) or {}

    def refresh(self, names: Set[str] | None = None, limit: int = 1 << 18) -> set[str]:
        """Read what is new in the files called `names`, or in all, about `limit` bytes a stream.

        Returns what changed: `status`, `trainer`, `supervisor`, `console`, `commands`, `facts`, and `more` when a stream
        has more to read at once.
        """
        everything = names is None
        names = names or frozenset()
        changed: set[str] = set()
        if everything or "run.json" in names or "annotations.json" in names:
            changed |= self._refresh_facts()
        if everything or "events.jsonl" in names or "supervisor.jsonl" in names:
            changed |= self._refresh_streams(limit)
        if (everything or "training_status.json" in names) and self.poller.poll() is not None:
            changed.add("status")
        if everything or "console.log" in names:
            changed |= self._refresh_console()
        if everything or not names.isdisjoint(("control", "supervisor")):
            changed |= self._refresh_commands()
        if everything or "attempts" in names or "supervisor" in changed:
            self.launched = self.directory.attempt_numbers()
        return changed

    def load(self) -> RunView:
        """Read everything there is."""
        while "more" in self.refresh(limit=4 << 20):
            pass
        self.judge_process()
        return self

    def _refresh_facts(self) -> set[str]:
        before = (self.run, self.annotations)
        with contextlib.suppress(InvalidRun):
            self.read_facts()
        return {"facts"} if before != (self.run, self.annotations) else set()

    def _refresh_commands(self) -> set[str]:
        new = [command for mailbox in self._mail for command in mailbox.scan()]
        self.commands.update((command.id, command) for command in new)
        return {"commands"} if new else set()

    def _refresh_streams(self, limit: int) -> set[str]:
        changed: set[str] = set()
        restarts = (self.trainer.restarted, self.supervisor.restarted)
        for name, stream, take in (
            ("trainer", self.trainer, self._take_trainer),
            ("supervisor", self.supervisor, self._take_supervisor),
        ):
            before = stream.offset
            events = stream.read_new(limit)
            if (self.trainer.restarted, self.supervisor.restarted) != restarts:
                self._forget()
                return {"trainer", "supervisor", "more"}
            for event in filter(is_event, events):
                # A field that is missing or of another type costs its event, never the run.
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    take(event)
            if events:
                changed.add(name)
            if stream.offset > before and stream.behind:
                changed.add("more")
        return changed

    def _refresh_console(self) -> set[str]:
        try:
            info = self.directory.console_log.stat()
        except OSError:
            return set()
        if info.st_size == self.console_size:
            return set()
        self.console_size, self.console_time = info.st_size, info.st_mtime
        return {"console"}

    # Taking events in

    def attempt_facts(self, attempt: int) -> AttemptFacts:
        """The facts of an attempt, made when first heard of."""
        facts = self.attempts.get(attempt)
        if facts is None:
            facts = self.attempts[attempt] = AttemptFacts(attempt)
        return facts

    def _take_trainer(self, event: dict[str, Any]) -> None:
        facts = self.attempt_facts(event["attempt"])
        facts.heard(event["time"])
        type_ = event["type"]
        if type_ == "metrics":
            self._take_metrics(facts, event)
        elif type_ == "hello":
            self._take_hello(facts, event)
        elif type_ == "state":
            event = well_typed(StateEvent, event)
            facts.state, facts.state_time = event["state"], event["time"]
            facts.reason, facts.error = event.get("reason"), event.get("error")
            facts.pace.state(event["state"], event["time"])
        elif type_ == "checkpoint":
            self.checkpoints.append(event)
        elif type_ == "hyperparameters":
            self.hyperparameters.append(event)
        else:
            self._take_common(event)

    def _take_supervisor(self, event: dict[str, Any]) -> None:
        facts = self.attempt_facts(event["attempt"])
        type_ = event["type"]
        if type_ == "system":
            self.system.append(event)
            if len(self.system) > _MAX_SYSTEM:
                half = _MAX_SYSTEM // 2
                self.system[:half] = self.system[:half:2]
        elif type_ == "metrics" and not facts.instrumented:
            facts.heard(event["time"])
            facts.pace.resolution = _PARSED_RESOLUTION_S
            self._take_metrics(facts, event)
        elif type_ == "state" and not facts.instrumented:
            facts.heard(event["time"])
            event = well_typed(StateEvent, event)
            facts.parsed_state, facts.state_time = event["state"], event["time"]
            facts.pace.state(event["state"], event["time"])
        elif type_ == "process" and event["event"] == "started":
            facts.started = well_typed(Process, event)
        elif type_ == "process":
            facts.exited = well_typed(Process, event)
        elif type_ == "stall":
            facts.stall = well_typed(Stall, event) if event["event"] == "began" else None
        else:
            self._take_common(event)

    def _take_common(self, event: dict[str, Any]) -> None:
        if event["type"] == "ack":
            self.acks.setdefault(event["command_id"], []).append(event)
        elif event["type"] == "alert":
            self.alerts.append(event)

    def _take_hello(self, facts: AttemptFacts, event: dict[str, Any]) -> None:
        if facts.hello is None and facts.metrics_seen:
            # The trainer speaks for itself after all: what was parsed from its output does not count.
            attempt = facts.attempt
            self.table.drop(lambda number, _: number == attempt)
            facts.pace = type(facts.pace)()
            facts.metrics_seen = False
        offered = event.get("capabilities")
        known = [name for name in offered if name in TRAINER_COMMANDS] if isinstance(offered, list) else []
        facts.hello = well_typed(Hello, {**event, "capabilities": known})
        resumed = facts.hello.get("resumed_from")
        if resumed is not None:
            self._supersede(facts.attempt, after=resumed["step"])
            facts.metrics_seen = True

    def _take_metrics(self, facts: AttemptFacts, event: dict[str, Any]) -> None:
        step, epoch = whole(event.get("step")), finite(event.get("epoch"))
        if not facts.metrics_seen:
            facts.metrics_seen = True
            if facts.attempt > 1:
                self._supersede(facts.attempt, after=(step or 0) - 1)
        values = [(name, value) for name, raw in event["values"].items() if (value := number(raw)) is not None]
        self.table.add(facts.attempt, event["time"], step, epoch, whole(event.get("log_offset")), values)
        trains = False
        for name, value in values:
            if name == LOSS:
                trains = True
                self._take_loss(facts, step, epoch, value)
            elif name == EVAL_LOSS and math.isfinite(value) and (self.best_eval is None or value < self.best_eval[0]):
                self.best_eval = (value, epoch)
            trains = trains or name.startswith("train/")
        if trains:
            facts.pace.metrics(step, epoch, event["time"])

    def _take_loss(self, facts: AttemptFacts, step: int | None, epoch: float | None, value: float) -> None:
        if not math.isfinite(value):
            facts.nan_since = facts.nan_since or ("NaN" if value != value else "infinite", step)
            return
        facts.nan_since = None
        if epoch is not None:
            self.epochs.add(epoch, value)

    def _supersede(self, attempt: int, after: int) -> None:
        """Leave out earlier attempts' points with a greater step, and take from the rest what is summed up."""
        self.table.drop(lambda number, step: number < attempt and step > after)
        self.epochs = EpochMeans()
        self.best_eval = None
        for name in (LOSS, EVAL_LOSS):
            series = self.table.series.get(name)
            for row, value in zip(series.rows, series.values, strict=True) if series else ():
                epoch = self.table.epochs[row]
                if not math.isfinite(value):
                    continue
                if name == LOSS and epoch == epoch:
                    self.epochs.add(epoch, value)
                elif name == EVAL_LOSS and (self.best_eval is None or value < self.best_eval[0]):
                    self.best_eval = (value, epoch if epoch == epoch else None)

    # Judging

    @property
    def attempt(self) -> int:
        """The newest attempt, 0 before the first."""
        return max([*self.launched[-1:], *self.attempts.keys()], default=0)

    @property
    def current(self) -> AttemptFacts:
        """The facts of the newest attempt."""
        return self.attempts.get(self.attempt) or AttemptFacts(self.attempt)

    @property
    def state(self) -> State:
        """The effective state."""
        facts = self.current
        return cast(State, effective_state(self.attempt, facts.trainer_state, facts.verdict, self.alive))

    @property
    def ended(self) -> bool:
        """Whether nothing more will come unless somebody starts a new attempt."""
        return self.state in TERMINAL_STATES or self.state == "released"

    @property
    def stalled(self) -> bool:
        """Whether steps stopped coming while the process lives."""
        return self.current.stall is not None and not self.ended

    @property
    def status(self) -> dict[str, Any] | None:
        """PULSE v1: the six fields as written."""
        update = self.poller.current
        return None if update is None else update.status

    @property
    def stale(self) -> bool:
        """Whether v1 says running and gave no sign for a minute; a run known to have ended is not stale."""
        update = self.poller.current
        return update is not None and update.stale and not self.ended

    @property
    def progress(self) -> float:
        """Percent, by v1."""
        update = self.poller.current
        return 0.0 if update is None else update.progress

    @property
    def supervised(self) -> bool:
        """Whether a supervisor holds this run now."""
        return is_held(self.directory.supervisor_lock)

    def trainer_identity(self) -> Identity | None:
        """Who the trainer is: by the supervisor's word, else by the lock that it holds or held."""
        facts = self.current
        if facts.identity is not None:
            return facts.identity
        holder = read_holder(self.directory.trainer_lock)
        identity = None if holder is None else Identity.from_dict(holder)
        if identity is None or (facts.hello is not None and facts.hello.get("pid") != identity.pid):
            return None
        if facts.hello is None and not is_held(self.directory.trainer_lock):
            return None
        return identity

    def judge_process(self) -> bool:
        """Look whether the trainer lives; return whether that changed anything."""
        before = (self.alive, self.suspended)
        identity = None if self.current.exited is not None else self.trainer_identity()
        self.suspended = False
        if identity is not None:
            self.alive = identity.alive()
            self.suspended = bool(self.alive) and process_state(identity.pid) in ("T", "t")
        else:
            self.alive = self._alive_without_identity()
        return before != (self.alive, self.suspended)

    def _alive_without_identity(self) -> bool | None:
        """Nobody named the process: it is gone when nobody who could have started it is there any more."""
        facts = self.current
        if self.attempt == 0 or facts.exited is not None or self.supervised:
            return None
        if facts.hello is not None:
            identity = Identity.from_dict(facts.hello)
            return None if identity is None else identity.alive()
        return False if self.attempt_age() > _LAUNCH_PATIENCE_S else None

    def attempt_age(self) -> float:
        """Seconds since the newest attempt was launched."""
        try:
            return time.time() - self.directory.attempt_json(self.attempt).stat().st_mtime
        except OSError:
            return math.inf

    @property
    def hello(self) -> Mapping[str, Any]:
        """The trainer's introduction; empty where there was none."""
        return self.current.hello or {}

    @property
    def last_sign(self) -> float | None:
        """Unix seconds of the trainer's last sign of life: an event, a fresh v1 status, or output."""
        signs = [self.current.last_time, None if self.current.instrumented else self.console_time]
        status = self.status
        if status is not None and status["status"] == "running":
            signs.append(float(status["timestamp"]))
        return max((sign for sign in signs if sign is not None), default=None)
