"""What one attempt says of itself: events, its state, its status fields. Upstream: reporter, steering. Downstream: events, heart."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional

from gladius.pulse.encode import quick_encoder
from gladius.pulse.events import EventWriter
from gladius.pulse.heart import Heart
from gladius.pulse.loop import Loop
from gladius.pulse.states import may_move
from gladius.pulse.values import Rate

if TYPE_CHECKING:
    from gladius.pulse.rundir import RunDir


class Voice:
    """The one place through which a trainer writes: the stream, and through its heart the status file."""

    def __init__(self, directory: "RunDir", loop: Loop, attempt: int, total_epochs: float) -> None:
        self.state = "preparing"
        self.loop = loop
        self.clocks: List[Rate] = []
        self.events = EventWriter(directory.events, attempt, spell=quick_encoder())
        self.heart = Heart(directory, self.events, self.loop, attempt)
        self.heart.fields.total_epochs = total_epochs
        self.events.write("state", {"state": "preparing"}, durable=True)

    def write(self, type_: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Append an event; fields that are None are left out."""
        self.events.write(type_, {key: value for key, value in fields.items() if value is not None}, durable=durable)

    def move(self, state: str, reason: Optional[str] = None, error: Optional[Dict[str, Any]] = None) -> bool:
        """Go to another state, if the protocol allows it from here; durable."""
        if not may_move(self.state, state):
            return False
        self.state = state
        self.write("state", {"state": state, "reason": reason, "error": error}, durable=True)
        self.heart.touch()
        return True

    def alert(self, level: str, code: str, message: str, value: Any = None, threshold: Any = None) -> None:
        """Tell people something; `level` is info, warning or critical."""
        fields = {"level": level, "code": code, "message": message, "value": value, "threshold": threshold}
        self.write("alert", fields)

    def progress(self, message: str) -> None:
        """Say how far a long operation is: the status's message."""
        self.heart.fields.message = message
        self.heart.touch()

    @contextlib.contextmanager
    def long(self, operation: str, message: Optional[str] = None) -> Iterator[None]:
        """Declare a long operation. `validating` and `checkpointing` are states that return whence they came."""
        before, told = self.state, self.heart.fields.message
        moved = operation in ("validating", "checkpointing") and self.move(operation, message)
        self.progress(message or operation.capitalize())
        try:
            with self.no_steps():
                yield
        finally:
            self.progress(told)
            if moved and self.state == operation:
                self.move(before)

    @contextlib.contextmanager
    def no_steps(self) -> Iterator[None]:
        """While this lasts no step is due, and the time counts neither as a step's nor in a rate."""
        began = time.perf_counter()
        self.heart.pace.look()
        self.heart.long_operations += 1
        try:
            yield
        finally:
            self.heart.long_operations -= 1
            self.heart.pace.forget_interval()
            if not self.heart.long_operations:
                for clock in self.clocks:
                    clock.skip(time.perf_counter() - began)
