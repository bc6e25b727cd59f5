"""What supervisors accepted for an attempt, as stream and mailbox tell whoever comes later. Upstream: files. Downstream: supervisor."""

from __future__ import annotations

from gladius.pulse.control import Command, Mailbox
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir


def promised(directory: RunDir, attempt: int) -> list[Command]:
    """What was accepted and never answered, oldest first: whoever accepted it did not live to carry it out."""
    answers = _answers(directory)
    return [one for one in _posted(directory, attempt) if answers.get(one.id) == ["accepted"]]


def who_asked_to_end(directory: RunDir, attempt: int) -> str | None:
    """Who asked for the end of an attempt by a `terminate` that was accepted; None where nobody did."""
    answers = _answers(directory)
    asked = (one for one in _posted(directory, attempt) if one.command == "terminate")
    return next((one.issued_by or "a command" for one in asked if "accepted" in answers.get(one.id, [])), None)


def _posted(directory: RunDir, attempt: int) -> list[Command]:
    return [one for one in Mailbox(directory.supervisor_control).all() if one.attempt == attempt]


def _answers(directory: RunDir) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in EventReader(directory.supervisor_events):
        if event["type"] == "ack":
            found.setdefault(str(event.get("command_id")), []).append(str(event.get("state")))
    return found
