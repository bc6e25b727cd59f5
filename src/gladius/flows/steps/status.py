"""STATUS: is the machine fit to train? Upstream: runner. Downstream: services."""

from __future__ import annotations

from typing import Any

from gladius.errors import StepFailed
from gladius.flows.job import Job


async def run(job: Job) -> dict[str, Any]:
    """Look at disk, home, store and GPUs; raises StepFailed with everything that is not well."""
    found = await job.services.health()
    problems = list(found.problems)
    free, gpus = job.args.get("min_free_gb"), job.args.get("gpus")
    if free is not None and found.free_gb < free:
        problems.append(f"{found.free_gb:.1f} GB of disk are free, {free:g} are wanted")
    if gpus is not None and found.gpus < gpus:
        problems.append(f"{found.gpus} GPUs can be read, {gpus:g} are wanted")
    result = {"free_gb": round(found.free_gb, 1), "gpus": found.gpus}
    if problems:
        await job.tell(**result)
        raise StepFailed(f"Not well: {'; '.join(problems)}.", "'gladius doctor' tells more.")
    return result
