"""Close an attempt that never ran: cancelled while it waited, or not to be started. Upstream: attempt, start. Downstream: the record."""

from __future__ import annotations

import time
from typing import Any, Literal

from gladius.pulse.control import Mailbox
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.lock import is_held
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise.closing import close_attempt
from gladius.supervise.observe import Observed
from gladius.supervise.verdict import Verdict

_OBEYED = ("stop", "terminate")


def close_unstarted(
    home: Home, run: RunDir, state: Literal["error", "cancelled"], why: str, total_epochs: float | None = None
) -> None:
    """Record attempt 1 as ended without a process: event, status, report, one history line. Safe to repeat.

    What the run was told while it waited is answered: a stop was obeyed when it is cancelled, all else came to nothing.
    Raises OSError.
    """
    if not run.attempt_json(1).exists():
        # Without the facts of a launch nobody could tell an attempt that ended from a run that still waits.
        run.write_attempt(1, {"argv": [], "cwd": str(run.root), "asked_at": time.time(), "total_epochs": total_epochs})
    stream = EventWriter(run.supervisor_events, 1)
    try:
        verdict = _end(run, stream, state, why)
        _answer(run, stream, state)
    finally:
        stream.close()
    observed = Observed(run, 1)
    observed.total_epochs = total_epochs
    if state == "cancelled":
        observed.state, observed.reason = "cancelled", why
    else:
        observed.error = why.rstrip()
    close_attempt(run, home, 1, observed, verdict, None)


def close_to_the_end(home: Home, run: RunDir, total_epochs: float | None = None) -> None:
    """Finish the record of an attempt that somebody began to close and died over. Raises OSError."""
    told = [event for event in EventReader(run.supervisor_events).read_all() if event["type"] == "process"]
    closed = bool(told) and all(event.get("event") == "exited" for event in told)
    # The report is the last part of a record; whoever holds the lock is writing it.
    complete = read_object(run.report_json) is not None or is_held(run.supervisor_lock)
    if closed and run.attempt_numbers() == [1] and not complete:
        state: Literal["error", "cancelled"] = "cancelled" if told[0].get("verdict") == "cancelled" else "error"
        close_unstarted(home, run, state, str(told[0].get("evidence")), total_epochs)


def _end(run: RunDir, stream: EventWriter, state: str, why: str) -> Verdict:
    verdict = Verdict("failed" if state == "error" else "cancelled", why)
    for event in EventReader(run.supervisor_events).read_all():
        if event["type"] == "process" and event.get("event") == "exited" and event["attempt"] == 1:
            return Verdict(str(event.get("verdict")), str(event.get("evidence")))
    fields: dict[str, Any] = {"event": "exited", "verdict": verdict.verdict, "evidence": why}
    stream.write("process", fields, durable=True)
    return verdict


def _answer(run: RunDir, stream: EventWriter, state: str) -> None:
    answered = {str(one.get("command_id")) for one in EventReader(run.supervisor_events).read_all()}
    for folder in (run.control, run.supervisor_control):
        for command in Mailbox(folder).all():
            if command.id in answered:
                continue
            obeyed = state == "cancelled" and command.command in _OBEYED
            fields = {"command_id": command.id, "state": "applied" if obeyed else "rejected"}
            stream.write("ack", fields if obeyed else {**fields, "detail": "the run never started"}, durable=True)


def has_begun(run: RunDir) -> bool:
    """Whether a supervisor ever had attempt 1, or it was closed: then nobody may start it anew."""
    began = any(event["type"] == "process" for event in EventReader(run.supervisor_events).read_all())
    return began or run.events.exists() or read_object(run.report_json) is not None
