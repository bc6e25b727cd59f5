"""EXPORT: write a run into a file. Upstream: runner. Downstream: services. Done again it writes the same file again."""

from __future__ import annotations

from typing import Any

from gladius.flows.job import Job


async def run(job: Job) -> dict[str, Any]:
    """Return where the file is, and its size."""
    path, size = await job.services.export(job.args["run"], job.args.get("format") or "csv", job.args.get("output"))
    return {"path": str(path), "bytes": size}
