"""What both streams of a run say, taken in event by event. Upstream: stream. Downstream: view."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

from gladius.pulse.control import TRAINER_COMMANDS
from gladius.store.attempt import AttemptFacts
from gladius.store.blocks import Floats, MetricBlock, taken
from gladius.store.experts import Experts
from gladius.store.pace import EpochMeans
from gladius.store.series import MetricTable, number
from gladius.store.tolerance import finite, well_typed, whole
from gladius.wire.events import Hello, Process, Stall, StateEvent

_MAX_SYSTEM = 4000
_MAX_ALERTS = 200
_PARSED_RESOLUTION_S = 1.0

LOSS, EVAL_LOSS = "train/loss", "eval/loss"


class RunFacts:
    """Everything that events told so far; metrics without the points that a resume superseded."""

    def __init__(self) -> None:
        self.attempts: dict[int, AttemptFacts] = {}
        self.newest_told = 0
        """The latest attempt that an event is of."""
        self.table = MetricTable()
        self.experts = Experts(self.table)
        self.epochs = EpochMeans()
        self.best_eval: tuple[float, float | None] | None = None
        self.checkpoints: list[dict[str, Any]] = []
        self.hyperparameters: list[dict[str, Any]] = []
        self.alerts: deque[dict[str, Any]] = deque(maxlen=_MAX_ALERTS)
        self.acks: dict[str, list[dict[str, Any]]] = {}
        self.system: list[dict[str, Any]] = []
        self.moments = 0
        """Counts what came beside rows of plain numbers: who judges rows at leisure looks at once when it rises."""

    def attempt_facts(self, attempt: int) -> AttemptFacts:
        """What events told of an attempt. To ask is not to tell: one that no event is of is not known of afterwards either."""
        return self.attempts.get(attempt) or AttemptFacts(attempt)

    def _heard_of(self, attempt: int) -> AttemptFacts:
        facts = self.attempts.get(attempt)
        if facts is None:
            facts = self.attempts[attempt] = AttemptFacts(attempt)
            self.newest_told = max(self.newest_told, attempt)
        return facts

    def take_trainer(self, event: dict[str, Any]) -> None:
        """Take one of the trainer's events in; an error of lookup, type or value when it lacks what its type needs."""
        facts = self._heard_of(event["attempt"])
        facts.heard(event["time"])
        type_ = event["type"]
        if type_ == "metrics":
            self._take_metrics(facts, event)
            return
        self.moments += 1
        if type_ == "hello":
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
            self._take_common(event, "trainer")

    def take_supervisor(self, event: dict[str, Any]) -> None:
        """Take one of the supervisor's events in; what it parsed counts only while the trainer said no hello."""
        facts = self._heard_of(event["attempt"])
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
            self._take_common(event, "supervisor")

    def _take_common(self, event: dict[str, Any], stream: str) -> None:
        if event["type"] == "ack":
            self.acks.setdefault(event["command_id"], []).append(event)
        elif event["type"] == "alert":
            self.alerts.append({**event, "stream": stream})

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
        for name, one in (facts.hello.get("adjustable") or {}).items():
            facts.began_with.setdefault(name, one.get("value"))
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

    def take_block(self, block: MetricBlock) -> None:
        """Take many of the trainer's `metrics` events in at once: what `take_trainer` makes of each."""
        self.moments += 1
        facts = self._heard_of(block.attempt)
        facts.heard(block.times[0])
        facts.heard(block.times[-1])
        if not facts.metrics_seen:
            facts.metrics_seen = True
            if facts.attempt > 1:
                self._supersede(facts.attempt, after=max(0, block.steps[0]) - 1)
        self.table.add_block(block)
        for column in block.columns:
            if column.name == LOSS:
                facts.nan_since = None
                self.epochs.add_many(taken(block.epochs, column.rows), column.values())
            elif column.name == EVAL_LOSS:
                self._take_eval_losses(taken(block.epochs, column.rows), column.values())
        facts.pace.take_block(block, _training(block))

    def _take_eval_losses(self, epochs: Floats, values: Floats) -> None:
        lowest = min(values)
        if self.best_eval is None or lowest < self.best_eval[0]:
            epoch = epochs[values.index(lowest)]
            self.best_eval = (lowest, epoch if epoch == epoch else None)

    def take_parsed_block(self, block: MetricBlock) -> None:
        """Take many metrics in that the supervisor parsed; they count only while the trainer said no hello."""
        facts = self._heard_of(block.attempt)
        if not facts.instrumented:
            facts.pace.resolution = _PARSED_RESOLUTION_S
            self.take_block(block)

    def _take_loss(self, facts: AttemptFacts, step: int | None, epoch: float | None, value: float) -> None:
        if facts.nan_since is not None or not math.isfinite(value):
            self.moments += 1
        if not math.isfinite(value):
            facts.nan_since = facts.nan_since or ("NaN" if value != value else "infinite", step)
            return
        facts.nan_since = None
        if epoch is not None:
            self.epochs.add(epoch, value)

    def _supersede(self, attempt: int, after: int) -> None:
        """Leave out earlier attempts' points with a greater step, and take from the rest what is summed up."""
        self.table.drop(lambda number, step: number < attempt and step > after, keep_aside=True)
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


def _training(block: MetricBlock) -> Sequence[int]:
    """The rows that are training steps, rising."""
    found = [column.rows for column in block.columns if column.name.startswith("train/")]
    every = next((rows for rows in found if isinstance(rows, range)), None)
    return sorted(set().union(*found)) if every is None else every
