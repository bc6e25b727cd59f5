"""One try of one step, as the step sees it. Upstream: runner. Downstream: steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.flows.services import Services, Token


@dataclass
class Job:
    """What a step is asked, with its references filled in, and what it may use.

    `again`: a server that is gone has begun this try; `result` holds what it had told, and the step goes on from there.
    `cancelled` is set when somebody wants the flow's run to end; the step then ends its work and raises or returns.
    """

    token: Token
    args: dict[str, Any]
    services: Services
    folder: Path
    home: Path
    asked_by: str | None
    tell: Callable[..., Awaitable[None]]
    result: dict[str, Any] = field(default_factory=dict)
    again: bool = False
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def by(self) -> str:
        """Who is named when the step asks something of a run."""
        return f"flow {self.token.flow_run_id}"

    async def nap(self, seconds: float) -> None:
        """Wait a moment, or until somebody cancels."""
        if self.cancelled.is_set():
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.cancelled.wait(), seconds)
