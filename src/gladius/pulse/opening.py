"""Find or make what a run is recorded in: directory, lock, attempt. Upstream: start. Downstream: reporter."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from gladius.errors import LockHeld
from gladius.pulse.checkpoints import read_facts, verify
from gladius.pulse.course import checkpoints_of_the_course
from gladius.pulse.encode import encode
from gladius.pulse.events import events_of_type
from gladius.pulse.lock import FileLock
from gladius.pulse.output import keep_printing
from gladius.pulse.plan import Plan
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import Home, RunDir
from gladius.pulse.states import TERMINAL
from gladius.pulse.warn import warn


def recorded(plan: Plan, name: Optional[str], config: Optional[Mapping[str, Any]]) -> Run:
    """Begin to record; where that cannot be, warn and return an inactive run."""
    _keep_printing()
    try:
        directory = _open_run(name)
        lock = FileLock(directory.trainer_lock)
        lock.acquire()
        try:
            attempt, facts = _open_attempt(directory, config)
            plan.config = _as_json(config) if config and "config" not in facts else None
        except OSError:
            lock.release()
            raise
    except LockHeld as error:
        warn("%s This process records nothing.", error.message)
        return unrecorded(plan)
    except (OSError, RuntimeError) as error:
        # RuntimeError: there is no home folder to be found.
        warn("nothing is recorded: %s", error)
        return unrecorded(plan)
    return Run(directory, attempt, lock, plan, facts.get("checkpoint"), facts.get("overrides"))


def other_rank(plan: Plan) -> Run:
    """Return the inactive run of a rank other than 0, which is told what rank 0 is."""
    _keep_printing()
    facts = _facts_of_rank_0()
    return Run(None, 0, None, plan, facts.get("checkpoint"), facts.get("overrides"))


def unrecorded(plan: Plan) -> Run:
    """Return an inactive run."""
    return Run(None, 0, None, plan)


def _keep_printing() -> None:
    if supervised := os.environ.get("GLADIUS_RUN_DIR"):
        keep_printing(RunDir(supervised).console_log)


def _open_run(name: Optional[str]) -> RunDir:
    """Find or make the run directory."""
    named = os.environ.get("GLADIUS_RUN_DIR")
    title = str(name or os.path.splitext(os.path.basename(sys.argv[0] or "python"))[0] or "script")
    directory = RunDir(os.path.abspath(named)) if named else None
    if directory is not None and _has_ended(directory, _announced_attempt(directory)):
        # The second training of one script: an attempt that has ended is never written to again.
        warn("the training of %s has ended; this one is recorded as a run of its own", directory.root)
        directory = None
    if directory is None:
        return Home().new_run(title, {"source": "script", "engine": "script"}, "Preparing")
    directory.create({"name": title, "created_at": time.time(), "source": "script"}, "Preparing")
    return directory


def _open_attempt(directory: RunDir, config: Optional[Mapping[str, Any]]) -> Tuple[int, Dict[str, Any]]:
    """Return the attempt that the launcher announced, else record one, and its facts; only the lock's holder may."""
    announced = _announced_attempt(directory)
    if announced is not None:
        return announced, directory.read_attempt(announced)
    attempt = max(directory.attempt_numbers(), default=0) + 1
    facts: Dict[str, Any] = {
        **_command_line(),
        "env": [],
        "launcher": None,
        "config": _as_json(config or {}),
        "checkpoint": _last_checkpoint(directory),
    }
    directory.write_attempt(attempt, facts)
    return attempt, facts


def _facts_of_rank_0() -> Dict[str, Any]:
    """What rank 0 is told of its attempt, for another rank, which only reads: all must begin from one checkpoint."""
    named = os.environ.get("GLADIUS_RUN_DIR")
    directory = RunDir(os.path.abspath(named)) if named else None
    if directory is None or not os.path.isdir(directory.root):
        return {}
    announced = _announced_attempt(directory)
    if announced is not None:
        return directory.read_attempt(announced)
    # Rank 0 may have begun the attempt that goes on, and with it the last state.
    states = [event.get("state") for event in events_of_type(directory.events, "state")]
    ended = [state for state in states if state != "preparing"]
    return {} if ended[-1:] == ["done"] else {"checkpoint": _last_checkpoint(directory)}


