"""One file per kind of step. Upstream: runner. Downstream: services.

Each has `async def run(job) -> dict`: it returns when the work has ended well and raises StepFailed, or another
GladiusError, when it has not. Called again after a server's death, with what it had told in `job.result`, it goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gladius.flows.job import Job
from gladius.flows.steps import command, export, index, status, train, validate
from gladius.wire.flows import StepCommand

Run = Callable[[Job], Awaitable[dict[str, Any]]]

STEPS: dict[StepCommand, Run] = {
    "STATUS": status.run,
    "INDEX": index.run,
    "TRAIN": train.run,
    "VALIDATE": validate.run,
    "EXPORT": export.run,
    "COMMAND": command.run,
}
