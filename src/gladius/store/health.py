"""Is the run well, in one sentence. Upstream: view. Downstream: summary."""

from __future__ import annotations

import math
import time
from typing import Any, Literal

from gladius.pulse.identity import this_host
from gladius.store.attached import watched_health, watched_problem
from gladius.store.facts import LOSS
from gladius.store.view import RunView
from gladius.wire.runs import Health

_RECENT_ALERT_S = 300.0

_PLAIN: dict[str, Health] = {
    "queued": Health(level="neutral", code="queued", message="Waiting to start"),
    "preparing": Health(level="good", code="preparing", message="Preparing"),
    "paused": Health(level="attention", code="paused", message="Paused, memory kept"),
    "stopping": Health(level="neutral", code="stopping", message="Stopping"),
    "released": Health(level="attention", code="released", message="Released, can be resumed"),
    "done": Health(level="good", code="done", message="Finished"),
    "cancelled": Health(level="neutral", code="cancelled", message="Stopped by request"),
    "killed": Health(level="trouble", code="killed", message="Killed"),
    "out_of_memory": Health(level="trouble", code="out_of_memory", message="Out of memory"),
    "lost": Health(level="trouble", code="lost", message="The process is gone; how it ended is not known"),
    "unknown": Health(level="attention", code="unknown", message="Ended unobserved, exit code not known"),
    "error": Health(level="trouble", code="error", message="Failed"),
}


def judge_health(view: RunView, now: float | None = None) -> Health:
    """Conclude from what is known; `now` is Unix seconds."""
    now = time.time() if now is None else now
    state = view.state
    if view.unfit is not None:
        message = f"{view.unfit} is no plain file in this run's folder, and is not read"
        return Health(level="attention", code="unfit_file", message=message, data={"file": view.unfit})
    if view.attached:
        problem, detached = watched_problem(reversed(view.alerts)), view.ended
        silence = view.silent_for(now) if view.stale else None
        silent = None if silence is None else int(silence)
        return watched_health(state, detached, problem, silent, (view.status or {}).get("message", ""))
    if view.ended:
        return _ended(view, state)
    silence = view.silent_for(now)
    silent = None if silence is None else int(silence)
    host = view.current.host
    if view.suspended:
        return Health(level="attention", code="suspended", message="Suspended; its process is stopped")
    if host is not None and host != this_host():
        return _remote(view, host, silent)
    if view.stale and silent is not None:
        data = {"seconds": silent, "evidence": _evidence(view)}
        message = f"No sign of life for {silent} s{_evidence(view)}"
        return Health(level="attention", code="no_sign", message=message, data=data)
    concern = view.concern
    if concern is not None and concern.level == "trouble":
        # A GPU that is gone is why steps stop coming.
        return concern
    if view.current.nan_since is not None:
        return _not_finite(*view.current.nan_since)
    if view.stalled:
        seconds = round(float((view.current.stall or {}).get("seconds") or 0))
        data = {"seconds": seconds, "evidence": _evidence(view)}
        message = f"No step for {seconds} s{_evidence(view)}"
        return Health(level="attention", code="stalled", message=message, data=data)
    return _alerted(view, now) or _PLAIN.get(state) or concern or _dead_experts(view) or _healthy(state)


def _healthy(state: str) -> Health:
    busy = {"validating": "Healthy, evaluating", "checkpointing": "Healthy, saving a checkpoint"}
    return Health(level="good", code=state if state in busy else "healthy", message=busy.get(state, "Healthy"))


def _remote(view: RunView, host: str, silent: int | None) -> Health:
    level: Literal["attention", "neutral"] = "attention" if view.stale else "neutral"
    if silent is None:
        return Health(level=level, code="remote_silent", message=f"On {host}, no sign yet", data={"host": host})
    seconds = max(0, silent)
    data = {"host": host, "seconds": seconds}
    return Health(level=level, code="remote", message=f"On {host}, last sign {seconds} s ago", data=data)


def _not_finite(what: str, step: int | None) -> Health:
    since = "" if step is None else f" since step {step}"
    data = {"what": "NaN" if what == "NaN" else "∞", **({} if step is None else {"step": step})}
    code = "loss_not_finite" if step is not None else "loss_not_finite_unplaced"
    return Health(level="trouble", code=code, message=f"Needs you: loss is {what}{since}", data=data)


def _dead_experts(view: RunView) -> Health | None:
    """A training that goes on, and wastes a part of its model."""
    load = view.experts.load()
    if load is None or not load.dead or load.attempt != view.attempt:
        return None
    count = len(load.dead)
    message = f"Training, but no tokens reach {count} of {load.experts} experts"
    return Health(
        level="attention", code="dead_experts", message=message, data={"count": count, "experts": load.experts}
    )


def _ended(view: RunView, state: str) -> Health:
    plain = _PLAIN[state]
    facts = view.current
    if state == "error" and facts.error:
        return plain.model_copy(update={"message": f"Failed: {facts.error.get('message', '')}"})
    if facts.exited is not None and facts.exited.get("evidence") and state not in ("done", "cancelled", "released"):
        return plain.model_copy(update={"message": f"{plain.message}: {facts.exited['evidence']}"})
    return plain


def _alerted(view: RunView, now: float) -> Health | None:
    for alert in reversed(view.alerts):
        if now - view.poller.skew - float(alert.get("time", 0)) > _RECENT_ALERT_S:
            return None
        if alert.get("level") == "critical" and not _is_mended(view, alert):
            return Health(level="trouble", code=str(alert.get("code")), message=f"Needs you: {alert.get('message')}")
    return None


def _is_mended(view: RunView, alert: dict[str, Any]) -> bool:
    """Whether the trainer told of a bad loss, and two finite ones followed: the first may be an average that hides it."""
    series = view.table.series.get(LOSS) if alert.get("code") == "non_finite_loss" else None
    if series is None or len(series) < 2:
        return False
    return view.table.times[series.rows[-2]] > alert["time"] and all(map(math.isfinite, series.values[-2:]))


def _evidence(view: RunView) -> str:
    """What the processors did meanwhile, where it was measured."""
    stall = view.current.stall or {}
    parts = [
        f"{name} {stall[key]:.0f} %"
        for key, name in (("cpu", "CPU"), ("gpu", "GPU"))
        if isinstance(stall.get(key), (int, float))
    ]
    return f" ({', '.join(parts)})" if parts else ""
