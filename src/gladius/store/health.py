"""Is the run well, in one sentence. Upstream: view. Downstream: summary."""

from __future__ import annotations

import time

from gladius.pulse.identity import this_host
from gladius.store.view import RunView
from gladius.wire.runs import Health

_RECENT_ALERT_S = 300.0

_PLAIN: dict[str, Health] = {
    "queued": Health(level="neutral", code="queued", message="Waiting to start"),
    "preparing": Health(level="good", code="preparing", message="Preparing"),
    "paused": Health(level="neutral", code="paused", message="Paused, memory kept"),
    "stopping": Health(level="neutral", code="stopping", message="Stopping"),
    "released": Health(level="neutral", code="released", message="Released, can be resumed"),
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
    if view.ended:
        return _ended(view, state)
    silent = int(now - view.last_sign) if view.last_sign is not None else None
    host = view.current.host
    if view.suspended:
        return Health(level="attention", code="suspended", message="Suspended; its process is stopped")
    if host is not None and host != this_host():
        sign = "no sign yet" if silent is None else f"last sign {max(0, silent)} s ago"
        level = "attention" if view.stale else "neutral"
        return Health(level=level, code="remote", message=f"On {host}, {sign}")
    if view.stale and silent is not None:
        return Health(level="attention", code="no_sign", message=f"No sign of life for {silent} s{_evidence(view)}")
    if view.current.nan_since is not None:
        what, step = view.current.nan_since
        since = "" if step is None else f" since step {step}"
        return Health(level="trouble", code="loss_not_finite", message=f"Needs you: loss is {what}{since}")
    if view.stalled:
        seconds = float((view.current.stall or {}).get("seconds") or 0)
        return Health(level="attention", code="stalled", message=f"No step for {seconds:.0f} s{_evidence(view)}")
    return _alerted(view, now) or _PLAIN.get(state) or Health(level="good", code="healthy", message="Healthy")


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
        if now - float(alert.get("time", 0)) > _RECENT_ALERT_S:
            return None
        if alert.get("level") == "critical":
            return Health(level="trouble", code=str(alert.get("code")), message=f"Needs you: {alert.get('message')}")
    return None


def _evidence(view: RunView) -> str:
    """What the processors did meanwhile, where it was measured."""
    stall = view.current.stall or {}
    parts = [
        f"{name} {stall[key]:.0f} %"
        for key, name in (("cpu", "CPU"), ("gpu", "GPU"))
        if isinstance(stall.get(key), (int, float))
    ]
    return f" ({', '.join(parts)})" if parts else ""
