"""Follow a training_status.json that is not ours, and record what was seen of it. Upstream: the file. Downstream: a run directory.

The file is only read, and nothing is written beside it. What is recorded is our own: in the run's `training_status.json`
the six fields as they were read, in its `supervisor.jsonl` each loss that was new, at the moment when it was seen. Between two
looks nothing is known.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gladius.errors import StatusUnfit
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise.findings import summarize
from gladius.supervise.record import append_history, history_entry
from gladius.supervise.report import write_report
from pulse_wrapper import FIELDS, TrainingStatus, read_training_status, write_training_status

_log = logging.getLogger("gladius.supervise")

LOOK_S = 1.0
PATIENCE_LOOKS = 3
"""A file that is being written may be missing or half there at one look."""
_MOST_BYTES = 1 << 16
_ENDED = ("done", "error")

_MISSING = "watched_missing"
_UNREADABLE = "watched_unreadable"
_MALFORMED = "watched_malformed"
_AGAIN = "watched_again"


def read_foreign(path: Path) -> dict[str, Any]:
    """The six fields; raises StatusUnfit. `path` has no links in it: one that was put there since leads elsewhere."""
    try:
        if os.path.realpath(path) != os.fspath(path):
            raise StatusUnfit(_UNREADABLE, f"{path} leads elsewhere now.")
        data = json.loads(_content(path).decode("utf-8"))
    except FileNotFoundError:
        raise StatusUnfit(_MISSING, f"{path} is not there.") from None
    except OSError as error:
        raise StatusUnfit(_UNREADABLE, f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise StatusUnfit(_MALFORMED, f"{path} holds no JSON.") from None
    return _checked(path, data)


def _content(path: Path) -> bytes:
    """Only a plain, small file is ever read: a pipe or a device could hold us for ever."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StatusUnfit(_UNREADABLE, f"{path} is no plain file.")
        content = os.read(descriptor, _MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MOST_BYTES:
        raise StatusUnfit(_MALFORMED, f"{path} is too large for a training status.")
    return content


def _checked(path: Path, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise StatusUnfit(_MALFORMED, f"{path} holds no training status.")
    missing = [name for name in FIELDS if data.get(name) is None]
    if missing:
        raise StatusUnfit(_MALFORMED, f"{path} holds no training status: {', '.join(missing)} is missing.")
    known = {name: data[name] for name in FIELDS}
    moment = known["timestamp"]
    known["timestamp"] = int(moment) if isinstance(moment, float) and moment.is_integer() else moment
    try:
        return TrainingStatus.create(**known)
    except (TypeError, ValueError) as error:
        raise StatusUnfit(_MALFORMED, f"{path} holds no training status: {str(error)[:200]}.") from None


class Foreign:
    """One watched file and the run made of it. `look` may wait for a disk: call it in a thread, one at a time."""

    def __init__(self, run: RunDir, watched: Path) -> None:
        self.run = run
        self.watched = watched
        self._attempt = max(run.attempt_numbers(), default=1)
        self._events = EventWriter(run.supervisor_events, self._attempt)
        self._status: dict[str, Any] = {}
        self._begun = False
        self._copied = True
        self._recorded = False
        self._bad_looks = 0
        self._told = _told(run)

    def look(self) -> None:
        """Read the file once and record what is new. A file that stays unfit is told of once, and so is its return."""
        if not self._begun and not self._begin():
            return
        try:
            status = read_foreign(self.watched)
        except StatusUnfit as problem:
            self._unfit(problem)
        else:
            if self._told is not None:
                self._alert("info", _AGAIN, f"{self.watched} can be read again.")
            self._told, self._bad_looks = None, 0
            if status != self._status:
                self._take(status)
        if not self._copied:
            self._copy()
        if not self._recorded and self._status.get("status") in _ENDED:
            self._record()

    def close(self) -> None:
        """Record nothing any more."""
        self._events.close()

    def detach(self, by: str) -> None:
        """Note that the file is watched no more."""
        self._events.write("process", {"event": "exited", "verdict": "unknown", "evidence": f"detached by {by}"}, True)
        self.close()

    def _begin(self) -> bool:
        """Wait until whoever makes the run has written all of it: its attempt comes last, its `idle` status before that."""
        self._begun = bool(self.run.attempt_numbers())
        if self._begun:
            # Our own copy remembers, over a restart of the server, what was seen last.
            self._status = read_training_status(self.run.status) or {}
        return self._begun

    def _unfit(self, problem: StatusUnfit) -> None:
        self._bad_looks += 1
        if self._bad_looks >= PATIENCE_LOOKS and self._told != problem.problem:
            self._told = problem.problem
            self._alert("warning", problem.problem, str(problem))

    def _alert(self, level: str, code: str, message: str) -> None:
        fields = {"level": level, "code": code, "message": message, "value": str(self.watched)}
        self._events.write("alert", fields, durable=True)

    def _take(self, status: dict[str, Any]) -> None:
        before, self._status = self._status, status
        if before.get("status") in _ENDED and status["status"] not in _ENDED:
            self._begin_next()
        self._copy()
        if _has_loss(status) and (status["loss"], status["epoch"]) != (before.get("loss"), before.get("epoch")):
            self._events.metrics({"train/loss": status["loss"]}, None, status["epoch"], None)
        if status["status"] != before.get("status") and status["status"] != "idle":
            self._events.write("state", {"state": status["status"], "reason": status["message"]}, durable=True)

    def _copy(self) -> None:
        self._copied = False
        with contextlib.suppress(OSError):
            write_training_status(self.run.status, **self._status)
            self._copied = True

    def _begin_next(self) -> None:
        """Another training has begun in the same file, or the same one again: an attempt of its own."""
        self._events.close()
        self._attempt += 1
        self._recorded = False
        self.run.write_attempt(self._attempt, attempt_facts(self.watched))
        self._events = EventWriter(self.run.supervisor_events, self._attempt)

    def _record(self) -> None:
        """Report and history of a training that ended, by the file's own word and at its own time; when it began is not known."""
        home, state = Home(self.run.root.parent.parent), str(self._status["status"])
        report = summarize(self.run, self._attempt, state, self._status, home.state / "alerts.jsonl")
        report |= {"started_at": None, "finished_at": float(self._status["timestamp"]), "duration_s": None}
        report |= {"evidence": f"{self.watched} says {state}"}
        try:
            write_report(self.run, report)
            append_history(home.history, history_entry(self.run, report, state))
            self._recorded = True
        except OSError as error:
            _log.warning("%s is not recorded: %s", self.run.run_id, error)


def attempt_facts(watched: Path) -> dict[str, Any]:
    """What is known of a training that somebody else started: where its status lies."""
    return {"argv": [], "env": [], "launcher": None, "config": {}, "checkpoint": None, "watched": os.fspath(watched)}


def is_detached(run: RunDir) -> bool:
    """Whether the file of this run is watched no more."""
    return any(event["type"] == "process" for event in EventReader(run.supervisor_events))


def _told(run: RunDir) -> str | None:
    """What was last said to be wrong with the file, by us or by a server before us."""
    codes = [event.get("code") for event in EventReader(run.supervisor_events) if event["type"] == "alert"]
    return None if not codes or codes[-1] == _AGAIN else str(codes[-1])


def _has_loss(status: Mapping[str, Any]) -> bool:
    """A writer without a loss yet must write one: 0.0 at epoch 0 is none."""
    return status["status"] != "idle" and not (status["loss"] == 0.0 and status["epoch"] == 0.0)
