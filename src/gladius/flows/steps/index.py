"""INDEX: turn a folder of documents into a dataset, and wait until it is one. Upstream: runner. Downstream: services.

Indexing is incremental: begun again after a server's death it reads nothing twice, so it may be asked for again.
"""

from __future__ import annotations

from typing import Any

from gladius.errors import StepFailed
from gladius.flows.job import Job

_LOOK_S = 0.25


async def run(job: Job) -> dict[str, Any]:
    """Return the dataset's id; raises StepFailed with why there is none."""
    index_id = job.result.get("index_id")
    if index_id is None:
        index_id = await job.services.index(job.args["path"], job.args.get("name"))
        await job.tell(index_id=index_id)
    while not (now := await job.services.indexing(index_id)).ended:
        if job.cancelled.is_set():
            await job.services.stop_indexing(index_id)
        await job.nap(_LOOK_S)
    if now.problem is not None or now.dataset_id is None:
        raise StepFailed(now.problem or "The documents gave no dataset.", "Look at what was left out, and why.")
    return {"index_id": index_id, "dataset_id": now.dataset_id, "documents": now.documents, "records": now.records}
