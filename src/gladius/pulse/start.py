"""Begin and end a run: `gladius.start`, `init`, `log`, `finish`. Upstream: the script. Downstream: opening.

Importing this costs next to nothing: what a run is made of is loaded when one begins.
"""

from __future__ import annotations

import atexit
import os
import sys

from gladius.pulse.warn import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Iterable, Mapping, NoReturn, Optional, Type

    from gladius.pulse.reporter import Run


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
    from gladius.pulse.opening import other_rank, recorded, unrecorded
    from gladius.pulse.plan import Plan

    processes = os.environ.get("WORLD_SIZE", "")
    if world_size == 1 and processes.isdigit() and int(processes) > 1:
        world_size, mode = int(processes), "distributed"
    plan = Plan(
        total_epochs, total_steps, steps_per_epoch, samples, model, world_size, mode, capabilities, resumed_from
    )
    plan.attributions = dict(attributions) if attributions else None
    if _current.run is not None and _current.run.active:
        warn("a run is recorded by this process already; the second one is not")
        return unrecorded(plan)
    if any(os.environ.get(rank, "0") not in ("", "0") for rank in ("RANK", "LOCAL_RANK")):
        _current.run = other_rank(plan)
        return _current.run
    run = recorded(plan, name, config)
    if run.active:
        _current.hold(run)
    return run


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
