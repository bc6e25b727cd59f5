"""VALIDATE: is a run's result whole and good enough, or a dataset fit to train on? Upstream: runner. Downstream: services."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

from gladius.errors import StepFailed
from gladius.flows.job import Job
from gladius.pulse.checkpoints import MANIFEST, verify

_METRIC = "eval/loss"


async def run(job: Job) -> dict[str, Any]:
    """Raises StepFailed with what is not as it should be."""
    if job.args.get("dataset") is not None:
        return await _dataset(job, job.args["dataset"])
    return await _run(job, job.args["run"])


async def _dataset(job: Job, dataset_id: str) -> dict[str, Any]:
    records, problem = await job.services.dataset_problem(dataset_id)
    if problem is not None:
        raise StepFailed(
            f"The dataset cannot be trained on: {problem}", f"'gladius dataset check {dataset_id}' lists all."
        )
    return {"records": records}


async def _run(job: Job, run_id: str) -> dict[str, Any]:
    end = await job.services.training_end(run_id)
    if end is None:
        raise StepFailed("The run has not ended yet.", "Let a TRAIN step before this one wait for it.")
    if end.state != "done":
        raise StepFailed(
            f"The run did not end well: it is {end.state.replace('_', ' ')}.", f"'gladius show {run_id}' tells why."
        )
    checkpoint = await job.services.last_checkpoint(run_id)
    if checkpoint is None and job.args.get("checkpoint") == "required":
        raise StepFailed("The run has saved no checkpoint.", "Let its trainer save one, or leave 'checkpoint' out.")
    if checkpoint is not None:
        await asyncio.to_thread(_whole, checkpoint)
    value = await _gate(job, run_id, end.eval_loss)
    return {"checkpoint": str(checkpoint) if checkpoint is not None else None, "value": value}


def _whole(checkpoint: Path) -> None:
    """Compare every file of a checkpoint with its hash in the manifest."""
    if not (checkpoint / MANIFEST).is_file():
        raise StepFailed(
            f"{checkpoint} has no {MANIFEST}: whether it is whole cannot be told.", "Train it with a PULSE trainer."
        )
    try:
        problems = verify(checkpoint)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StepFailed(f"The manifest of {checkpoint} cannot be read: {error}.", "Train it again.") from error
    if problems:
        raise StepFailed(
            f"{checkpoint} is damaged: {'; '.join(problems[:3])}.", "Train it again, or restore the files."
        )


async def _gate(job: Job, run_id: str, eval_loss: Any) -> float | None:
    """The last value of the metric, which must not be above `max`."""
    most, name = job.args.get("max"), job.args.get("metric") or _METRIC
    value = eval_loss if name == _METRIC else await job.services.metric(run_id, name)
    found = float(value) if isinstance(value, (int, float)) else None
    if most is None:
        return found
    if found is None or not math.isfinite(found):
        shown = "no value" if value is None else str(value)
        raise StepFailed(
            f"{name} of the run is {shown}; at most {most:g} is wanted.", "Let the trainer evaluate at its end."
        )
    if found > most:
        raise StepFailed(
            f"{name} of the run is {found:g}; at most {most:g} is wanted.", "Train longer, or with other settings."
        )
    return found
