"""One run: which of its conditions are alerts now. Upstream: rules, moments, view. Downstream: watch.

What the supervisor sampled, what the trainer told and its last losses are judged by their own times, also what was
written before the run was read: so an alert that began while no server ran is found, with the id that it would have had.
What is in the book already is not entered again: by its id, or, where a threshold was changed or old samples were thinned
out meanwhile, because it covers that time. Throughput and experts are judged from the reading on.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from gladius.alerts import moments
from gladius.alerts.book import Book
from gladius.alerts.latch import Latch, Signal
from gladius.alerts.machine import MACHINE_CODES, MachineRules
from gladius.alerts.sentences import sentence
from gladius.alerts.training import Loss, Throughput, experts
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord
from gladius.wire.settings import Thresholds

CHANGE_S = 10.0
"""An alert that gets worse is told again at most so often."""
EXPERTS_S = 1.0
_SAME_S = 10.0
_BESIDE_S = 5.0

Key = tuple[str, str]
"""Code and subject: a run has at most one alert of it at a time."""

_REPLAYED = MACHINE_CODES | {"checkpoint_failed", "non_finite_loss"}
_CONDITIONS = _REPLAYED | {"stalled", "slow_throughput", "expert_imbalance", "dead_experts"}
_ENDS = frozenset({"run_failed", "run_lost"})
_OF_SAMPLES = frozenset({"disk_nearly_full", "console_log_large"})


class Tracker:
    """Follows one view of a run; `read` enters what is new in the book and returns it."""

    def __init__(self, view: RunView, book: Book) -> None:
        self._view = weakref.ref(view)
        self._table = view.table
        self._book = book
        self._news: list[AlertRecord] = []
        self._replays = True
        self._begin_attempt(view)
        self._validations, self._reloads, self._milestones = (
            moments.Validations(), moments.Reloads(), moments.Milestones(),
        )  # fmt: skip
        self._told = {"trainer": -1, "supervisor": -1}
        self._damaged = {"trainer": 0, "supervisor": 0}
        self._no_commands = 0
        self._checkpoints = 0

    def follows(self, view: RunView) -> bool:
        """Whether this is about that view, and its streams were not replaced."""
        return self._view() is view and self._table is view.table

    @property
    def is_orphan(self) -> bool:
        """Whether nobody has the view any more."""
        return self._view() is None

    @property
    def active(self) -> list[AlertRecord]:
        """The alerts that last."""
        found = (self._book.get(id_) for id_ in self._open.values())
        return [alert for alert in found if alert is not None and alert.ended_at is None]

    def read(self, view: RunView, limits: Thresholds) -> list[AlertRecord]:
        """Judge what is new; returns each alert that began, changed or ended, as it stands now."""
        if view.attempt != self._attempt:
            self._close(self._open, view.current.started_at or time.time())
            self._begin_attempt(view)
        self._machine(view, limits)
        self._told_events(view)
        self._saved(view)
        self._damage(view)
        for record in (
            *self._validations.read(view), *self._reloads.read(view), *self._milestones.read(view, limits.epoch_milestone),
        ):  # fmt: skip
            self._enter(record)
        if not view.ended:
            self._live(view, limits)
        self._replays = False
        self._conclude(view)
        news, self._news = self._news, []
        return news

    def _begin_attempt(self, view: RunView) -> None:
        self._attempt = view.attempt
        self._machine_rules, self._throughput, self._loss = MachineRules(), Throughput(), Loss()
        self._sample = -1
        self._experts_at = -math.inf
        known = [one for one in self._book.of_run(view.run_id) if one.ended_at is None]
        began = view.current.started_at or time.time()
        for one in known:
            if one.attempt < self._attempt:
                self._news.append(self._book.update("end", one.id, ended_at=max(began, one.began_at)))
        self._open: dict[Key, str] = {_key(one): one.id for one in known if one.attempt >= self._attempt}
        self._latches = {key: Latch(on=True) for key in self._open if key[0] in _CONDITIONS - _REPLAYED}
        self._worst: dict[Key, tuple[float, float]] = {}

    # What is read

    def _machine(self, view: RunView, limits: Thresholds) -> None:
        new: list[dict[str, Any]] = []
        for sample in reversed(view.system):
            if sample["seq"] <= self._sample or sample["attempt"] != self._attempt:
                break
            new.append(sample)
        for sample in reversed(new):
            self._sample = sample["seq"]
            self._take(view, self._machine_rules.judge(sample, limits))

    def _told_events(self, view: RunView) -> None:
        """Alert events of both streams; those that a rule judges better, or that say what another event says, are left out."""
        new = [event for event in view.alerts if event["seq"] > self._told[event["stream"]]]
        of_loss = []
        for event in new:
            self._told[event["stream"]] = max(self._told[event["stream"]], event["seq"])
            code = event.get("code")
            if code == "non_finite_loss" and event["attempt"] == self._attempt and not view.ended:
                of_loss.append(event)
            elif (code in _OF_SAMPLES and self._sample >= 0) or (
                code == "checkpoint_failed" and _is_beside(view, event)
            ):
                continue
            elif (record := moments.told(view, event)) is not None:
                self._enter(record)
        if not view.ended:
            self._take(view, self._loss.judge(view, of_loss))

    def _saved(self, view: RunView) -> None:
        if self._replays:
            self._checkpoints = max(0, len(view.checkpoints) - 4 * moments.MOST_AT_ONCE)
        new, self._checkpoints = view.checkpoints[self._checkpoints :], len(view.checkpoints)
        for event in new:
            failed, step = event.get("failed"), event.get("step")
            if event["attempt"] == self._attempt:
                signal = Signal(
                    "checkpoint_failed", float(event["time"]), "", wrong=bool(failed), right=not failed, step=step,
                    data={"step": step, "reason": failed}, badness=event["seq"], id=f"{view.run_id}~trainer~{event['seq']}",
                )  # fmt: skip
                self._take(view, [signal])
            if not failed:
                self._enter(moments.verified(view, event))

    def _damage(self, view: RunView) -> None:
        """Lines and commands that cannot be used: one record for each file and for the mailbox, which grows with them."""
        for name, stream in (("trainer", view.trainer), ("supervisor", view.supervisor)):
            if stream.damaged <= self._damaged[name]:
                continue
            self._damaged[name] = stream.damaged
            self._grow(moments.damaged(view, stream, time.time()))
        if len(view.damaged_commands) > self._no_commands:
            self._no_commands = len(view.damaged_commands)
            self._grow(moments.no_commands(view, time.time()))

    def _grow(self, record: AlertRecord) -> None:
        """Enter a record, or bring the one of its id up to date where it tells of more."""
        known = self._book.get(record.id)
        if known is None:
            self._enter(record)
        elif known.value < record.value:
            fields = {"message": record.message, "data": record.data, "value": record.value}
            self._news.append(self._book.update("change", record.id, **fields))

    def _live(self, view: RunView, limits: Thresholds) -> None:
        """What only holds while the run lives."""
        self._take(view, self._throughput.judge(view, limits, fills=self._replays))
        steady = time.monotonic()
        if steady - self._experts_at >= EXPERTS_S and (load := view.experts.load()) is not None:
            self._experts_at = steady
            if load.attempt == self._attempt:
                self._take(view, experts(load, limits))
        self._take(view, [_stalled(view, time.time())])

    def _conclude(self, view: RunView) -> None:
        """End what cannot last, and say how the run ended if it did."""
        lasting: dict[Key, str] = {}
        if view.ended:
            bad = moments.ended_badly(view, time.time())
            if bad is not None:
                self._enter(bad)
                self._open[(bad.code, "")] = bad.id
                lasting = {(bad.code, ""): bad.id}
            self._close(
                {key: id_ for key, id_ in self._open.items() if key not in lasting},
                view.current.finished_at or view.current.last_time or time.time(),
            )
        else:
            gone = {key: id_ for key, id_ in self._open.items() if key[0] in _ENDS}
            # The book knew of it, and the run's own files do not say so any more.
            gone |= {key: id_ for key, id_ in self._open.items() if key[0] in _REPLAYED and not self._is_on(key)}
            self._close(gone, time.time())

    def _is_on(self, key: Key) -> bool:
        latch = self._latches.get(key)
        return latch is not None and latch.on

    # What becomes of it

    def _take(self, view: RunView, signals: Iterable[Signal]) -> None:
        for signal in signals:
            key = (signal.code, signal.subject)
            turn = self._latches.setdefault(key, Latch()).take(signal)
            if turn == "begin":
                self._begin(view, key, signal)
            elif turn == "end":
                self._close({key: self._open[key]} if key in self._open else {}, signal.at)
            elif signal.wrong and key in self._open:
                self._worsen(key, signal)

    def _begin(self, view: RunView, key: Key, signal: Signal) -> None:
        id_ = signal.id or f"{view.run_id}~{signal.code}~{signal.subject}~{self._attempt}{signal.mark}"
        known = self._book.get(id_) or self._covering(view.run_id, key, signal.at)
        self._worst[key] = (signal.badness, signal.at)
        self._open[key] = known.id if known is not None else id_
        if known is not None:
            return
        alert = AlertRecord(
            id=id_, run_id=view.run_id, code=signal.code, level=signal.level, message=_message(signal),
            data=dict(signal.data), value=signal.value, threshold=signal.threshold, step=signal.step,
            attempt=self._attempt, began_at=signal.at,
        )  # fmt: skip
        self._enter(alert)

    def _covering(self, run_id: str, key: Key, at: float) -> AlertRecord | None:
        """What the book says of the same condition at that time, when the past is read again."""
        if not self._replays and key not in self._open:
            return None
        return next(
            (
                one for one in self._book.of_run(run_id)
                if _key(one) == key and one.began_at - _SAME_S <= at and (one.ended_at is None or at <= one.ended_at)
            ),
            None,
        )  # fmt: skip

    def _worsen(self, key: Key, signal: Signal) -> None:
        worst, told = self._worst.setdefault(key, (signal.badness, signal.at))
        if signal.badness < worst + signal.grain or signal.at - told < CHANGE_S:
            return
        self._worst[key] = (signal.badness, signal.at)
        known = self._book.get(self._open[key])
        if known is not None and known.ended_at is None:
            fields = {"message": _message(signal), "data": dict(signal.data), "value": signal.value}
            self._news.append(self._book.update("change", known.id, **fields, threshold=signal.threshold))

    def _close(self, ended: Mapping[Key, str], at: float) -> None:
        for key, id_ in list(ended.items()):
            self._open.pop(key, None)
            self._latches.pop(key, None)
            known = self._book.get(id_)
            if known is not None and known.ended_at is None:
                self._news.append(self._book.update("end", id_, ended_at=max(at, known.began_at)))

    def _enter(self, record: AlertRecord) -> None:
        if self._book.get(record.id) is None and self._book.begin(record):
            self._news.append(record)


def _key(alert: AlertRecord) -> Key:
    return alert.code, str(alert.data["gpu"]) if "gpu" in alert.data else ""


def _message(signal: Signal) -> str:
    return signal.message or sentence(signal.code, signal.data)


def _stalled(view: RunView, now: float) -> Signal:
    """No step for too long: by the supervisor's word with its evidence, else by the status that went stale."""
    stall, update = view.current.stall, view.poller.current
    wrong = (view.stalled or view.stale) and not view.suspended
    since = float(update.status["timestamp"]) if update is not None else now
    seconds = float((stall or {}).get("seconds") or view.silent_for(now) or 0.0)
    data = {"seconds": seconds, "cpu": (stall or {}).get("cpu"), "gpu_load": (stall or {}).get("gpu")}
    mark = f"q{stall['seq']}" if stall is not None else f"t{since:.0f}"
    at = float(stall["time"]) if stall is not None and wrong else now
    limit = (stall or {}).get("limit", 60.0)
    return Signal("stalled", at, mark, wrong=wrong, right=not wrong, data=data, value=seconds, threshold=limit)


def _is_beside(view: RunView, alert: Mapping[str, Any]) -> bool:
    """Whether a `checkpoint` event says of the same failure."""
    return any(
        event.get("failed") and abs(float(event["time"]) - float(alert["time"])) < _BESIDE_S
        for event in view.checkpoints
    )