def _command_line() -> Dict[str, Any]:
    """How this process was started, so that it can be started again; a notebook has no way to be."""
    words = list(getattr(sys, "orig_argv", None) or [sys.executable, *sys.argv])  # Python 3.9 knows no `orig_argv`
    again = {"argv": [sys.executable, *words[1:]]}
    if "ipykernel" in sys.modules or sys.flags.interactive or len(words) < 2:
        return again
    try:
        return {**again, "cwd": os.getcwd()}
    except OSError:
        return again


def _last_checkpoint(directory: RunDir) -> Optional[str]:
    """Where a job that is started again in its directory goes on: the newest checkpoint that is still whole.

    A training that was done is not gone on with: starting it again means to train anew.
    """
    if _last_state(directory) == "done":
        return None
    # A run's directory may have been copied or moved since.
    named = (
        Path(name) if os.path.isdir(name) else directory.checkpoints / os.path.basename(name)
        for name in _ways_on(directory)
    )
    there = list(dict.fromkeys(path for path in named if path.is_dir()))
    # Weights that were saved while the loss was no number are gone on with only where there are no others.
    for path in sorted(there, key=lambda path: bool(read_facts(path).get("suspect"))):
        try:
            problems = verify(path)
        except (OSError, ValueError) as error:
            problems = [str(error)]
        if not problems:
            return str(path)
        warn("the checkpoint %s is passed over: %s", path, problems[0])
    return None


def _ways_on(directory: RunDir) -> Iterator[str]:
    """The checkpoints that led to where this run is, newest first; then those that its attempts were launched from."""
    origins = {event["attempt"]: _origin_step(event) for event in events_of_type(directory.events, "hello")}
    began = {**dict.fromkeys(directory.attempt_numbers()), **origins}
    for event in checkpoints_of_the_course(list(events_of_type(directory.events, "checkpoint")), began):
        yield event["path"]
    for attempt in sorted(began, reverse=True):
        launched_from = directory.read_attempt(attempt).get("checkpoint")
        if isinstance(launched_from, str):
            yield launched_from


def _origin_step(hello: Mapping[str, Any]) -> Optional[int]:
    """The step that an attempt says it went on from; None when it began anew."""
    origin = hello.get("resumed_from")
    step = origin.get("step") if isinstance(origin, dict) else None
    return step if isinstance(step, int) else None


def _announced_attempt(directory: RunDir) -> Optional[int]:
    """The attempt that a supervisor started this process for, if it is one of this directory's."""
    announced = os.environ.get("GLADIUS_ATTEMPT", "")
    known = announced.isdigit() and directory.attempt_json(int(announced)).exists()
    return int(announced) if known else None


def _has_ended(directory: RunDir, attempt: Optional[int]) -> bool:
    """Whether a trainer has said how this attempt ended."""
    return attempt is not None and _last_state(directory, attempt) in TERMINAL | {"released"}


def _last_state(directory: RunDir, attempt: Optional[int] = None) -> Optional[str]:
    """The last state that a trainer wrote, in this attempt or in any; None where none did."""
    events = events_of_type(directory.events, "state")
    states = [event.get("state") for event in events if attempt in (None, event["attempt"])]
    return states[-1] if states else None


def _as_json(config: Mapping[str, Any]) -> Any:
    """Return a configuration as JSON can hold it: a path or a dtype as text, NaN spelled."""
    try:
        return json.loads(encode(dict(config)))
    except (TypeError, ValueError) as error:
        warn("the configuration is not recorded: %s", error)
        return {}
