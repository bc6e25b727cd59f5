"""What became of each command: mailbox files on one side, acks on the other. Upstream: view. Downstream: record, desk."""

from __future__ import annotations

import time

from gladius.pulse.control import Command
from gladius.pulse.lock import is_held
from gladius.store.view import RunView
from gladius.wire.events import Ack
from gladius.wire.runs import CommandRecord, CommandState

TIMED_OUT_AFTER_S = 30.0


def command_records(view: RunView, now: float | None = None) -> list[CommandRecord]:
    """Every command of a run, oldest first; an id that a client chose tells nothing of the time."""
    ids = sorted(view.commands, key=lambda id_: (view.commands[id_].issued_at, id_))
    return [record for record in (command_record(view, id_, now) for id_ in ids) if record is not None]


def command_record(view: RunView, command_id: str, now: float | None = None) -> CommandRecord | None:
    """One command and its acks, None when there is none by that id."""
    command = view.commands.get(command_id)
    if command is None:
        return None
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


def _state(view: RunView, command: Command, acks: list[Ack], now: float) -> CommandState:
    """An answer wins however late it comes; without one, time and the attempt's end say what may still be hoped for."""
    for ack in reversed(acks):
        if ack.state != "accepted":
            return ack.state
    over = view.attempt > command.attempt or _nobody_answers(view)
    if acks:
        return "outcome_unknown" if over else "accepted"
    return "timed_out" if over or now - command.issued_at > TIMED_OUT_AFTER_S else "requested"


def _nobody_answers(view: RunView) -> bool:
    """Whether trainer and supervisor are gone: both still answer after the trainer's last word on its state."""
    return view.ended and not view.supervised and not is_held(view.directory.trainer_lock)
