"""A trainer's states, its moves, and what an observer concludes. Upstream: nothing. Downstream: reporter, store."""

from __future__ import annotations

from typing import Dict, FrozenSet, Optional

TERMINAL: FrozenSet[str] = frozenset({"done", "error", "cancelled"})
"""States that end an attempt."""

_FROM_PAUSED = frozenset({"running", "validating", "checkpointing", "stopping", "released"})
_FROM_RUNNING = frozenset({"paused", "validating", "checkpointing", "stopping", "done"})

TRANSITIONS: Dict[str, FrozenSet[str]] = {
    "preparing": frozenset({"running", "stopping"}),
    "running": _FROM_RUNNING,
    "paused": _FROM_PAUSED,
    "validating": frozenset({"running", "paused"}),
    "checkpointing": frozenset({"running", "paused", "stopping", "released"}),
    "stopping": frozenset({"checkpointing", "cancelled", "done"}),
    "released": frozenset(),
    "done": frozenset(),
    "error": frozenset(),
    "cancelled": frozenset(),
}

VERDICT_STATES: Dict[str, str] = {
    "finished": "done",
    "failed": "error",
    "killed": "killed",
    "out_of_memory": "out_of_memory",
    "cancelled": "cancelled",
    "unknown": "unknown",
}
"""What an exit verdict makes of a run whose trainer wrote no terminal state."""


def may_move(old: str, new: str) -> bool:
    """Whether a trainer may go from `old` to `new`; any state that has not ended may fail."""
    return new in TRANSITIONS[old] or (new == "error" and old not in TERMINAL and old != "released")


def effective_state(attempts: int, trainer_state: Optional[str], verdict: Optional[str], alive: Optional[bool]) -> str:
    """Conclude a run's state from its last attempt.

    Args:
        attempts: how many attempts were launched.
        trainer_state: the last `state` that the trainer wrote in this attempt, or None.
        verdict: of the attempt's exit event, or None while there is none.
        alive: whether the process lives; None when that cannot be known from here (another host, not started yet).

    """
    if attempts == 0:
        return "queued"
    if trainer_state in TERMINAL or trainer_state == "released":
        return str(trainer_state)
    if verdict is not None:
        return VERDICT_STATES.get(verdict, "unknown")
    if alive is False:
        return "lost"
    return trainer_state or "preparing"
