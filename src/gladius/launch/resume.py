"""Go on with a run that has ended, or begin a new one from its checkpoint. Upstream: server. Downstream: attempt.

Everything here works on its own reading of the run's files, so that it may run in any thread.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gladius.catalog.profiles import Profiles
from gladius.errors import (
    CheckpointDamaged,
    CheckpointNotFound,
    ConfigError,
    FieldErrors,
    NotResumable,
    RunBusy,
)
from gladius.launch import preview
from gladius.launch.attempt import CONFIG_FILE, Attempt, launch, reserved, write_config
from gladius.launch.base import Launcher
from gladius.launch.changes import changes_of
from gladius.launch.checkpoints import Origin, choose
from gladius.launch.command import filled
from gladius.launch.config_file import edits, follow_along
from gladius.launch.continuity import learning_rate
from gladius.launch.inheritance import inherit
from gladius.launch.plan import Plan
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir
from gladius.store.resumable import resumable
from gladius.store.view import RunView
from gladius.wire.catalog import Resources
from gladius.wire.steering import ForkRequest, ResumePreview, ResumeRequest

Room = Callable[[str, Resources], contextlib.AbstractContextManager[tuple[int, ...] | None]]
"""Takes room for an attempt of a run that starts at once, and gives its GPUs: the queue's `room_at_once`."""

_FORK = "Fork it from a checkpoint to train on."
_LEAVES_WITHIN_S = 10.0
_LOOK_S = 0.05
_RELEASE = "Release it ('pause --release'), or stop it; then resume with these changes."


class Resumer:
    """Starts new attempts of runs that have ended, and runs from other runs' checkpoints."""

    def __init__(self, home: Home, profiles: Profiles, launcher: Launcher, room: Room | None = None) -> None:
        """Without a `room` nobody counts what is taken, and each attempt sees all GPUs."""
        self._home = home
        self._room = room or (lambda _run_id, _resources: contextlib.nullcontext(None))
        self._profiles = profiles
        self._launcher = launcher

    def preview_resume(self, run: RunDir, request: ResumeRequest) -> ResumePreview:
        """Tell what `resume` would do; raises FieldErrors for overrides that are wrong."""
        view = RunView(run).load()
        may = resumable(view)
        reason = (may.reason or _no_way(view, view.attempt)) if not may.possible else _no_way(view, view.attempt)
        return self._preview(view, request, reason, view.attempt + 1, fork=False)

    def preview_fork(self, run: RunDir, request: ForkRequest) -> ResumePreview:
        """Tell what `fork` would do; raises FieldErrors for overrides that are wrong."""
        view = RunView(run).load()
        reason = "It has not started yet." if view.attempt == 0 else _no_way(view, view.attempt)
        return self._preview(view, request, reason, 1, fork=True)

    def resume(self, run: RunDir, request: ResumeRequest, asked_by: str) -> int:
        """Start a new attempt and return its number.

        Raises RunBusy while a process of the run lives or another attempt is being started, NotResumable,
        CheckpointNotFound, CheckpointDamaged, FieldErrors, LaunchError.
        """
        with reserved(run):
            view = _once_left(run)
            _must_be_resumable(view)
            plan = self._plan(view, request, fork=False)
            number = view.attempt + 1
            began = _Launch.of(view, plan.base_attempt, run, number)
            self._launch(run, number, began.attempt(plan, asked_by), view)
            follow_along(run, plan.changes.base, plan.changes.flat)
        return number

    def fork(self, run: RunDir, request: ForkRequest, source: str, asked_by: str) -> RunDir:
        """Start a new run from a checkpoint and return its directory.

        Raises NotResumable for a run that cannot be started again, CheckpointNotFound, CheckpointDamaged, FieldErrors,
        LaunchError.
        """
        view = RunView(run).load()
        plan = self._plan(view, request, fork=True)
        if plan.origin is None:
            raise CheckpointNotFound(f"Run '{view.run_id}' has no checkpoint to fork from.", "Start a run anew.")
        _must_be_startable(view, plan.base_attempt)
        name = request.name or f"{view.run.get('name') or view.run_id} fork"
        child = self._home.new_run(name, _child_of(view, plan.origin, source, self._launcher.name))
        try:
            plan = replace(plan, origin=inherit(plan.origin, child))
        except CheckpointNotFound:
            shutil.rmtree(child.root, ignore_errors=True)
            raise
        began = _Launch.of(view, plan.base_attempt, child, 1)
        attempt = began.attempt(plan, asked_by)
        if attempt.config is not None:
            write_config(child.root / CONFIG_FILE, attempt.config)
        with reserved(child):
            self._launch(child, 1, attempt, view)
        return child

    def _launch(self, run: RunDir, number: int, attempt: Attempt, like: RunView) -> None:
        """Start an attempt on GPUs that the queue's book gives it, by what the run's profile asked for."""
        raw = like.run.get("resources")
        with self._room(run.run_id, Resources.model_validate(raw if isinstance(raw, dict) else {})) as gpus:
            launch(self._home, self._launcher, run, number, replace(attempt, gpus=gpus))

    def _plan(self, view: RunView, request: ResumeRequest, fork: bool) -> Plan:
        origin = choose(view, request.checkpoint)
        attempt = view.attempt
        if fork and origin is not None and origin.run_id == view.run_id and origin.attempt in view.launched:
            # A fork goes on as the checkpoint was trained, whatever later attempts were told.
            attempt = origin.attempt
        wanted = {**edits(view), **request.overrides} if request.from_file else request.overrides
        changes = changes_of(view, attempt, origin, wanted, self._profiles)
        return Plan(view, attempt, origin, changes)

    def _preview(
        self, view: RunView, request: ResumeRequest, reason: str | None, number: int, fork: bool
    ) -> ResumePreview:
        try:
            plan = self._plan(view, request, fork)
        except (CheckpointNotFound, CheckpointDamaged, ConfigError) as error:
            return ResumePreview(possible=False, reason=reason or str(error))
        origin = plan.origin
        if fork and origin is None:
            reason = reason or "There is no checkpoint to fork from."
        restored, missing = preview.restored(plan)
        return ResumePreview(
            possible=reason is None,
            reason=reason,
            checkpoint=str(origin.path) if origin is not None else None,
            step=origin.step if origin is not None else None,
            epoch=origin.epoch if origin is not None else None,
            attempt=number,
            restored=restored,
            not_restored=missing,
            changed=preview.changed(plan),
            in_file=[] if request.from_file else preview.in_file(plan, _edits_or_none(view)),
            warnings=preview.warnings(plan),
            learning_rate=learning_rate(plan),
        )


