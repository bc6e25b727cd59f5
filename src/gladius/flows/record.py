"""What a flow's log says of its run. Upstream: log. Downstream: runner, history.

Events: `begun` (the flow as it was, its args), `step_begun`, `step_told` (results as they come), `step_ended`,
`cancel_asked`, `retry_asked`, `ended`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from gladius.errors import InvalidRun
from gladius.flows.log import Event
from gladius.wire.flows import FlowInfo, FlowRun, FlowState, FlowStep, FlowStepRun, StepState

_NAMED = 20
OVER: frozenset[StepState] = frozenset({"done", "failed", "cancelled", "skipped"})


class Record:
    """One run of a flow in memory. `take` every event in order, and it is as it was when the last one was written."""

    def __init__(self, flow_run_id: str, log: str, begun: Event) -> None:
        self.id = flow_run_id
        self.log = log
        self.flow = FlowInfo.model_validate(begun.get("flow"))
        if not self.flow.steps:
            raise ValueError("a flow without steps would be done before it began")
        self.args: dict[str, Any] = dict(begun.get("args") or {})
        self.asked_by: str | None = begun.get("asked_by")
        self.begun_at = float(begun.get("time", 0.0))
        self.ended_at: float | None = None
        self.state: FlowState = "running"
        self.cancelling: str | None = None
        self.trouble: str | None = None
        self.damage: str | None = None
        self.steps = {
            step.id: FlowStepRun(id=step.id, cmd=step.cmd, on_failure=step.on_failure) for step in self.flow.steps
        }
        self.used: dict[str, int] = {}
        """Step -> tries since the last retry that a person asked for; the number of a try counts on."""

    @classmethod
    def of(cls, flow_run_id: str, log: str, lines: Iterable[tuple[int, Event | None]]) -> Record:
        """Build it from the lines of a whole log; one that is no event is left out and named. Raises InvalidRun."""
        record: Record | None = None
        damaged: list[str] = []
        for number, event in lines:
            try:
                if event is None:
                    raise ValueError("no event")
                if record is None and event["type"] == "begun":
                    record = cls(flow_run_id, log, event)
                elif record is not None:
                    record.take(event)
            except (ValueError, KeyError, TypeError, AttributeError):
                damaged.append(str(number))
        if record is None:
            raise InvalidRun(f"{log} does not say which flow was run.", "Move it away.")
        if damaged:
            record.damage = f"Damaged lines of its log are left out: {', '.join(damaged[:_NAMED])}."
        return record

    def definition(self, step_id: str) -> FlowStep:
        """A step as the flow says it."""
        return next(step for step in self.flow.steps if step.id == step_id)

    def results(self, step_id: str) -> dict[str, Any]:
        """What a step handed on so far."""
        return self.steps[step_id].result

    def tries_left(self, step: FlowStep) -> int:
        """How often a step may still be tried."""
        times = 1 + (step.retry.times if step.on_failure == "retry" and step.retry else 0)
        return times - self.used.get(step.id, 0)

    def take(self, event: Event) -> None:
        """Take in one event; what is not known is skipped."""
        time, step = float(event.get("time", 0.0)), event.get("step")
        if event["type"] == "ended":
            if event["state"] not in get_args(FlowState):
                raise ValueError(f"no state of a flow: {event['state']}")
            self.state, self.ended_at, self.cancelling = event["state"], time, None
            for one in self.steps.values():
                if one.state not in OVER:
                    self._set(one.id, state="skipped", next_try_at=None)
        elif event["type"] == "cancel_asked" and self.ended_at is None:
            self.cancelling = event.get("by") or "api"
        elif event["type"] == "retry_asked":
            self._again()
        elif event["type"] in ("step_begun", "step_told", "step_ended"):
            self._take_step(event, str(step), time)

    def _take_step(self, event: Event, step: str, time: float) -> None:
        now = self.steps[step]
        if event["type"] == "step_begun":
            self.used[step] = self.used.get(step, 0) + 1
            self._set(
                step, state="running", tries=now.tries + 1, started_at=time, finished_at=None, next_try_at=None, result={},
                cause=None, hint=None,
            )  # fmt: skip
        elif event["type"] == "step_told":
            self._set(step, result={**now.result, **(event.get("result") or {})})
        elif event["type"] == "step_ended":
            self._set(
                step, state=event["state"], finished_at=time, result={**now.result, **(event.get("result") or {})},
                cause=event.get("cause"), hint=event.get("hint"), next_try_at=event.get("next_try_at"),
            )  # fmt: skip

    def _again(self) -> None:
        """From the first step that was not done on, all is open again."""
        self.state, self.ended_at, self.cancelling = "running", None, None
        self.used = {}
        done = True
        for step in self.steps.values():
            done = done and step.state == "done"
            if not done:
                self._set(
                    step.id, state="waiting", started_at=None, finished_at=None, next_try_at=None, result={}, cause=None,
                    hint=None,
                )  # fmt: skip

    def _set(self, step: str, **values: Any) -> None:
        """Raises ValueError for what a step cannot be."""
        self.steps[step] = FlowStepRun.model_validate({**self.steps[step].model_dump(), **values})

    def wire(self) -> FlowRun:
        """As clients see it."""
        return FlowRun(
            flow_run_id=self.id, flow_id=self.flow.id, name=self.flow.name, state=self.state,
            cancelling=self.cancelling is not None, args=self.args, asked_by=self.asked_by, started_at=self.begun_at,
            finished_at=self.ended_at, steps=list(self.steps.values()), log=self.log,
            trouble=self.trouble or self.damage,
        )  # fmt: skip
