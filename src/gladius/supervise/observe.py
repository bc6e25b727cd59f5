"""What a supervisor knows of its trainer from the trainer's own stream. Upstream: events.jsonl. Downstream: supervisor."""

from __future__ import annotations

import math
from typing import Any

from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import TERMINAL


class Observed:
    """One attempt as its trainer tells it; `read` brings it up to date."""

    def __init__(self, directory: RunDir, attempt: int) -> None:
        self.instrumented = False
        self.state: str | None = None
        self.error: str | None = None
        self.reason: str | None = None
        self.step: int | None = None
        self.epoch: float | None = None
        self.loss: float | None = None
        self.answered: set[str] = set()
        self._attempt = attempt
        self._reader = EventReader(directory.events)

    def read(self) -> None:
        """Take in what the trainer wrote since the last call."""
        for event in self._reader.read_all():
            if event["type"] == "ack":
                self.answered.add(str(event.get("command_id")))
            if event.get("attempt") == self._attempt:
                self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "hello":
            self.instrumented = True
        elif event["type"] == "state":
            self.state = event.get("state")
            self.reason = event.get("reason")
            self.error = (event.get("error") or {}).get("message")
        elif event["type"] == "metrics":
            self.note(event.get("step"), event.get("epoch"), event.get("values", {}).get("train/loss"))

    def note(self, step: int | None, epoch: float | None, loss: Any) -> None:
        """Keep the last known place and the last finite loss."""
        self.step = step if step is not None else self.step
        self.epoch = epoch if epoch is not None else self.epoch
        if isinstance(loss, int | float) and math.isfinite(loss):
            self.loss = float(loss)

    @property
    def has_ended(self) -> bool:
        """Whether the trainer itself said how it ended, or that it left to be resumed."""
        return self.state in TERMINAL or self.state == "released"
