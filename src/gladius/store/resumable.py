"""Whether a run can go on, and which of its checkpoints are still there. Upstream: view. Downstream: record, launch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gladius.pulse.identity import this_host
from gladius.store.view import RunView
from gladius.wire.runs import Checkpoint
from gladius.wire.steering import Resumable


def resumable(view: RunView) -> Resumable:
    """Whether a new attempt of this run may be asked for; `reason` says what to do where it may not.

    A process that said its last word and is about to leave does not stand in the way: who resumes waits for it.
    """
    if view.attempt == 0:
        return Resumable(possible=False, reason="It has not started yet.")
    if view.run.get("watched"):
        return Resumable(possible=False, reason="It was started elsewhere, and is only watched here.")
    if not view.ended:
        return Resumable(possible=False, reason="Its trainer lives: release or stop it first.")
    if view.state == "done":
        return Resumable(possible=False, reason="It is done: fork it from a checkpoint to train on.")
    host = view.current.host
    if host is not None and host != this_host() and view.current.exited is None:
        return Resumable(possible=False, reason=f"It ran on {host}, and nobody recorded its end: resume it there.")
    return Resumable(possible=True)


def checkpoint_here(event: dict[str, Any]) -> Checkpoint | None:
    """Read a checkpoint event and look whether its folder is there; None when the event is damaged."""
    try:
        found = Checkpoint.model_validate(event)
    except ValueError:
        return None
    there = found.path is not None and found.failed is None and Path(found.path).is_dir()
    return found.model_copy(update={"available": there})
