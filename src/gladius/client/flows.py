"""The client's calls about flows and commands as text. Upstream: transport. Downstream: client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from gladius.client.transport import Transport
from gladius.wire.flows import FlowInfo, FlowRun, StepOutput, TextCommandAnswer

_POLL_S = 0.25


class FlowCalls:
    """Flows, their runs, and commands as text."""

    _transport: Transport

    def flows(self) -> list[FlowInfo]:
        """Every flow; `problems` says what is wrong with one."""
        return [FlowInfo.model_validate(one) for one in self._transport.get("/flows")]

    def flow(self, flow_id: str) -> FlowInfo:
        """One flow."""
        return FlowInfo.model_validate(self._transport.get(f"/flows/{quote(flow_id, safe='')}"))

    def run_flow(self, flow_id: str, args: Mapping[str, Any] | None = None) -> FlowRun:
        """Begin a run of a flow. RequestRejected names each wrong argument."""
        place = f"/flows/{quote(flow_id, safe='')}/runs"
        return FlowRun.model_validate(self._transport.post(place, {"args": dict(args or {})}))

    def flow_runs(self, limit: int = 20, flow: str | None = None) -> list[FlowRun]:
        """The newest runs of flows, newest first."""
        return [
            FlowRun.model_validate(one) for one in self._transport.get("/flow-runs", {"limit": limit, "flow": flow})
        ]

    def flow_run(self, flow_run_id: str) -> FlowRun:
        """One run of a flow; `latest` is the newest."""
        return FlowRun.model_validate(self._transport.get(_of_run(flow_run_id)))

    def cancel_flow_run(self, flow_run_id: str) -> FlowRun:
        """Have the step under way end, and no other begin."""
        return FlowRun.model_validate(self._transport.post(f"{_of_run(flow_run_id)}/cancel", {}))

    def retry_flow_run(self, flow_run_id: str) -> FlowRun:
        """Go on from the first step that was not done."""
        return FlowRun.model_validate(self._transport.post(f"{_of_run(flow_run_id)}/retry", {}))

    def step_output(self, flow_run_id: str, step: str) -> StepOutput:
        """The end of what a COMMAND printed."""
        place = f"{_of_run(flow_run_id)}/steps/{quote(step, safe='')}/output"
        return StepOutput.model_validate(self._transport.get(place))

    def wait_for_flow_run(
        self, flow_run_id: str, timeout: float | None = None, look: Callable[[FlowRun], None] | None = None
    ) -> FlowRun:
        """Wait for its end; `look` is shown it each time. Raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            run = self.flow_run(flow_run_id)
            if look is not None:
                look(run)
            if run.state != "running":
                return run
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{flow_run_id} is still {run.state}")
            time.sleep(_POLL_S)

    def command(self, text: str) -> TextCommandAnswer:
        """Do what a text says: `TRAIN AGENT` or `INDEX KNOWLEDGE`. RequestRejected names the wrong lines."""
        return TextCommandAnswer.model_validate(self._transport.post("/commands", {"command_text": text}))


def _of_run(flow_run_id: str) -> str:
    return f"/flow-runs/{quote(flow_run_id, safe='')}"
