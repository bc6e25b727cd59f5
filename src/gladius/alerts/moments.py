"""What happens once and is worth telling: events, checkpoints, validations, reloads, epochs, ends. Upstream: view. Downstream: tracker.

Each function returns the records of what is new since its cursor; the ids are those of the events, so that finding
the same again changes nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from gladius.alerts.sentences import sentence
from gladius.store.points import Part, spell
from gladius.store.stream import EventStream
from gladius.store.suggestions import OUT_OF_MEMORY
from gladius.store.view import RunView
from gladius.wire.alerts import AlertLevel, AlertRecord

MOST_AT_ONCE = 50
"""Of one kind: what a run that is read for the first time has behind it."""

OLD_S = 86_400.0
_NAMED = 5
_CLOCKS = ("runtime", "_per_second")
_AT_ONCE = 512
_AT_ITS_END = 1e-9


def moment(
    view: RunView, id_: str, code: str, at: float, data: Mapping[str, Any], level: AlertLevel = "info", **more: Any
) -> AlertRecord:
    """A record that ends as it begins, with the sentence of its code."""
    more.setdefault("attempt", view.attempt or 1)
    return AlertRecord(
        id=id_, run_id=view.run_id, code=code, level=level, message=sentence(code, data), data=dict(data), began_at=at,
        ended_at=at, **more,
    )  # fmt: skip


def told(view: RunView, event: Mapping[str, Any]) -> AlertRecord | None:
    """An alert event of trainer or supervisor, in their own words; None when it is damaged."""
    level = event.get("level")
    if level not in ("info", "warning", "critical"):
        return None
    return AlertRecord(
        id=f"{view.run_id}~{event['stream']}~{event['seq']}", run_id=view.run_id, code=str(event.get("code") or "alert"),
        level=level, message=str(event.get("message") or event.get("code")), value=event.get("value"),
        threshold=event.get("threshold"), attempt=event["attempt"], began_at=event["time"], ended_at=event["time"],
    )  # fmt: skip


def damaged(view: RunView, stream: EventStream, now: float) -> AlertRecord:
    """That lines of a stream were left out, and which; the time is when the file was last written, as far as it tells."""
    try:
        at = stream.path.stat().st_mtime
    except OSError:
        at = now
    more = stream.damaged > len(stream.damage)
    lines = ", ".join(map(str, stream.damage)) + (", …" if more else "")
    data = {"file": stream.path.name, "count": stream.damaged, "lines": lines}
    id_ = f"{view.run_id}~damaged_lines~{stream.path.name}"
    return moment(view, id_, "damaged_lines", at, data, "warning", value=stream.damaged)


def no_commands(view: RunView, now: float) -> AlertRecord:
    """That files of the mailbox are no commands, and which."""
    names = view.damaged_commands
    files = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    id_ = f"{view.run_id}~damaged_command"
    return moment(view, id_, "damaged_command", now, {"files": files}, "warning", value=len(names))


def verified(view: RunView, event: Mapping[str, Any]) -> AlertRecord:
    """A checkpoint that was read back."""
    data = {key: event.get(key) for key in ("step", "kind", "bytes", "path")}
    data["checkpoint_kind"] = data.pop("kind")
    return moment(
        view, f"{view.run_id}~trainer~{event['seq']}", "checkpoint_verified", float(event["time"]), data,
        step=event.get("step"), attempt=event["attempt"],
    )  # fmt: skip


class Validations:
    """Rows with metrics of `eval/` or `test/`."""

    def __init__(self) -> None:
        self._row = -1
        self._names: list[str] = []
        self._names_of = -1

    def read(self, view: RunView) -> list[AlertRecord]:
        """The validations that were logged since the last call."""
        table = view.table
        if self._names_of != len(table.series):
            self._names_of = len(table.series)
            self._names = [name for name in table.series if name.startswith(("eval/", "test/"))]
        rows: dict[int, dict[str, Any]] = {}
        for name in self._names:
            series = table.series.get(name)
            if series is None or not len(series) or series.rows[-1] <= self._row or name.endswith(_CLOCKS):
                continue
            for place in range(max(bisect_right(series.rows, self._row), len(series) - MOST_AT_ONCE), len(series)):
                value = series.values[place]
                shown = value if math.isfinite(value) else spell(value)
                rows.setdefault(series.rows[place], {})[name] = shown
        if not rows:
            return []
        self._row = max(rows)
        return [self._record(view, row, rows[row]) for row in sorted(rows)]

    def _record(self, view: RunView, row: int, values: dict[str, Any]) -> AlertRecord:
        at, step = view.table.times[row], view.table.steps[row]
        known = step if step >= 0 else None
        id_ = f"{view.run_id}~validation~{at * 1000:.0f}"
        data = {"step": known, "values": values}
        return moment(
            view, id_, "validation_completed", at, data, step=known, attempt=view.table.attempts[row], value=values
        )


class Reloads:
    """Commands `reload_config` that were applied."""

    def __init__(self) -> None:
        self._settled: set[str] = set()

    def read(self, view: RunView) -> Iterator[AlertRecord]:
        """Those whose `applied` came since the last call."""
        for id_, command in view.commands.items():
            if command.command != "reload_config" or id_ in self._settled:
                continue
            for ack in view.acks.get(id_, ()):
                if ack.get("state") == "applied":
                    self._settled.add(id_)
                    keys = command.args.get("keys")
                    data = {"step": ack.get("step"), "keys": keys, "by": command.issued_by, "detail": ack.get("detail")}
                    name = f"{view.run_id}~config_reloaded~{id_}"
                    yield moment(view, name, "config_reloaded", float(ack["time"]), data, step=ack.get("step"))


class Milestones:
    """Every so many epochs."""

    def __init__(self) -> None:
        self._rows = 0
        self._epoch = 0.0

    def read(self, view: RunView, every: int) -> list[AlertRecord]:
        """The milestones that were passed since the last call, each at the time of the first row beyond it."""
        found: dict[int, int] = {}
        for row, epoch in self._rising(view):
            passed = math.floor(epoch / every) * every
            if passed > self._epoch:
                found[passed] = row
            self._epoch = epoch
        return [_milestone(view, epoch, row, every) for epoch, row in list(found.items())[-MOST_AT_ONCE:]]

    def _rising(self, view: RunView) -> Iterator[tuple[int, float]]:
        """The new rows in which a higher epoch than any before begins."""
        epochs, first = view.table.epochs, self._rows
        self._rows = len(epochs)
        for begin in range(first, self._rows, _AT_ONCE):
            few = epochs[begin : begin + _AT_ONCE]
            if Part(few).is_unknown or max(few) + _AT_ITS_END < math.floor(self._epoch) + 1:
                continue  # of a long past nearly all; not where the first alone is unknown (NaN), which hides what is greatest
            for row, epoch in enumerate(few, begin):
                if epoch + _AT_ITS_END >= math.floor(self._epoch) + 1:
                    yield row, epoch + _AT_ITS_END


def _milestone(view: RunView, epoch: int, row: int, every: int) -> AlertRecord:
    table, total = view.table, view.hello.get("total_epochs")
    data = {"epoch": epoch, "total": total, **({"kind": "of_total"} if total else {})}
    step = table.steps[row] if table.steps[row] >= 0 else None
    return moment(
        view, f"{view.run_id}~epoch~{epoch}", "epoch_milestone", table.times[row], data, step=step, value=epoch,
        threshold=every, attempt=table.attempts[row],
    )  # fmt: skip


def ended_badly(view: RunView, now: float) -> AlertRecord | None:
    """How an attempt failed, or was lost sight of; None for one that lives or ended as somebody wished.

    It lasts until a new attempt begins; one that is found only after a day is history.
    """
    state, facts = view.state, view.current
    if state not in ("error", "killed", "out_of_memory", "lost", "unknown") or (view.attached and state == "unknown"):
        return None
    code = "run_lost" if state in ("lost", "unknown") else "run_failed"
    error = facts.error or {}
    kind = "out_of_memory" if code == "run_failed" and error.get("code") in OUT_OF_MEMORY else state
    reason = error.get("message") or (facts.exited or {}).get("evidence")
    at = facts.finished_at or facts.last_time or now
    data = {"kind": kind, "state": state, "reason": reason, "error_code": error.get("code")}
    record = moment(
        view, f"{view.run_id}~{code}~{view.attempt}", code, at, data, "critical" if code == "run_failed" else "warning",
        step=facts.pace.step if facts.pace.step >= 0 else None,
    )  # fmt: skip
    return record if now - at > OLD_S else record.model_copy(update={"ended_at": None})