@dataclass(frozen=True)
class _Launch:
    """How an earlier attempt was launched, put over to another place and number."""

    argv: list[str]
    cwd: str
    total_epochs: float | None
    run: RunDir
    number: int
    command: list[str] | None

    @classmethod
    def of(cls, view: RunView, attempt: int, run: RunDir, number: int) -> _Launch:
        """The same command; where it named its own configuration or directory, the new ones. Raises NotResumable."""
        _must_be_startable(view, attempt)
        facts = view.directory.read_attempt(attempt)
        old = view.directory
        places = [(str(old.attempt_config(attempt)), str(run.attempt_config(number))), (str(old.root), str(run.root))]
        total, command = facts.get("total_epochs"), view.run.get("command")
        return cls(
            argv=[_moved(str(word), places) for word in facts["argv"]],
            cwd=_moved(str(facts["cwd"]), places),
            total_epochs=float(total) if isinstance(total, int | float) else None,
            run=run,
            number=number,
            command=[str(word) for word in command] if isinstance(command, list) else None,
        )

    def attempt(self, plan: Plan, asked_by: str) -> Attempt:
        """The attempt as it will be recorded."""
        epochs = plan.changes.flat.get("train.epochs") if plan.changes.from_catalog else self.total_epochs
        config = plan.changes.config()
        # A profile's command has what was changed in its places; any other stays as it was.
        anew = config is not None and self.command is not None
        return Attempt(
            argv=filled(self.command or [], self.run, self.number, config or {}) if anew else self.argv,
            cwd=self.cwd,
            total_epochs=float(epochs) if isinstance(epochs, int | float) else None,
            checkpoint=str(plan.origin.path) if plan.origin is not None else None,
            overrides=plan.changes.overrides,
            config=config,
            asked_by=asked_by,
        )


def _edits_or_none(view: RunView) -> dict[str, Any]:
    """A file that cannot be used takes nothing from a resume that does not ask for it; the diff shows its problem."""
    try:
        return edits(view)
    except FieldErrors:
        return {}


def _moved(word: str, places: list[tuple[str, str]]) -> str:
    for old, new in places:
        word = word.replace(old, new)
    return word


def _no_way(view: RunView, attempt: int) -> str | None:
    """Why nobody but the person can start this run's command again; None when it can be."""
    facts = view.directory.read_attempt(attempt)
    argv, cwd = facts.get("argv"), facts.get("cwd")
    if not isinstance(argv, list) or not argv or not isinstance(cwd, str):
        return (
            "It was started by hand, so only you know how: start the script again with "
            f"GLADIUS_RUN_DIR={view.directory.root}, and it goes on as a new attempt."
        )
    if not Path(cwd).is_dir():
        return f"The folder it was started in is gone: {cwd}."
    return None


def _must_be_startable(view: RunView, attempt: int) -> None:
    reason = _no_way(view, attempt)
    if reason is not None:
        raise NotResumable(f"Run '{view.run_id}' cannot be started from here.", reason)


def _once_left(run: RunDir) -> RunView:
    """The run as it is when its last process, which has said its last word, is gone; raises RunBusy when it stays."""
    view = RunView(run).load()
    deadline = time.monotonic() + _LEAVES_WITHIN_S
    while view.ended and (view.supervised or is_held(run.trainer_lock) or view.alive):
        if time.monotonic() > deadline:
            raise RunBusy(
                f"Run '{view.run_id}' has ended ({view.state}), and its process is still there.",
                "'gladius stop RUN --force' ends it.",
            )
        time.sleep(_LOOK_S)
        view.refresh()
        view.judge_process()
    return view


def _must_be_resumable(view: RunView) -> None:
    answer = resumable(view)
    if answer.possible:
        return
    if view.state == "done":
        raise NotResumable(f"Run '{view.run_id}' is done.", _FORK)
    if view.attempt and not view.ended:
        raise RunBusy(f"Run '{view.run_id}' lives ({view.state}).", _RELEASE)
    raise RunBusy(f"Run '{view.run_id}' cannot be resumed now.", answer.reason or "")


def _child_of(view: RunView, origin: Origin, source: str, launcher: str) -> dict[str, Any]:
    """The run.json of a fork: what its parent was, and whence it comes."""
    kept = {key: view.run.get(key) for key in ("profile", "dataset", "engine", "resources", "tags", "total_epochs")}
    kept.update({key: view.run[key] for key in ("command", "bounds") if key in view.run})
    config_source = CONFIG_FILE if isinstance(view.run.get("profile"), str) else None
    parent = {"run_id": view.run_id, "checkpoint": str(origin.path), "kind": "fork"}
    return {**kept, "source": source, "config_source": config_source, "launcher": launcher, "parent": parent}
