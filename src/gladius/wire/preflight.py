"""What is looked at before a run starts. Upstream: launch. Downstream: server, client, browser."""

from typing import Literal

from pydantic import Field

from gladius.wire.base import Wire

CheckName = Literal["request", "model", "dataset", "trainer", "disk", "memory", "machine"]


class CheckFinding(Wire):
    """One thing that was looked at. An `error` keeps the run from starting; a `warning` is for a person to judge."""

    check: CheckName
    level: Literal["ok", "warning", "error"]
    message: str
    hint: str = ""
    field: str | None = Field(default=None, description="The field of the request that it is about")


class CheckAnswer(Wire):
    """The answer of `POST /runs/check`: in which order things were looked at, and whether the run may start."""

    possible: bool
    findings: list[CheckFinding]
    place: int | None = Field(
        default=None,
        description="Where it would wait in the queue, from 1; 0: it starts at once; None: it cannot start",
    )
    seconds: float = Field(description="How long looking took")
