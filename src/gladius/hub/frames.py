"""Build the socket's frames. Events pass as the bytes their writer wrote. Upstream: store. Downstream: subscription."""

from __future__ import annotations

import json
from collections.abc import Iterable

from gladius.store.logs import ByteRange
from gladius.store.stream import Line, decode_event
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord
from gladius.wire.base import Wire
from gladius.wire.messages import AlertMessage, Gap, GoneMessage, RunMessage, StatusUpdate
from gladius.wire.runs import RunSummary, Status, SystemSample


def frame(message: Wire) -> str:
    """A model as a text frame."""
    return message.model_dump_json()


def events_frame(run_id: str, stream: str, lines: Iterable[Line]) -> str:
    """Several events of one stream, in order."""
    body = b",".join(line.raw for line in lines).decode("utf-8", "replace")
    return f'{{"type":"events","run_id":{json.dumps(run_id)},"stream":"{stream}","events":[{body}]}}'


def alert_frame(alert: AlertRecord) -> str:
    """One alert as it stands."""
    return frame(AlertMessage(run_id=alert.run_id, alert=alert))


def system_frame(run_id: str, line: Line) -> str | None:
    """One machine sample; None when the line is damaged."""
    try:
        sample = SystemSample.model_validate(decode_event(line.raw))
    except ValueError:
        return None
    return f'{{"type":"system","run_id":{json.dumps(run_id)},"sample":{sample.model_dump_json()}}}'


def console_frame(run_id: str, piece: ByteRange) -> str:
    """A piece of output. Bytes that are no UTF-8 are replaced; `length` counts the raw ones."""
    text = json.dumps(piece.data.decode("utf-8", "replace"), ensure_ascii=False)
    return f'{{"type":"console","run_id":{json.dumps(run_id)},"offset":{piece.offset},"length":{len(piece.data)},"text":{text}}}'


def gap_frame(run_id: str, skipped: dict[str, int]) -> str:
    """What a slow client was spared."""
    return frame(Gap(run_id=run_id, skipped=skipped))


def gone_frame(run_id: str) -> str:
    """A run that is here no more."""
    return frame(GoneMessage(run_id=run_id))


def status_frame(view: RunView) -> str:
    """PULSE v1 of a run as it stands."""
    status = None if view.status is None else Status(**view.status)
    return frame(
        StatusUpdate(run_id=view.run_id, status=status, progress=view.progress, stale=view.stale, state=view.state)
    )


def summary_of(view: RunView) -> tuple[RunSummary, tuple[object, ...]]:
    """A run's summary, and what of it must have changed before it is told again: not the mere passing of time."""
    summary = summarize(view)
    passing = {"elapsed", "eta_seconds", "last_sign", "spark", "health"}
    kept = [value for key, value in summary.__dict__.items() if key not in passing]
    return summary, (*kept, summary.health.code, summary.eta_seconds is None, len(summary.spark))


def run_frame(summary: RunSummary) -> str:
    """A run's summary."""
    return frame(RunMessage(run_id=summary.run_id, summary=summary))
