"""Check a run directory against the protocol. Upstream: run files. Downstream: `gladius pulse validate`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import may_move
from gladius.wire.events import EVENT_TYPES
from gladius.wire.runs import Status
from pulse_wrapper import FIELDS, safe_read_json

_SUPERVISORS_OWN = frozenset({"process", "system", "stall", "restart"})
_RUN_FIELDS = ("run_id", "name", "created_at", "source", "protocol")


@dataclass
class Report:
    """Problems break the protocol; notes are allowed by it but worth knowing (a torn tail, a lost line)."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)


def validate_run(run: RunDir) -> Report:
    """Check run.json, the status file, both event streams, attempts and left-over temporary files."""
    report = Report()
    if not run.root.is_dir():
        report.problems.append(f"{run.root} is not a directory")
        return report
    _check_run_json(run, report)
    _check_status(run, report)
    counts: Counter[str] = Counter()
    _check_stream(run.events, report, counts, own=False)
    _check_stream(run.supervisor_events, report, counts, own=True)
    report.events = dict(sorted(counts.items()))
    if not run.attempt_numbers():
        report.notes.append("no attempt was launched yet")
    for left in sorted(run.root.rglob("*.tmp")):
        report.problems.append(f"temporary file left: {left.relative_to(run.root)}")
    return report


def _check_run_json(run: RunDir, report: Report) -> None:
    facts = read_object(run.run_json)
    if facts is None:
        report.problems.append("run.json is missing or broken")
        return
    report.problems += [f"run.json: '{name}' is missing" for name in _RUN_FIELDS if name not in facts]


def _check_status(run: RunDir, report: Report) -> None:
    raw = safe_read_json(run.status)
    if raw is None:
        report.problems.append("training_status.json is missing or broken")
        return
    if list(raw) != list(FIELDS):
        report.problems.append(f"training_status.json must have exactly {', '.join(FIELDS)}; it has {', '.join(raw)}")
    try:
        Status.model_validate(raw, strict=True)
    except ValidationError as error:
        report.problems += [f"training_status.json: {_where(detail)}" for detail in error.errors()]


def _check_stream(path: Path, report: Report, counts: Counter[str], own: bool) -> None:
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    if lines.pop():
        report.notes.append(f"{path.name}: the last line is torn; readers skip it")
    last_seq = -1
    state: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        event = _parse(line)
        if event is None:
            if line:
                report.notes.append(f"{path.name} line {number}: not JSON; readers skip it")
            continue
        where = f"{path.name} line {number}"
        seq = event.get("seq")
        if isinstance(seq, int):
            if seq <= last_seq:
                report.problems.append(f"{where}: seq {seq} after {last_seq}")
            elif seq > last_seq + 1:
                report.notes.append(f"{where}: {seq - last_seq - 1} lines before it were lost")
            last_seq = max(last_seq, seq)
        counts[str(event.get("type"))] += 1
        _check_event(event, where, report, own)
        if event.get("type") == "state" and not own:
            _check_move(event, state, where, report)


def _check_event(event: dict[str, Any], where: str, report: Report, own: bool) -> None:
    kind = event.get("type")
    model = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    if model is None:
        report.notes.append(f"{where}: unknown type {kind!r}; readers skip it")
        return
    if kind in _SUPERVISORS_OWN and not own:
        report.problems.append(f"{where}: '{kind}' is the supervisor's to write")
    try:
        model.model_validate(event)
    except ValidationError as error:
        report.problems += [f"{where}: {_where(detail)}" for detail in error.errors()]


def _check_move(event: dict[str, Any], state: dict[int, str], where: str, report: Report) -> None:
    attempt, new = event.get("attempt", 0), str(event.get("state"))
    old = state.get(attempt)
    state[attempt] = new
    if old is not None and old != new and not may_move(old, new):
        report.problems.append(f"{where}: a trainer cannot go from {old} to {new}")


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _where(detail: Any) -> str:
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
