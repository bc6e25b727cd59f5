"""Which events are worth telling on the overview, and what of them. Upstream: event streams. Downstream: activities.

The same event gives the same activity whoever reads it, at whatever time: nothing is kept but the runs' own files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from gladius.pulse.control import Mailbox
from gladius.pulse.plain_file import open_plain
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import TERMINAL, VERDICT_STATES
from gladius.store.attached import SOURCE
from gladius.store.stream import decode_event
from gladius.wire.overview import Activity, ActivityKind

TYPES = frozenset({"hello", "state", "checkpoint", "ack", "hyperparameters", "process", "restart"})
_TAIL_BYTES = 1 << 19
WAITED_S = 5.0
"""A run that began sooner after it was asked for has not waited."""


class Teller:
    """Turns the events of one run into activities."""

    def __init__(self, directory: RunDir, run: Mapping[str, Any]) -> None:
        self._directory = directory
        self._run = run
        self._commands: dict[str, tuple[str, dict[str, Any], str]] = {}
        self._asked_to_end: set[int] = set()

    def birth(self, started: float | None, now: float) -> Activity | None:
        """How the run came to be, where that is more than its start: forked, attached, or it had to wait for it until now."""
        parent, created = self._run.get("parent"), self._run.get("created_at")
        if not isinstance(created, (int, float)):
            return None
        if self._run.get("source") == SOURCE:
            return self._activity("attached", float(created), {"path": self._run.get("watched")}, "attached")
        if isinstance(parent, dict):
            data = {"parent": parent.get("run_id"), "step": parent.get("step")}
            return self._activity("forked", float(created), data, "forked")
        if self._stood_in_line and (now if started is None else started) - created > WAITED_S:
            data = {"source": self._run.get("source"), "by": self._run.get("asked_by")}
            return self._activity("queued", float(created), data, "queued")
        return None

    @property
    def may_wait_since(self) -> float | None:
        """When the queue was given it (Unix seconds); None for a run that never was in it."""
        created = self._run.get("created_at")
        waits = self._stood_in_line and not isinstance(self._run.get("parent"), dict)
        return float(created) if waits and isinstance(created, (int, float)) else None

    @property
    def _stood_in_line(self) -> bool:
        """What a script or a terminal starts is there when it is heard of."""
        source = str(self._run.get("source"))
        return source == "api" or source.startswith("flow:")

    def tell(self, stream: str, event: Mapping[str, Any]) -> Activity | None:
        """What one event tells; None when it is nothing of its own."""
        if event.get("type") not in TYPES:
            return None
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            found: Activity | None = getattr(self, f"_{event['type']}")(stream, event)
            return found
        return None

    def _hello(self, _: str, event: Mapping[str, Any]) -> Activity | None:
        return self._start(event, (event.get("resumed_from") or {}).get("step"))

    def _process(self, _: str, event: Mapping[str, Any]) -> Activity | None:
        if event["event"] == "started":
            return self._start(event, None)
        if self._run.get("source") == SOURCE:
            return self._of(event, "detached", {}, "detached")
        verdict = str(event.get("verdict") or "unknown")
        state = VERDICT_STATES.get(verdict, "unknown")
        if state in ("killed", "unknown") and event["attempt"] in self._asked_to_end:
            state = "cancelled"
        data = {"state": state, "evidence": event.get("evidence"), "by_verdict": True}
        return self._of(event, "ended", data, f"{event['attempt']}~ended")

    def _start(self, event: Mapping[str, Any], step: int | None) -> Activity:
        kind: ActivityKind = "started" if event["attempt"] == 1 else "resumed"
        data = {} if step is None else {"step": step}
        return self._of(event, kind, data, f"{event['attempt']}~started")

    def _state(self, stream: str, event: Mapping[str, Any]) -> Activity | None:
        state = event["state"]
        if stream == "supervisor" and self._run.get("source") != SOURCE:
            return None
        if state not in TERMINAL and state != "released":
            return None
        reason = (event.get("error") or {}).get("message") or event.get("reason")
        kind: ActivityKind = "released" if state == "released" else "ended"
        return self._of(event, kind, {"state": state, "reason": reason}, f"{event['attempt']}~ended")

    def _checkpoint(self, stream: str, event: Mapping[str, Any]) -> Activity | None:
        if event.get("failed"):
            data = {"step": event["step"], "reason": event["failed"]}
            return self._of(event, "checkpoint_failed", data, f"{stream}~{event['seq']}")
        data = {"step": event["step"], "kind": event.get("kind"), "bytes": event.get("bytes")}
        return self._of(event, "checkpoint_saved", data, f"{stream}~{event['seq']}")

    def _ack(self, stream: str, event: Mapping[str, Any]) -> Activity | None:
        state = event["state"]
        if state == "accepted" and stream == "trainer":
            return None
        command, args, by = self._command(str(event["command_id"]))
        if state == "accepted":
            # How the attempt ends is told by what it was told.
            self._asked_to_end |= {event["attempt"]} if command == "terminate" else set()
            return None
        if command == "set" and state == "applied":
            return None  # told by the change itself, with the value that it had before
        data = {"command": command, "args": args, "by": by, "step": event.get("step"), "detail": event.get("detail")}
        return self._of(event, "rejected" if state == "rejected" else "applied", data, f"{stream}~{event['seq']}")

    def _hyperparameters(self, stream: str, event: Mapping[str, Any]) -> Activity | None:
        data = {key: event.get(key) for key in ("name", "old", "new", "step", "by")}
        return self._of(event, "changed", data, f"{stream}~{event['seq']}")

    def _restart(self, stream: str, event: Mapping[str, Any]) -> Activity | None:
        return self._of(event, "restarted", {"reason": event.get("reason")}, f"{stream}~{event['seq']}")

    def _command(self, command_id: str) -> tuple[str, dict[str, Any], str]:
        """What was asked for, and by whom; the mailbox keeps it until the run is deleted."""
        if command_id not in self._commands:
            for folder in (self._directory.control, self._directory.supervisor_control):
                for one in Mailbox(folder).scan():
                    self._commands[one.id] = (one.command, dict(one.args), one.issued_by)
        return self._commands.get(command_id, ("", {}, ""))

    def _of(self, event: Mapping[str, Any], kind: ActivityKind, data: dict[str, Any], name: str) -> Activity:
        return self._activity(kind, float(event["time"]), data, name, int(event["attempt"]))

    def _activity(
        self, kind: ActivityKind, time: float, data: dict[str, Any], name: str, attempt: int | None = None
    ) -> Activity:
        run_id = self._directory.run_id
        shown = str(self._run.get("name") or run_id)
        known = {key: value for key, value in data.items() if value is not None}
        return Activity(
            id=f"{run_id}~{name}", time=time, kind=kind, run_id=run_id, name=shown, attempt=attempt, data=known
        )


def read_tail(directory: RunDir) -> list[tuple[str, dict[str, Any]]]:
    """The telling events in the last half megabyte of each stream: what a run did lately, without reading it whole."""
    found = []
    for stream, path in (("trainer", directory.events), ("supervisor", directory.supervisor_events)):
        with contextlib.suppress(OSError), open_plain(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            found += [(stream, event) for event in _telling(file.read(_TAIL_BYTES))]
    return found


def _telling(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.split(b"\n"):
        if not line or b'"type":"metrics"' in line or b'"type":"system"' in line:
            continue
        with contextlib.suppress(ValueError, RecursionError):
            event = decode_event(line)
            if event.get("type") in TYPES:
                yield event
