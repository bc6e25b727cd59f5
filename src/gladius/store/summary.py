"""One run as a card or a table row. Upstream: view. Downstream: hub, server."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from gladius.store.facts import EVAL_LOSS, LOSS
from gladius.store.health import judge_health
from gladius.store.points import spell
from gladius.store.view import RunView
from gladius.wire.base import TERMINAL_STATES, NonFinite
from gladius.wire.events import CheckpointEvent
from gladius.wire.runs import Best, RunSummary

_SPARK_POINTS = 60
_NOTE_LENGTH = 200


def summarize(view: RunView, now: float | None = None) -> RunSummary:
    """Build the summary as of `now` (Unix seconds); the definitions are those of the console's numbers."""
    now = time.time() if now is None else now
    facts, hello, status = view.current, view.hello, view.status
    ended = view.ended or view.state in TERMINAL_STATES
    started = facts.started_at
    finished = facts.finished_at if ended else None
    if view.attached:
        # When it began nobody said; that it ended the file said, and when.
        started = None
        finished = float(status["timestamp"]) if status and status["status"] in ("done", "error") else None
    end = finished if finished is not None else (facts.last_time if ended else now - view.poller.skew)
    return RunSummary.model_construct(
        run_id=view.run_id,
        **annotated(view.run_id, view.run, view.annotations),
        created_at=_float(view.run.get("created_at")) or 0.0,
        source=_text(view.run.get("source")) or "manual",
        profile_id=reference(view.run.get("profile")),
        dataset_id=reference(view.run.get("dataset")),
        engine=_text(view.run.get("engine")),
        state=view.state,
        stalled=view.stalled,
        suspended=view.suspended,
        instrumented=facts.instrumented,
        attempt=view.attempt,
        health=judge_health(view, now),
        message=status["message"] if status else "",
        progress=view.progress,
        epoch=_epoch(view),
        total_epochs=_total_epochs(view),
        step=facts.pace.step if facts.pace.step >= 0 else None,
        total_steps=hello.get("total_steps"),
        steps_per_epoch=hello.get("steps_per_epoch"),
        loss=_number(view.table.last(LOSS)),
        best=_best(view),
        delta=view.epochs.delta,
        eval_loss=_number(view.table.last(EVAL_LOSS)),
        eta_seconds=None if ended else facts.pace.eta(hello.get("total_steps"), _total_epochs(view)),
        started_at=started,
        finished_at=finished,
        elapsed=max(0.0, end - started) if started is not None and end is not None else None,
        last_sign=view.last_sign,
        last_checkpoint=_last_checkpoint(view),
        config_modified=view.config_time,
        host=facts.host,
        spark=view.table.spark(LOSS, _SPARK_POINTS),
    )


def annotated(run_id: str, run: Mapping[str, Any], annotations: Mapping[str, Any]) -> dict[str, Any]:
    """What people say of a run: its name, tags and the beginning of its notes. run.json has what it began with."""
    notes = _text(annotations.get("notes"))
    tags = annotations.get("tags", run.get("tags"))
    return {
        "name": _text(annotations.get("name")) or _text(run.get("name")) or run_id,
        "tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        "note": notes[:_NOTE_LENGTH] if notes else None,
    }


def checkpoint(event: dict[str, Any]) -> CheckpointEvent | None:
    """Read a checkpoint event; None when it is damaged."""
    try:
        return CheckpointEvent.model_validate(event)
    except ValueError:
        return None


def reference(value: Any) -> str | None:
    """The id of a profile or dataset, however run.json holds it."""
    if isinstance(value, dict):
        value = value.get("id")
    return _text(value)


def _last_checkpoint(view: RunView) -> CheckpointEvent | None:
    good = (event for event in reversed(view.checkpoints) if not event.get("failed"))
    return next((found for found in map(checkpoint, good) if found is not None), None)


def _best(view: RunView) -> Best | None:
    if view.best_eval is not None:
        value, epoch = view.best_eval
        return Best(value=value, epoch=epoch, name=EVAL_LOSS)
    best = view.epochs.best
    return None if best is None else Best(value=best[1], epoch=float(best[0]), name=LOSS)


def _epoch(view: RunView) -> float | None:
    """PULSE v1's epoch; before v1 was written, the last one that a metric carried."""
    if view.status is not None and view.attempt:
        return float(view.status["epoch"])
    return None


def _total_epochs(view: RunView) -> float | None:
    """The epochs planned, None when that is not known (0.0 in v1)."""
    total = view.hello.get("total_epochs") or (view.status or {}).get("total_epochs")
    return float(total) if total else None


def _number(value: float | None) -> float | NonFinite | None:
    return value if value is None or math.isfinite(value) else spell(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
