"""What a watched status file makes of a run: its state and its health. Upstream: view. Downstream: view, health.

Such a run has no trainer of ours. Its `training_status.json` is a copy, made by `supervise.foreign` as the file was read, and
all that is known of it: PULSE v1's six fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from gladius.wire.base import State
from gladius.wire.runs import Health

SOURCE = "attached"
"""The `source` in run.json."""
PROBLEMS = ("watched_missing", "watched_unreadable", "watched_malformed")
MENDED = "watched_again"

_STATES: dict[str, State] = {"idle": "queued", "running": "running", "done": "done", "error": "error"}


def watched_state(status: Mapping[str, Any] | None, detached: bool) -> State:
    """What the file last said. Of a training that is watched no more nobody knows how it went on."""
    state = _STATES[status["status"]] if status is not None else "queued"
    return "unknown" if detached and state in ("running", "queued") else state


def watched_problem(alerts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Why the file cannot be read now; `alerts` are the run's, the newest first."""
    last = next((one for one in alerts if one.get("code") in (*PROBLEMS, MENDED)), None)
    return None if last is None or last["code"] == MENDED else last


def watched_health(
    state: State, detached: bool, problem: Mapping[str, Any] | None, silent: int | None, message: str
) -> Health:
    """One sentence; `silent`: seconds since the file's own timestamp, where v1 calls it stale."""
    if detached and state == "unknown":
        return Health(level="neutral", code="detached", message="Watched no more")
    if problem is not None and not detached:
        path = str(problem.get("value") or "")
        data = {"path": path, "reason": str(problem.get("message") or "")}
        return Health(level="attention", code=str(problem["code"]), message=data["reason"], data=data)
    if state == "running" and silent is not None:
        return Health(
            level="attention",
            code="no_sign",
            message=f"No sign of life for {silent} s",
            data={"seconds": silent, "evidence": ""},
        )
    if state == "error":
        said = f"Its status file says: {message}"
        return Health(level="trouble", code="watched_error", message=said, data={"message": message})
    plain: dict[str, tuple[Literal["good", "neutral"], str]] = {
        "queued": ("neutral", "Waiting to start"),
        "done": ("good", "Finished"),
    }
    level, sentence = plain.get(state, ("good", "Healthy"))
    return Health(level=level, code=state if state in plain else "healthy", message=sentence)
