"""Close an ended attempt: the last PULSE v1 status, the report, the history line. Upstream: supervisor. Downstream: the record."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from gladius.errors import LockHeld
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.identity import process_state
from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.states import effective_state
from gladius.supervise.findings import summarize
from gladius.supervise.observe import Observed
from gladius.supervise.promises import who_asked_to_end
from gladius.supervise.record import append_history, history_entry
from gladius.supervise.report import write_report
from gladius.supervise.verdict import Verdict, judge_unobserved
from pulse_wrapper import read_training_status, write_training_status

_log = logging.getLogger("gladius.supervise")

DISK_AGAIN_S = 0.5


def write_for_certain(stream: EventWriter, directory: RunDir, fields: dict[str, Any]) -> None:
    """Write how a trainer ended, which nobody else saw: while the disk takes nothing wait for it, unless the run is gone."""
    while True:
        dropped = stream.dropped
        if stream.write("process", fields, durable=True) or stream.dropped <= dropped:
            return
        if not directory.root.is_dir():
            return
        time.sleep(DISK_AGAIN_S)
        stream.check_file()


def close_attempt(
    directory: RunDir, home: Home, attempt: int, observed: Observed, verdict: Verdict, stopped_by: str | None
) -> None:
    """Write what remains after the trainer is gone. Safe to repeat."""
    own_state = "cancelled" if stopped_by and not observed.has_ended else observed.state
    state = effective_state(attempt, own_state, verdict.verdict, alive=False)
    try:
        _write_last_status(directory, state, observed, verdict, stopped_by)
    except OSError as error:
        # The history is elsewhere and may still have room.
        _log.warning("%s", error)
    report = summarize(directory, attempt, state, read_training_status(directory.status), home.state / "alerts.jsonl")
    # The report comes last: it is what tells that the record is complete, so nobody who finds it has to look for the rest.
    kept = state == "released" or _keep_in_history(directory, home, report)
    try:
        write_report(directory, report)
        if not kept:
            # People may read it; whoever looks for a complete record sees one that is older than its attempt, and tries again.
            os.utime(directory.report_json, (0, 0))
    except OSError as error:
        _log.warning("no report: %s", error)


def close_earlier_attempts(directory: RunDir, home: Home, attempt: int) -> None:
    """Record the ends of attempts before this one whose supervisors did not live to do so: what ended has its line.

    To be called before anybody writes for this attempt. Status and report stay: they are the newest attempt's.
    """
    seen = {event["attempt"] for event in EventReader(directory.supervisor_events) if event.get("event") == "exited"}
    for number in directory.attempt_numbers():
        if number >= attempt or number in seen:
            continue
        clear_half_written(directory)
        observed = Observed(directory, number)
        observed.read()
        asked_by = who_asked_to_end(directory, number)
        verdict = judge_unobserved(observed.state, asked_by is not None)
        stream = EventWriter(directory.supervisor_events, number)
        fields = {"event": "exited", "verdict": verdict.verdict, "evidence": verdict.evidence}
        stream.write("process", fields, durable=True)
        stream.close()
        own_state = "cancelled" if asked_by and not observed.has_ended else observed.state
        state = effective_state(number, own_state, verdict.verdict, alive=False)
        if state != "released":
            _keep_in_history(directory, home, summarize(directory, number, state, None))


def clear_half_written(directory: RunDir) -> None:
    """Remove the half-written status of whoever was killed in the middle of a write; who lives keeps his."""
    for path in directory.root.glob(".pulse-*-*.tmp"):
        pid = path.name.split("-")[1]
        if pid.isdigit() and process_state(int(pid)) in (None, "Z", "X"):
            path.unlink(missing_ok=True)


def _keep_in_history(directory: RunDir, home: Home, report: dict[str, Any]) -> bool:
    """Whether the line of an ended attempt is in the history now."""
    status = report["state"] if report["state"] in ("done", "cancelled") else "error"
    try:
        append_history(home.history, history_entry(directory, report, status))
    except (OSError, LockHeld) as error:
        _log.warning("not in the history yet: %s", error)
        return False
    return True


def _write_last_status(
    directory: RunDir, state: str, observed: Observed, verdict: Verdict, stopped_by: str | None
) -> None:
    """Say v1's last word, unless the trainer said the same itself."""
    v1, message = _last_word(state, observed, verdict, stopped_by)
    before = read_training_status(directory.status) or {}
    if before.get("status") == v1 and observed.has_ended:
        return
    fields = _last_known(before, observed)
    if v1 == "done" and state == "done" and not observed.instrumented:
        fields["epoch"] = fields["total_epochs"] or fields["epoch"]
    write_training_status(directory.status, v1, fields["epoch"], fields["total_epochs"], fields["loss"], message)


def _last_word(state: str, observed: Observed, verdict: Verdict, stopped_by: str | None) -> tuple[str, str]:
    if state == "done":
        return "done", "Training completed successfully"
    if state == "cancelled":
        return "done", observed.reason or f"Stopped by {stopped_by or 'a command'}"
    if state == "released":
        return "idle", f"Released at step {observed.step}" if observed.step is not None else "Released"
    if observed.error:
        return "error", observed.error[:500]
    where = f" at step {observed.step}" if observed.step is not None else ""
    return "error", f"{verdict.evidence[:1].upper()}{verdict.evidence[1:]}{where}"


def _last_known(before: dict[str, Any], observed: Observed) -> dict[str, float]:
    total = before.get("total_epochs") or observed.total_epochs or 0.0
    epoch = max(before.get("epoch", 0.0), observed.epoch or 0.0)
    loss = observed.loss if observed.loss is not None else before.get("loss", 0.0)
    return {"epoch": min(epoch, total) if total else epoch, "total_epochs": total, "loss": loss}
