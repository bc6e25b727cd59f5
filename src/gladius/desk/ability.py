"""What a run's trainer can be told, and by which way. Upstream: store. Downstream: desk, server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gladius.pulse.control import SUPERVISOR_COMMANDS, TRAINER_COMMANDS
from gladius.store.view import RunView

_BY_SIGNAL: dict[str, tuple[str, dict[str, Any]]] = {
    "pause": ("suspend", {}),
    "resume": ("continue", {}),
    "stop": ("terminate", {}),
}
_NOT_BY_SIGNAL = "it does not speak PULSE; 'gladius.start()' in the script enables this."
_NOT_CAPABLE = "this trainer does not support it."
_ENDED = "the run has ended."


@dataclass(frozen=True)
class Route:
    """The command as it will be posted, and whose mailbox it goes to."""

    command: str
    args: dict[str, Any]
    to_supervisor: bool
    known: dict[str, frozenset[str]]


def speaks_pulse(view: RunView) -> bool:
    """Whether the trainer reads its mailbox: it said hello, or it is one of those that will."""
    if view.current.instrumented:
        return True
    return view.run.get("engine") not in (None, "command") and view.current.parsed_state is None


def route_of(view: RunView, name: str, args: Mapping[str, Any]) -> Route:
    """Decide who must obey: the trainer, or for a signal the supervisor."""
    if name in SUPERVISOR_COMMANDS:
        return Route(name, dict(args), True, SUPERVISOR_COMMANDS)
    if not speaks_pulse(view) and name in _BY_SIGNAL:
        command, defaults = _BY_SIGNAL[name]
        return Route(command, dict(defaults), True, SUPERVISOR_COMMANDS)
    return Route(name, dict(args), False, TRAINER_COMMANDS)


def disabled_commands(view: RunView) -> dict[str, str]:
    """Command -> why it cannot be sent to this run now; before `hello` a trainer's commands wait for it."""
    if view.ended:
        return dict.fromkeys((*TRAINER_COMMANDS, *SUPERVISOR_COMMANDS), _ENDED)
    if not speaks_pulse(view):
        return {name: _NOT_BY_SIGNAL for name in TRAINER_COMMANDS if name not in _BY_SIGNAL}
    if not view.current.instrumented:
        return {}
    capable = view.hello.get("capabilities") or []
    return {name: _NOT_CAPABLE for name in TRAINER_COMMANDS if name not in capable}
