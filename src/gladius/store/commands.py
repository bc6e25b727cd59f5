"""What became of each command: mailbox files on one side, acks on the other. Upstream: view. Downstream: record, desk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gladius.pulse.control import Command
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import RunDir
from gladius.store.view import RunView
from gladius.wire.events import Ack
from gladius.wire.runs import CommandRecord, CommandState

TIMED_OUT_AFTER_S = 30.0


def command_records(view: RunView, now: float | None = None, children: Sequence[str] = ()) -> list[CommandRecord]:
    """Every command of a run, oldest first; an id that a client chose tells nothing of the time.

    `children` are the runs that were forked from this one: each fork is a command of both.
    """
    records = [command_record(view, id_, now) for id_ in view.commands]
    known = [record for record in records if record is not None]
    all_of_them = [*departures(view), *forks(view, children), *known]
    return sorted(all_of_them, key=lambda record: (record.issued_at, record.command_id))


def forks(view: RunView, children: Sequence[str]) -> list[CommandRecord]:
    """Who forked this run, from which checkpoint: only the child's own files tell, and it may be gone."""
    records = [_fork(RunDir(view.directory.root.with_name(child)), child) for child in children]
    return [record for record in records if record is not None]


def _fork(directory: RunDir, child: str) -> CommandRecord | None:
    launched = directory.read_attempt(1)
    asked_by, asked_at = launched.get("asked_by"), launched.get("asked_at")
    if not isinstance(asked_by, str) or not isinstance(asked_at, int | float):
        return None
    return CommandRecord(
        command_id=f"fork-{child}",
        command="fork",
        args={**_departed(launched), "child": child},
        issued_at=float(asked_at),
        issued_by=asked_by,
        state="applied",
        detail=child,
    )


def departures(view: RunView) -> list[CommandRecord]:
    """Each resume of this run, and the fork that it began with: nobody lived to find them in a mailbox."""
    records = [_departure(view, number) for number in sorted({*view.launched, *view.attempts})]
    return [record for record in records if record is not None]


def _departure(view: RunView, number: int) -> CommandRecord | None:
    """How somebody began an attempt; None for one that began by itself, or with the run."""
    parent = view.run.get("parent")
    forked = number == 1 and isinstance(parent, dict)
    launched = view.directory.read_attempt(number)
    asked_by, facts = launched.get("asked_by"), view.attempt_facts(number)
    asked_at = launched.get("asked_at", facts.started_at)
    if not (forked or number > 1) or not isinstance(asked_by, str) or not isinstance(asked_at, int | float):
        return None
    args = _departed(launched)
    if forked and isinstance(parent, dict):
        args["run_id"] = parent.get("run_id")
    resumed = (facts.hello or {}).get("resumed_from") or {}
    return CommandRecord(
        command_id=f"attempt-{number}",
        command="fork" if forked else "resume",
        args=args,
        issued_at=float(asked_at),
        issued_by=asked_by,
        attempt=number,
        state="requested" if facts.started_at is None else "applied",
        step=resumed.get("step"),
        detail=f"attempt {number}",
    )


def _departed(launched: dict[str, Any]) -> dict[str, Any]:
    """From where, and with what instead."""
    checkpoint, overrides = launched.get("checkpoint"), launched.get("overrides")
    args: dict[str, Any] = {"checkpoint": checkpoint} if isinstance(checkpoint, str) else {}
    return args | ({"overrides": overrides} if isinstance(overrides, dict) and overrides else {})


def command_record(view: RunView, command_id: str, now: float | None = None) -> CommandRecord | None:
    """One command and its acks, None when there is none by that id."""
    command = view.commands.get(command_id)
    if command is None:
        return next((record for record in departures(view) if record.command_id == command_id), None)
    acks = []
    for event in view.acks.get(command_id, []):
        try:
            acks.append(Ack.model_validate(event))
        except ValueError:
            continue
    last = acks[-1] if acks else None
    return CommandRecord(
        command_id=command.id,
        command=command.command,
        args=dict(command.args),
        issued_at=command.issued_at,
        issued_by=command.issued_by,
        attempt=command.attempt,
        state=_state(view, command, acks, time.time() if now is None else now),
        step=last.step if last else None,
        detail=last.detail if last else None,
        acks=acks,
    )


def _waited(view: RunView, command: Command, now: float) -> float:
    """Seconds that it waits: since it was seen to come, whatever the clocks say; of an older one its own word counts."""
    seen = view.command_seen_at.get(command.id)
    return now - command.issued_at if seen is None else time.monotonic() - seen


def _state(view: RunView, command: Command, acks: list[Ack], now: float) -> CommandState:
    """An answer wins however late it comes; without one, time and the attempt's end say what may still be hoped for."""
    for ack in reversed(acks):
        if ack.state != "accepted":
            return ack.state
    over = view.attempt > command.attempt or _nobody_answers(view)
    if acks:
        return "outcome_unknown" if over else "accepted"
    return "timed_out" if over or _waited(view, command, now) > TIMED_OUT_AFTER_S else "requested"


def _nobody_answers(view: RunView) -> bool:
    """Whether trainer and supervisor are gone: both still answer after the trainer's last word on its state."""
    return view.ended and not view.supervised and not is_held(view.directory.trainer_lock)
