"""What flows do, among what happened lately. Upstream: flows. Downstream: the hub's activities."""

from __future__ import annotations

from collections.abc import Iterator

from gladius.flows.history import log_of, records
from gladius.flows.log import Event
from gladius.flows.record import Record
from gladius.pulse.rundir import Home
from gladius.wire.overview import Activity, ActivityKind

_KINDS: dict[str, ActivityKind] = {
    "begun": "flow_started", "retry_asked": "flow_retried", "step_ended": "flow_step", "ended": "flow_ended",
}  # fmt: skip
_PAST_FLOWS = 20


def flow_activity(record: Record, event: Event) -> Activity | None:
    """What one event of a flow's log tells; the same for whoever reads it. None when it is nothing of its own."""
    kind = _KINDS.get(event["type"])
    if kind is None:
        return None
    step = event.get("step")
    told = {
        "step": step,
        "state": event.get("state"),
        "cause": event.get("cause"),
        "by": record.asked_by if kind == "flow_started" else event.get("by"),
    }
    time = float(event.get("time", 0.0))
    return Activity(
        id=f"{record.id}~{event['type']}~{step or ''}~{time}", time=time, kind=kind, name=record.flow.name,
        flow_run_id=record.id, data={key: value for key, value in told.items() if value is not None},
    )  # fmt: skip


def past_flow_activities(home: Home) -> Iterator[Activity]:
    """What the newest flow runs have done, by their logs."""
    for record in records(home, _PAST_FLOWS):
        for event in log_of(home, record.id).read():
            if (one := flow_activity(record, event)) is not None:
                yield one
