"""Signals by which a scheduler asks for the machine. Upstream: the kernel. Downstream: steering, at the next boundary."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from gladius.pulse.control import Command, Mailbox
from gladius.pulse.heart import Heart

if TYPE_CHECKING:
    from gladius.pulse.rundir import RunDir

_log = logging.getLogger("gladius.pulse")

PREEMPT = "preempt"
"""Our own order to ourselves: save at the next boundary and leave resumable."""

VARIABLE = "GLADIUS_PREEMPT_SIGNALS"
"""Names more signals, with commas between: `SIGUSR1,SIGUSR2`."""


class Preemption:
    """Turns signals into an order; a signal for which the script has a handler of its own stays the script's."""

    def __init__(self, heart: Heart) -> None:
        self._heart = heart
        self._before: Dict[int, Any] = {}

    def listen(self) -> None:
        """Take the signals over, where that is possible: only the main thread may."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in _signals():
            if signal.getsignal(number) is signal.SIG_DFL:
                self._before[number] = signal.signal(number, self._notice)

    def forget(self) -> None:
        """Give the signals back."""
        if threading.current_thread() is threading.main_thread():
            for number, before in self._before.items():
                if signal.getsignal(number) == self._notice:
                    signal.signal(number, before)
        self._before = {}

    def _notice(self, number: int, _frame: Any) -> None:
        # Only what is safe between any two instructions happens here.
        name = signal.Signals(number).name
        self._heart.accepted.append(Command("", PREEMPT, self._heart.attempt, issued_by=name))


def person_behind(directory: "RunDir", attempt: int) -> Optional[str]:
    """Who asked the supervisor to terminate this attempt, if a person did; None for a scheduler's signal."""
    asked = [
        command
        for command in Mailbox(directory.supervisor_control).all()
        if command.command == "terminate" and command.attempt == attempt
    ]
    return (asked[0].issued_by or "a command") if asked else None


def _signals() -> List[int]:
    names = ["SIGTERM", *(name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip())]
    numbers = []
    for name in names:
        number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
        if isinstance(number, signal.Signals):
            numbers.append(int(number))
        else:
            _log.warning("%s names no signal: %s", VARIABLE, name)
    return numbers
