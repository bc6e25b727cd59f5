"""TRAIN: start a training and wait for its end. Upstream: runner. Downstream: services.

A training is never started twice for one try: the try is on the disk before it is asked for, the run carries the try in its
run.json, and a server that comes back looks for that run first.
"""

from __future__ import annotations

from typing import Any

from gladius.errors import FieldErrors, LaunchError, StepFailed
from gladius.flows.job import Job
from gladius.flows.services import TrainingEnd

_LOOK_S = 0.25
_NAMES = {"profile": "profile_id", "dataset": "dataset_id", "preset": "preset_id"}
_ENDS = {
    "cancelled": "was stopped",
    "killed": "was killed",
    "lost": "was lost: its process is gone, and how it ended is not known",
    "unknown": "ended unobserved: whether it succeeded is not known",
    "out_of_memory": "ran out of memory",
}


async def run(job: Job) -> dict[str, Any]:
    """Wait for the end of the run that this try asked for; raises StepFailed with the run's own cause."""
    run_id = job.result.get("training_id")
    if run_id is None and job.again:
        run_id = await job.services.submitted(job.token)
    if run_id is None:
        run_id = await _submit(job)
    if job.result.get("training_id") is None:
        await job.tell(training_id=run_id)
    while (end := await job.services.training_end(run_id)) is None:
        if job.cancelled.is_set():
            await job.services.stop_training(run_id, job.by)
        await job.nap(_LOOK_S)
    result = {
        "training_id": run_id,
        "state": end.state,
        "loss": end.loss,
        "eval_loss": end.eval_loss,
        "checkpoint": end.checkpoint,
    }
    if end.state != "done":
        await job.tell(**result)
        raise StepFailed(*_failure(run_id, end))
    return result


async def _submit(job: Job) -> str:
    if job.cancelled.is_set():
        raise StepFailed("The training was not started: the flow was cancelled.")
    request = {_NAMES.get(key, key): value for key, value in job.args.items() if value is not None}
    try:
        return await job.services.submit(request, job.token, job.asked_by)
    except FieldErrors as error:
        told = " ".join(f"{one['message']}".rstrip(".") + "." for one in error.errors)
        raise StepFailed(f"The training cannot be started: {told}", "Run the flow with other values.") from error
    except LaunchError:
        # A run that was made and could not be launched is there to be looked at.
        started = await job.services.submitted(job.token)
        if started is not None:
            await job.tell(training_id=started)
        raise


def _failure(run_id: str, end: TrainingEnd) -> tuple[str, str]:
    how = _ENDS.get(end.state, "ended with an error")
    cause = f": {end.cause.rstrip('.')}" if end.cause else ""
    return f"The training {how}{cause}.", f"'gladius show {run_id}' tells more."
