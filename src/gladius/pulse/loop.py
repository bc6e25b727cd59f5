"""What the training's thread and the heart's leave for each other. Upstream: reporter. Downstream: heart, saving, steering.

Between two steps of a training nothing of ours stays in the processor's caches, and each object that a log call touches
must be fetched from memory. So what every step tells, and looks at, is one object.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Deque, Dict, Iterator, Optional

if TYPE_CHECKING:
    from gladius.pulse.control import Command


class Loop:
    """Where the training is, as its thread tells, and what is wanted of it at a boundary."""

    def __init__(self) -> None:
        self.is_stepped = False
        """Whether the script ends its steps itself; else each log call of another step ends one."""
        self.begun: Optional[int] = None
        """The last step that was ended or begun."""
        self.next_step = 0
        """Counted on as soon as a step is chosen, before its numbers are looked at: another thread takes the one after."""
        self.passes = 0
        """How often `steps` has come to its loader's end."""
        self.step: Optional[int] = None
        """The last step that ended, or that this attempt went on from."""
        self.epoch: Optional[float] = None
        """As the script told it with that step."""
        self.ended = 0
        """How many steps ended here."""
        self.loss = 0.0
        self.loss_step: Optional[int] = None
        """The last loss that was finite, and its step."""
        self.suspect = ""
        """Why the weights are not to be trusted now: since when the loss is no number, in words; "" when they are."""

        self.log_offset: Optional[int] = None
        """Where `console.log` ends."""
        self.watched = ""
        """The metric that decides which checkpoint is the best."""
        self.accepted: Deque[Command] = deque()
        """Commands that were promised and are to be carried out."""
        self.asks = False
        """Whether there is something to do at the next boundary: a command, or one that is just being promised."""
        self.handled: Dict[int, Optional[int]] = {}
        """The threads in which functions of the script are at work between two steps, and the step that had ended then."""
        self.always_asks = False
        """Whether there is at every boundary: a probe, other ranks."""
        self.save_step: Optional[int] = None
        self.save_time: Optional[float] = None
        """When the next periodic save is due: behind which step, at what monotonic time."""

    def end(self, step: int, epoch: Optional[float]) -> bool:
        """Note the end of a step; return whether something is to be done at this boundary."""
        self.step = self.begun = step
        self.epoch = epoch
        self.ended += 1
        saves = self.save_step is not None or self.save_time is not None
        return self.asks or (saves and self.is_save_due(step, monotonic()))

    @contextlib.contextmanager
    def handling(self) -> Iterator[None]:
        """Let functions of the script work: what they log from this thread belongs to the step that has just ended, and ends none."""
        me = threading.get_ident()
        outermost = me not in self.handled
        self.handled.setdefault(me, self.step)
        try:
            yield
        finally:
            if outermost:
                del self.handled[me]

    def is_save_due(self, step: int, now: float) -> bool:
        """Whether the periodic save is due behind a step that ended at `now`."""
        by_step, by_time = self.save_step, self.save_time
        return (by_step is not None and step >= by_step) or (by_time is not None and now >= by_time)

    def ask(self, command: Command) -> None:
        """Have a command carried out at the next boundary; a signal's handler may call this, too."""
        self.accepted.append(command)
        self.asks = True
