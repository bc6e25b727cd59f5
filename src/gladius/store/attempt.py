"""What the streams say of one attempt. Upstream: events. Downstream: view, summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gladius.pulse.identity import Identity
from gladius.pulse.states import TERMINAL
from gladius.store.pace import Pace


@dataclass
class AttemptFacts:
    """One start of the trainer, as far as its events tell. `parsed` facts come from the supervisor's reading of the output."""

    attempt: int
    hello: dict[str, Any] | None = None
    started: dict[str, Any] | None = None
    exited: dict[str, Any] | None = None
    state: str | None = None
    state_time: float | None = None
    reason: str | None = None
    error: dict[str, Any] | None = None
    parsed_state: str | None = None
    first_time: float | None = None
    last_time: float | None = None
    stall: dict[str, Any] | None = None
    metrics_seen: bool = False
    nan_since: tuple[str, int | None] | None = None
    pace: Pace = field(default_factory=Pace)
    began_with: dict[str, Any] = field(default_factory=dict)
    """Adjustable -> its value when the trainer first told of it; a later `hello` of the same attempt tells the value then."""

    @property
    def instrumented(self) -> bool:
        """Whether the trainer speaks for itself."""
        return self.hello is not None

    @property
    def trainer_state(self) -> str | None:
        """The last state that the trainer wrote, or, while it never said hello, that its output shows."""
        return self.state if self.instrumented or self.state is not None else self.parsed_state

    @property
    def verdict(self) -> str | None:
        """Of the exit event; None while there is none."""
        return None if self.exited is None else str(self.exited.get("verdict") or "unknown")

    @property
    def ended_state(self) -> bool:
        """Whether this attempt is over by the trainer's word or by its exit."""
        return self.exited is not None or self.trainer_state in ("done", "error", "cancelled", "released")

    @property
    def identity(self) -> Identity | None:
        """The trainer's process by the supervisor's word."""
        return None if self.started is None else Identity.from_dict(self.started)

    @property
    def host(self) -> str | None:
        """Where it runs or ran."""
        for event in (self.started, self.hello):
            if event is not None and isinstance(event.get("host"), str):
                return str(event["host"])
        return None

    @property
    def started_at(self) -> float | None:
        """Unix seconds: the process's start, or the first word of a trainer that spoke before it was adopted."""
        known = [self.first_time] if self.first_time is not None else []
        return min([*known, float(self.started["time"])]) if self.started is not None else self.first_time

    @property
    def finished_at(self) -> float | None:
        """Unix seconds of its end, None while it goes on."""
        if self.exited is None:
            return self.state_time if self.ended_state else None
        seen = self.exited.keys() & {"code", "signal"}
        if not seen and self.state in TERMINAL and self.state_time is not None:
            # Nobody saw the process end, its record was written later: the trainer's own last word is the time.
            return self.state_time
        return float(self.exited["time"])

    def heard(self, time: float) -> None:
        """Note a sign of life."""
        self.first_time = time if self.first_time is None else self.first_time
        # The newest line's, for a clock may have been put back.
        self.last_time = time
