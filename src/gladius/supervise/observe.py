"""What a supervisor knows of its trainer from the trainer's own stream. Upstream: events.jsonl. Downstream: supervisor."""

from __future__ import annotations

import math
from typing import Any

from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.probe import STEPS
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import TERMINAL


class Observed:
    """One attempt as its trainer tells it; `read` brings it up to date."""

    def __init__(self, directory: RunDir, attempt: int) -> None:
        self.instrumented = False
        self.state: str | None = None
        self.error: str | None = None
        self.restart: dict[str, Any] | None = None
        self.reason: str | None = None
        self.step: int | None = None
        self.epoch: float | None = None
        self.total_epochs: float | None = None
        self.loss: float | None = None
        self.probed = 0
        self.answered: set[str] = set()
        self.ranks: list[Identity] = []
        self._attempt = attempt
        self._by_steps: float | None = None
        self._reader = EventReader(directory.events)

    def read(self) -> None:
        """Take in what the trainer wrote since the last call."""
        for event in self._reader:
            if event["type"] == "ack":
                self.answered.add(str(event.get("command_id")))
            if event["attempt"] == self._attempt:
                self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "hello":
            self.instrumented = True
            ranks = event.get("ranks")
            told = [
                Identity.from_dict(one) for one in (ranks if isinstance(ranks, list) else ()) if isinstance(one, dict)
            ]
            self.ranks = [one for one in told if one is not None]
            self.total_epochs = number(event.get("total_epochs")) or None
            self._by_steps = number(event.get("total_steps")) if self.total_epochs is None else None
        elif event["type"] == "state":
            error = event.get("error")
            self.state = event.get("state")
            self.reason = event.get("reason")
            error = error if isinstance(error, dict) else {}
            self.error, self.restart = error.get("message"), error.get("restart")
        elif event["type"] == "metrics" and isinstance(event.get("values"), dict):
            self.probed += STEPS in event["values"]
            step, epoch = number(event.get("step")), number(event.get("epoch"))
            if self._by_steps and step is not None:
                epoch = (step + 1) / self._by_steps
            self.note(None if step is None else int(step), epoch, event["values"].get("train/loss"))

    def note(self, step: int | None, epoch: float | None, loss: Any) -> None:
        """Keep the last known place and the last finite loss."""
        self.step = step if step is not None else self.step
        self.epoch = epoch if epoch is not None else self.epoch
        finite = number(loss)
        self.loss = finite if finite is not None else self.loss

    @property
    def has_ended(self) -> bool:
        """Whether the trainer itself said how it ended, or that it left to be resumed."""
        return self.state in TERMINAL or self.state == "released"


def number(value: Any) -> float | None:
    """Return a finite number as float; None for anything else that a stream may hold in its place."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
