"""Close an ended attempt: the last PULSE v1 status, the report, the history line. Upstream: supervisor. Downstream: the record."""

from __future__ import annotations

import logging
from typing import Any

from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.states import effective_state
from gladius.supervise.findings import summarize
from gladius.supervise.observe import Observed
from gladius.supervise.record import append_history, history_entry
from gladius.supervise.report import write_report
from gladius.supervise.verdict import Verdict
from pulse_wrapper import read_training_status, write_training_status

_log = logging.getLogger("gladius.supervise")


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
    try:
        write_report(directory, report)
    except OSError as error:
        _log.warning("no report: %s", error)
    if state != "released":
        status = state if state in ("done", "cancelled") else "error"
        append_history(home.history, history_entry(directory, report, status))


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
