"""Begin and end a run: `gladius.start`, `init`, `log`, `finish`. Upstream: the script. Downstream: reporter."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from types import TracebackType
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple, Type

from gladius.errors import LockHeld
from gladius.pulse.lock import FileLock
from gladius.pulse.plan import DEFAULT_CAPABILITIES, Plan
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import Home, RunDir

_log = logging.getLogger("gladius.pulse")


class _Current:
    """The run that the module functions mean, and how it ends when the script just stops."""

    def __init__(self) -> None:
        self.run: Optional[Run] = None
        self._hooked = False
        self._error: Optional[BaseException] = None

    def hold(self, run: Run) -> None:
        self.run = run
        if not self._hooked:
            self._hooked = True
            atexit.register(self._at_exit)
            self._chain_excepthook()

    def _chain_excepthook(self) -> None:
        before = sys.excepthook

        def remember(kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
            self._error = error
            before(kind, error, trace)

        sys.excepthook = remember

    def _at_exit(self) -> None:
        if self.run is not None:
            self.run.finish(self._error)


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
    capabilities: Iterable[str] = DEFAULT_CAPABILITIES,
    resumed_from: Optional[Mapping[str, Any]] = None,
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
        capabilities: the commands this trainer obeys.
        resumed_from: `{checkpoint, step}` where this attempt goes on from one.

    Raises:
        ValueError: a negative or infinite plan.

    """
    plan = Plan(
        total_epochs, total_steps, steps_per_epoch, samples, model, world_size, mode, capabilities, resumed_from
    )
    inactive = Run(None, 0, None, plan)
    if _current.run is not None and _current.run.active:
        _log.warning("a run is recorded by this process already; the second one is not")
        return inactive
    if any(os.environ.get(rank, "0") not in ("", "0") for rank in ("RANK", "LOCAL_RANK")):
        return inactive
    try:
        directory, attempt = _open_run(name, config)
        lock = FileLock(directory.trainer_lock)
        lock.acquire()
    except LockHeld as error:
        _log.warning("%s This process records nothing.", error.message)
        return inactive
    except OSError as error:
        _log.warning("nothing is recorded: %s", error)
        return inactive
    run = Run(directory, attempt, lock, plan)
    _current.hold(run)
    return run


def _open_run(name: Optional[str], config: Optional[Mapping[str, Any]]) -> Tuple[RunDir, int]:
    """Find or make the run directory and this process's attempt in it."""
    named = os.environ.get("GLADIUS_RUN_DIR")
    title = name or os.path.splitext(os.path.basename(sys.argv[0] or "python"))[0] or "script"
    if named:
        directory = RunDir(os.path.abspath(named))
        directory.create({"name": title, "created_at": time.time(), "source": "script"}, "Preparing")
    else:
        directory = Home().new_run(title, {"source": "script", "engine": "script"}, "Preparing")
    announced = os.environ.get("GLADIUS_ATTEMPT", "")
    if announced.isdigit() and directory.attempt_json(int(announced)).exists():
        return directory, int(announced)
    attempt = max(directory.attempt_numbers(), default=0) + 1
    facts: Dict[str, Any] = {
        "argv": [sys.executable, *sys.argv],
        "env": [],
        "launcher": None,
        "config": dict(config or {}),
    }
    directory.write_attempt(attempt, facts)
    return directory, attempt


def init(
    project: Optional[str] = None, name: Optional[str] = None, config: Optional[Mapping[str, Any]] = None, **plan: Any
) -> Run:
    """Begin a run in the shape that Weights & Biases users know; `plan` takes the arguments of `start`."""
    return start(name=name or project, config=config, **plan)


def log(values: Mapping[str, Any], step: Optional[int] = None) -> None:
    """Log numbers to the run that `init` began; without one, a warning and nothing else."""
    if _current.run is None:
        _log.warning("gladius.log before gladius.init: nothing is recorded")
        return
    _current.run.log(values, step=step)


def finish() -> None:
    """End the run that `init` began."""
    if _current.run is not None:
        _current.run.finish()


def current_run() -> Optional[Run]:
    """The run that this process records, or None."""
    return _current.run
