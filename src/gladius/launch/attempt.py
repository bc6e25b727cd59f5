"""Record one attempt of a run and hand it to a launcher, never two at once. Upstream: start, resume. Downstream: launchers."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.errors import LaunchError, LockHeld, RunBusy
from gladius.launch.base import Launcher
from gladius.launch.trainer_path import trainer_path
from gladius.launch.unstarted import close_unstarted
from gladius.pulse.files import write_text
from gladius.pulse.lock import FileLock, is_held
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import read_training_status, write_training_status

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class Attempt:
    """How an attempt is started: the command, where, and what it is told. `total_epochs` None is not known."""

    argv: list[str]
    cwd: str
    total_epochs: float | None = None
    checkpoint: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] | None = None
    asked_by: str | None = None
    gpus: tuple[int, ...] | None = None
    """What it may use, as `nvidia-smi` counts them; None is whatever its environment says."""
    probe: dict[str, float] | None = None
    """A probe: how many `steps` it takes, and how many `seconds` it may last in all."""


@contextlib.contextmanager
def reserved(run: RunDir) -> Iterator[None]:
    """Be the only one that launches an attempt of this run; raises RunBusy when somebody else is at it."""
    if run.attempts.is_symlink():
        raise LaunchError(
            "The folder of this run's attempts is a link that leads elsewhere.", "Put a folder in its place."
        )
    run.attempts.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(run.launch_lock)
    try:
        lock.acquire(patience=0.0)
    except LockHeld as error:
        raise RunBusy(
            "An attempt of this run is being started already.", "Look at it: 'gladius show' tells."
        ) from error
    try:
        yield
    finally:
        lock.release()


def launch(home: Home, launcher: Launcher, run: RunDir, number: int, attempt: Attempt) -> None:
    """Record attempt `number` and hand it to the launcher. The caller has it `reserved`.

    An attempt that could not be handed over is taken back, unless it was the first; raises LaunchError.
    """
    before = read_training_status(run.status)
    record(home, launcher, run, number, attempt)
    try:
        launcher.start(run, number)
    except LaunchError as error:
        if not is_held(run.supervisor_lock):
            if number == 1:
                close_unstarted(home, run, "error", error.message, attempt.total_epochs)
            else:
                _take_back(run, number, before)
        raise


def record(home: Home, launcher: Launcher, run: RunDir, number: int, attempt: Attempt) -> None:
    """Write down how an attempt is launched, before it is."""
    if attempt.config is not None:
        write_config(run.attempt_config(number), attempt.config)
    extra_path = trainer_path(home, attempt.argv[0])
    facts: dict[str, Any] = {
        "argv": attempt.argv, "cwd": attempt.cwd, "env": sorted(os.environ), "launcher": launcher.name,
        "checkpoint": attempt.checkpoint, "overrides": attempt.overrides, "total_epochs": attempt.total_epochs,
        "pythonpath": str(extra_path) if extra_path else None, "asked_by": attempt.asked_by,
        "asked_at": time.time(), **({"gpus": list(attempt.gpus)} if attempt.gpus is not None else {}),
        **({"probe": attempt.probe} if attempt.probe is not None else {}),
    }  # fmt: skip
    run.write_attempt(number, facts)


def _take_back(run: RunDir, number: int, status: dict[str, Any] | None) -> None:
    """The run is as it was before: nothing of this attempt has run."""
    run.attempt_json(number).unlink(missing_ok=True)
    run.attempt_config(number).unlink(missing_ok=True)
    if status is not None:
        fields = (status[key] for key in ("status", "epoch", "total_epochs", "loss", "message", "timestamp"))
        write_training_status(run.status, *fields)


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write a configuration as YAML, readable by its owner alone."""
    from gladius import yaml_text

    write_text(path, yaml_text.dump(config))
