"""Begin and end a run: `gladius.start`, `init`, `log`, `finish`. Upstream: the script. Downstream: reporter."""

from __future__ import annotations

import atexit
import json
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Iterable, Iterator, Mapping, NoReturn, Optional, Tuple, Type

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


class _Current:
    """The run that the module functions mean, and how it ends when the script just stops."""

    def __init__(self) -> None:
        self.run: Optional[Run] = None
        self._hooked = False
        self._error: Optional[BaseException] = None
        self._steps_then: Optional[int] = None

    def hold(self, run: Run) -> None:
        self.run = run
        if not self._hooked:
            self._hooked = True
            atexit.register(self._at_exit)
            self._chain_excepthook()
            self._chain_exit()

    def _chain_excepthook(self) -> None:
        before = sys.excepthook

        def remember(kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
            self._remember(error)
            before(kind, error, trace)

        sys.excepthook = remember

    def _chain_exit(self) -> None:
        """Learn of `sys.exit(3)`: no hook of Python's tells of it, and it must not be recorded as `done`."""
        before = sys.exit

        def leave(status: Any = None) -> NoReturn:
            self._remember(SystemExit(status) if status not in (None, 0, False) else None)
            before(status)

        sys.exit = leave  # type: ignore[assignment,unused-ignore]

    def _remember(self, error: Optional[BaseException]) -> None:
        self._error = error
        self._steps_then = self.run.last_step if self.run is not None else None

    def _at_exit(self) -> None:
        if self.run is None:
            return
        # A script that went on training afterwards had caught what we remember.
        went_on = self.run.last_step != self._steps_then
        self.run.finish(None if went_on else self._error)


_current = _Current()


def start(
    *,
    total_epochs: Optional[float] = None,
    total_steps: Optional[int] = None,
    steps_per_epoch: Optional[int] = None,
    samples: Optional[int] = None,
    name: Optional[str] = None,
    config: Optional[Mapping[str, Any]] = None,
    model: Optional[Mapping[str, Any]] = None,
    world_size: int = 1,
    mode: str = "single",
    capabilities: Optional[Iterable[str]] = None,
    resumed_from: Optional[Mapping[str, Any]] = None,
    attributions: Optional[Mapping[str, str]] = None,
) -> Run:
    """Begin to record this process's training.

    Writes into the folder that GLADIUS_RUN_DIR names, else makes a run of its own under GLADIUS_HOME. Where nothing can
    be recorded (no permission, another trainer records there already, a rank other than 0) it warns and returns an
    inactive run.

    Args:
        total_epochs: epochs planned; None when limited by steps or not known.
        total_steps: optimizer steps planned.
        steps_per_epoch: optimizer steps in one epoch.
        samples: training samples in one epoch.
        name: for people.
        config: the hyperparameters, recorded with the attempt.
        model: name, parameters, experts, active_experts, as far as known.
        world_size, mode: of a distributed job; mode is `single`, `distributed` or `multi_node`.
        capabilities: the commands this trainer obeys; by default all that it gives functions for.
        resumed_from: `{checkpoint, step}` where this attempt goes on from one.
        attributions: beginnings of metric names whose values are shared out among parts and not measured of them, and
            how: `{"moe/loss": "routing_weighted_nll"}`.

    Raises:
        ValueError: a negative or infinite plan.

    """
    processes = os.environ.get("WORLD_SIZE", "")
    if world_size == 1 and processes.isdigit() and int(processes) > 1:
        world_size, mode = int(processes), "distributed"
    plan = Plan(
        total_epochs, total_steps, steps_per_epoch, samples, model, world_size, mode, capabilities, resumed_from
    )
    plan.attributions = dict(attributions) if attributions else None
    inactive = Run(None, 0, None, plan)
    if _current.run is not None and _current.run.active:
        warn("a run is recorded by this process already; the second one is not")
        return inactive
    if supervised := os.environ.get("GLADIUS_RUN_DIR"):
        keep_printing(RunDir(supervised).console_log)
    if any(os.environ.get(rank, "0") not in ("", "0") for rank in ("RANK", "LOCAL_RANK")):
        facts = _facts_of_rank_0()
        _current.run = Run(None, 0, None, plan, facts.get("checkpoint"), facts.get("overrides"))
        return _current.run
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
        return inactive
    except (OSError, RuntimeError) as error:
        # RuntimeError: there is no home folder to be found.
        warn("nothing is recorded: %s", error)
        return inactive
    run = Run(directory, attempt, lock, plan, facts.get("checkpoint"), facts.get("overrides"))
    _current.hold(run)
    return run


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


def init(
    project: Optional[str] = None, name: Optional[str] = None, config: Optional[Mapping[str, Any]] = None, **plan: Any
) -> Run:
    """Begin a run in the shape that Weights & Biases users know; `plan` takes the arguments of `start`."""
    return start(name=name or project, config=config, **plan)


def log(values: Mapping[str, Any], step: Optional[int] = None) -> None:
    """Log numbers to the run that `init` began; without one, a warning and nothing else."""
    if _current.run is None:
        warn("gladius.log before gladius.init: nothing is recorded")
        return
    _current.run.log(values, step=step)


def finish() -> None:
    """End the run that `init` began."""
    if _current.run is not None:
        _current.run.finish()


def current_run() -> Optional[Run]:
    """The run that this process records, or None."""
    return _current.run
