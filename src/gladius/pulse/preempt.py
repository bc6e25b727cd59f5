"""Signals by which a scheduler asks for the machine. Upstream: the kernel. Downstream: steering, at the next boundary."""

from __future__ import annotations

import os
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from gladius.pulse.control import Command, Mailbox
from gladius.pulse.warn import warn

if TYPE_CHECKING:
    from gladius.pulse.rundir import RunDir

PREEMPT = "preempt"
"""Our own order to ourselves: save at the next boundary and leave resumable."""

VARIABLE = "GLADIUS_PREEMPT_SIGNALS"
"""Names more signals, with commas between: `SIGUSR1,SIGUSR2`."""


class Preemption:
    """Turns signals into an order; a signal for which the script has a handler of its own stays the script's."""

    def __init__(self, ask: Callable[[Command], None], attempt: int) -> None:
        self._ask = ask
        self._attempt = attempt
        self._taken: List[int] = []

    def listen(self) -> None:
        """Take the signals over, where that is possible: only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            return
        _listening.add(self)
        for number in _signals():
            handler = signal.getsignal(number)
            # A run before this one that was never finished may still be listening: that is no handler of the script's.
            if handler is signal.SIG_DFL or getattr(handler, "__func__", None) is Preemption._notice:
                signal.signal(number, self._notice)
                self._taken = sorted({*self._taken, number})

    def forget(self) -> None:
        """Give the signals back."""
        if threading.current_thread() is threading.main_thread():
            for number in self._taken:
                if signal.getsignal(number) == self._notice:
                    signal.signal(number, signal.SIG_DFL)
        self._taken = []
        _listening.discard(self)

    @property
    def signals(self) -> List[int]:
        """The signals that were taken over."""
        return list(self._taken)

    def _notice(self, number: int, _frame: Any) -> None:
        # Only what is safe between any two instructions happens here.
        name = signal.Signals(number).name
        self._ask(Command("", PREEMPT, self._attempt, issued_by=name))


_listening: "weakref.WeakSet[Preemption]" = weakref.WeakSet()


def _hold_signals() -> None:
    """Before a fork: a signal for the child waits until the child has its own handlers."""
    for listener in list(_listening):
        signal.pthread_sigmask(signal.SIG_BLOCK, listener.signals)


def _let_signals_in() -> None:
    for listener in list(_listening):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, listener.signals)


def _be_mortal_in_child() -> None:
    """A forked child (a DataLoader worker) is no trainer: a signal ends it, as whoever sent it expects."""
    for listener in list(_listening):
        signals = listener.signals
        listener.forget()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals_in, after_in_child=_be_mortal_in_child)


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
            warn("%s names no signal: %s", VARIABLE, name)
    return numbers
