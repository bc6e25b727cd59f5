"""What a run's trainer can be told, and by which way. Upstream: store. Downstream: desk, server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from gladius.pulse.control import SUPERVISOR_COMMANDS, TRAINER_COMMANDS
from gladius.store.resumable import resumable
from gladius.store.view import RunView
from gladius.wire.events import PauseMode, Split

_BY_SIGNAL: dict[str, tuple[str, dict[str, Any]]] = {
    "pause": ("suspend", {}),
    "resume": ("continue", {}),
    "stop": ("terminate", {}),
}
_NOT_BY_SIGNAL = "it does not speak PULSE; 'gladius.start()' in the script enables this."
_NO_RELEASE_BY_SIGNAL = "only a trainer that saves checkpoints can leave its memory; this command can be suspended."
_NOT_CAPABLE = "this trainer does not support it."
_NOT_GIVEN = {
    "stop": "its loop does not look whether to stop; run.steps(loader) enables this.",
    "checkpoint": "it was given no function that saves; run.on('checkpoint', save) enables this.",
    "validate": "it was given no function that evaluates; run.on('validate', evaluate) enables this.",
    "set": "it announced nothing that could be changed; run.adjustable(...) enables this.",
    "reload_config": "it was given no function that reads its file; run.on('reload_config', read) enables this.",
}
_NO_RELEASE = "it saves no checkpoint from which it could go on; run.on('checkpoint', save) enables this."
_NO_SPLIT = "this trainer has no such records."
_WATCHED = "it was started elsewhere, and is only watched here."
_WAITS = "it waits to start."
_ATTACHED = "a status file takes no commands."
_ENDED = "the run has ended."
_RESUMABLE = "the run has ended; resuming it starts a new attempt."

PAUSE_MODES: tuple[PauseMode, ...] = get_args(PauseMode)
SPLITS: tuple[Split, ...] = get_args(Split)
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {"pause": ("mode", PAUSE_MODES), "validate": ("split", SPLITS)}
"""Command -> the argument by which it goes one way or another, and the ways; the first is meant where none is given."""


@dataclass(frozen=True)
class Route:
    """The command as it will be posted, and whose mailbox it goes to."""

    command: str
    args: dict[str, Any]
    to_supervisor: bool
    known: dict[str, frozenset[str]]


def speaks_pulse(view: RunView) -> bool:
    """Whether the trainer reads its mailbox: it said hello, in this attempt or an earlier one, or is one that will."""
    if any(facts.instrumented for facts in view.attempts.values()):
        return True
    return view.run.get("engine") not in (None, "command") and view.current.parsed_state is None


def route_of(view: RunView, name: str, args: Mapping[str, Any]) -> Route:
    """Decide who must obey: the trainer, or for a signal the supervisor."""
    if name in SUPERVISOR_COMMANDS:
        return Route(name, dict(args), True, SUPERVISOR_COMMANDS)
    # Who was stopped by a signal reads no mailbox, whatever it speaks.
    if name in _BY_SIGNAL and (not speaks_pulse(view) or (name == "resume" and view.suspended_now())):
        command, defaults = _BY_SIGNAL[name]
        return Route(command, dict(defaults), True, SUPERVISOR_COMMANDS)
    return Route(name, dict(args), False, TRAINER_COMMANDS)


def forms_of(name: str, args: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every form in which this wish may have been posted: as it was said, or as a signal."""
    by_signal = _BY_SIGNAL.get(name)
    return [(name, dict(args)), *([by_signal] if by_signal is not None else [])]


def way_of(name: str, args: Mapping[str, Any]) -> str | None:
    """`pause:release`, `validate:test`, ...; None for a command that has one way only, or a way that is none."""
    if name not in WAYS:
        return None
    argument, ways = WAYS[name]
    way = args.get(argument, ways[0])
    return f"{name}:{way}" if way in ways else None


def lingers(view: RunView) -> bool:
    """Whether a process that has said its last word is still there, with a supervisor that could end it."""
    return bool(view.alive) and view.current.exited is None and view.supervised


def pause_modes(view: RunView) -> list[PauseMode]:
    """The ways in which this run can pause now; none when it cannot, or has ended."""
    disabled = disabled_commands(view)
    return [] if "pause" in disabled else [mode for mode in PAUSE_MODES if f"pause:{mode}" not in disabled]


def splits(view: RunView) -> list[Split]:
    """What `validate` can evaluate now."""
    disabled = disabled_commands(view)
    return [] if "validate" in disabled else [split for split in SPLITS if f"validate:{split}" not in disabled]


def disabled_commands(view: RunView) -> dict[str, str]:
    """Command, or way of a command, -> why it cannot be sent to this run now; before `hello` most wait for it."""
    if view.attached:
        return dict.fromkeys((*TRAINER_COMMANDS, *SUPERVISOR_COMMANDS), _ATTACHED)
    if view.run.get("watched"):
        return dict.fromkeys((*TRAINER_COMMANDS, *SUPERVISOR_COMMANDS), _WATCHED)
    if view.ended:
        found = dict.fromkeys((*TRAINER_COMMANDS, *SUPERVISOR_COMMANDS), _ENDED)
        if resumable(view).possible:
            found["resume"] = _RESUMABLE
        if lingers(view):
            del found["terminate"]
        return found
    if view.attempt == 0:
        waits_on = (*TRAINER_COMMANDS, *SUPERVISOR_COMMANDS)
        return {name: _WAITS for name in waits_on if name not in ("stop", "terminate")}
    if not speaks_pulse(view):
        found = {name: _NOT_BY_SIGNAL for name in TRAINER_COMMANDS if name not in _BY_SIGNAL}
        return {**found, "pause:release": _NO_RELEASE_BY_SIGNAL}
    if not view.current.instrumented:
        return {}
    capable = view.hello.get("capabilities") or []
    reasons = cast("dict[str, str]", view.hello.get("reasons") or {})
    found = {
        name: reasons.get(name) or _NOT_GIVEN.get(name, _NOT_CAPABLE)
        for name in TRAINER_COMMANDS
        if name not in capable
    }
    if view.suspended:
        found.pop("resume", None)
    found.update(_ways_not_announced(view, "pause", "pause_modes", _NO_RELEASE))
    found.update(_ways_not_announced(view, "validate", "splits", _NO_SPLIT))
    return found


def _ways_not_announced(view: RunView, name: str, announced: str, reason: str) -> dict[str, str]:
    """The ways that the trainer's list leaves out; a trainer without a list is asked for any, and answers itself."""
    known = cast("list[str] | None", view.hello.get(announced))
    own = cast("dict[str, str]", view.hello.get("reasons") or {})
    ways = [f"{name}:{way}" for way in WAYS[name][1] if known is not None and way not in known]
    return {way: own.get(way) or reason for way in ways}
