"""Carry out runs of flows, step by step, while a server lives. Upstream: server. Downstream: steps, log.

The log is the truth: every event is on the disk before what it tells is done, and what a server that was killed left open
is read from there. Ending the server ends nothing: programs and trainings go on, and the next server waits for them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

from gladius.errors import ConfigError, FieldErrors, FlowRunEnded, FlowRunLives, GladiusError, StepFailed
from gladius.flows.commands import mistakes
from gladius.flows.flow import Flow
from gladius.flows.history import flow_run_ids, load, log_of, records
from gladius.flows.job import Job
from gladius.flows.log import Event, FlowLog
from gladius.flows.record import Record
from gladius.flows.services import Services, Token
from gladius.flows.shelf import Flows
from gladius.flows.steps import STEPS
from gladius.flows.values import resolve
from gladius.pulse.rundir import Home, new_run_id
from gladius.wire.flows import FlowArg, FlowRun, FlowState, FlowStep, FlowStepRun

_log = logging.getLogger("gladius.flows")

OnEvent = Callable[[Record, Event], None]

_LOG_PATIENCE_S = 2.0
"""So long is waited before a log that cannot be written (a full disk) is tried again."""


class _Live:
    """A run under way: its log, what it says, the task that carries it out, and whether somebody wants it to end."""

    def __init__(self, log: FlowLog, record: Record, told: OnEvent) -> None:
        self.log = log
        self.record = record
        self._told = told
        self.cancelled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        if record.cancelling is not None:
            self.cancelled.set()

    async def tell(self, type_: str, **fields: Any) -> None:
        """Write an event and take it in. A disk that takes nothing is waited for: nothing is done that is not on record."""
        async with self._writing:
            event = await self._append(type_, fields)
            self.record.take(event)
            self._told(self.record, event)

    async def _append(self, type_: str, fields: dict[str, Any]) -> Event:
        while True:
            try:
                event = await asyncio.to_thread(self.log.append, type_, **fields)
            except OSError as error:
                if self.record.trouble is None:
                    _log.error("%s cannot be written: %s", self.log.path, error)
                self.record.trouble = f"Its log cannot be written: {error.strerror}."
                await asyncio.sleep(_LOG_PATIENCE_S)
            else:
                self.record.trouble = None
                return event


class Runner:
    """Every run of a flow in a home. Lives in the server's event loop."""

    def __init__(self, home: Home, flows: Flows, services: Services) -> None:
        self.flows = flows
        self._home = home
        self._services = services
        self._live: dict[str, _Live] = {}
        self._listeners: list[OnEvent] = []

    def listen(self, listener: OnEvent) -> None:
        """Have `listener` called with each event of a flow's run that is on the disk from now on."""
        self._listeners.append(listener)

    async def open(self) -> None:
        """Go on with what the logs say was not finished."""
        for record in await asyncio.to_thread(self._unfinished):
            self._carry_out(_Live(log_of(self._home, record.id), record, self._tell))

    async def close(self) -> None:
        """Stop advancing. Nothing is ended and nothing is written: the next server goes on."""
        tasks = [live.task for live in self._live.values() if live.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Asking

    async def get(self, flow_run_id: str) -> FlowRun:
        """One run; `latest` is the newest. Raises FlowRunNotFound."""
        return (await self._record(flow_run_id)).wire()

    async def history(self, limit: int, flow_id: str | None = None) -> list[FlowRun]:
        """The newest runs, newest first."""
        found = await asyncio.to_thread(lambda: list(records(self._home, limit, flow_id)))
        return [(self._live[one.id].record if one.id in self._live else one).wire() for one in found]

    # Doing

    async def start(self, flow_id: str, args: dict[str, Any], asked_by: str | None) -> FlowRun:
        """Begin a run of a flow. Raises FlowNotFound, ConfigError for a broken flow, FieldErrors for wrong arguments."""
        flow = await asyncio.to_thread(self.flows.get, flow_id)
        if flow.problem is not None:
            raise ConfigError(f"Flow '{flow_id}' cannot be run: {flow.problem}")
        values = await self._arguments(flow, args)
        flow_run_id = new_run_id(flow.id, time.time())
        log = log_of(self._home, flow_run_id)
        definition = flow.model_dump(mode="json", exclude={"problem", "problems"})
        begun = await asyncio.to_thread(log.append, "begun", flow=definition, args=values, asked_by=asked_by)
        live = _Live(log, Record(flow_run_id, str(log.path), begun), self._tell)
        self._tell(live.record, begun)
        self._carry_out(live)
        return live.record.wire()

    async def cancel(self, flow_run_id: str, by: str) -> FlowRun:
        """Have the step under way end, and no other begin. Raises FlowRunNotFound, FlowRunEnded."""
        record = await self._record(flow_run_id)
        live = self._live.get(record.id)
        if live is None:
            raise FlowRunEnded(f"The flow's run has ended ({record.state}).", "There is nothing to cancel.")
        if live.record.cancelling is None:
            await live.tell("cancel_asked", by=by)
        live.cancelled.set()
        return live.record.wire()

    async def retry(self, flow_run_id: str, by: str) -> FlowRun:
        """Go on from the first step that was not done, with the results of those before.

        Raises FlowRunNotFound, FlowRunLives, FlowRunEnded.
        """
        record = await self._record(flow_run_id)
        if record.id in self._live:
            raise FlowRunLives("The flow's run has not ended yet.", "Wait for its end, or cancel it first.")
        if record.state == "done":
            raise FlowRunEnded("Every step of it was done.", "Run the flow anew.")
        live = _Live(log_of(self._home, record.id), record, self._tell)
        self._live[record.id] = live
        await live.tell("retry_asked", by=by)
        self._carry_out(live)
        return live.record.wire()

    # Within

    def _tell(self, record: Record, event: Event) -> None:
        for listener in self._listeners:
            listener(record, event)

    async def _record(self, flow_run_id: str) -> Record:
        if flow_run_id == "latest":
            known = await asyncio.to_thread(flow_run_ids, self._home)
            flow_run_id = known[0] if known else flow_run_id
        live = self._live.get(flow_run_id)
        return live.record if live is not None else await asyncio.to_thread(load, self._home, flow_run_id)

    def _unfinished(self) -> list[Record]:
        found = []
        for flow_run_id in flow_run_ids(self._home):
            try:
                if not log_of(self._home, flow_run_id).unfinished():
                    continue
                record = load(self._home, flow_run_id)
            except (GladiusError, OSError) as error:
                _log.error("a flow's run cannot go on: %s", error)
                continue
            if record.ended_at is None:
                found.append(record)
        return found

    async def _arguments(self, flow: Flow, given: dict[str, Any]) -> dict[str, Any]:
        """Every argument with its value; raises FieldErrors that name each wrong one."""
        known = {arg.name: arg for arg in flow.args}
        errors = [
            {
                "field": f"args.{name}",
                "message": f"The flow has no argument '{name}': it takes {', '.join(known) or 'none'}.",
            }
            for name in given
            if name not in known
        ]
        values: dict[str, Any] = {}
        for name, arg in known.items():
            value = given.get(name, arg.default)
            problem = _problem_of(arg, value)
            if problem is None and value is not None:
                problem = await self._services.argument_problem(arg.kind, value)
            if problem is not None:
                errors.append({"field": f"args.{name}", "message": problem})
            values[name] = value
        if errors:
            raise FieldErrors(errors)
        return values

    def _carry_out(self, live: _Live) -> None:
        self._live[live.record.id] = live
        live.task = asyncio.create_task(self._run(live), name=f"flow {live.record.id}")

    async def _run(self, live: _Live) -> None:
        """Advance to the end. What fails here beyond a step's own failure is a defect, and is told as one."""
        record = live.record
        try:
            state = await self._steps(live)
            await live.tell("ended", state=state)
        except Exception:  # noqa: BLE001 - the edge of a background task: nobody else would ever hear of it
            _log.exception("the flow's run %s broke off", record.id)
            await live.tell("ended", state="failed")
        self._live.pop(record.id, None)

    async def _steps(self, live: _Live) -> FlowState:
        record = live.record
        for step in record.flow.steps:
            while not live.cancelled.is_set() and not _settled(record, step):
                await self._try(live, step)
            now = record.steps[step.id]
            # One that failed and was gone on from is behind us: the one under way is further down, and has to be ended.
            passed = now.state == "done" or (now.state == "failed" and step.on_failure == "continue")
            if live.cancelled.is_set() and not passed:
                if now.state == "running":
                    await self._try(live, step)
                return "done" if all(one.state == "done" for one in record.steps.values()) else "cancelled"
            if now.state == "failed" and step.on_failure != "continue":
                return "failed"
        return "done" if all(one.state == "done" for one in record.steps.values()) else "incomplete"

    async def _try(self, live: _Live, step: FlowStep) -> None:
        """One try of a step, from its beginning or from where a server that was killed left it."""
        record = live.record
        if record.steps[step.id].state == "retrying":
            await _wait(live, step, record.steps[step.id])
            if live.cancelled.is_set():
                await live.tell("step_ended", step=step.id, state="cancelled")
                return
        again = record.steps[step.id].state == "running"
        if not again:
            await live.tell("step_begun", step=step.id)
        now = record.steps[step.id]
        try:
            result = await self._do(live, step, now, again)
        except Exception as error:  # noqa: BLE001 - whatever a step meets is its failure, and the next step's affair
            await self._failed(live, step, error)
        else:
            await live.tell("step_ended", step=step.id, state="done", result=_plain(result))

    async def _do(self, live: _Live, step: FlowStep, now: FlowStepRun, again: bool) -> dict[str, Any]:
        record = live.record
        args = resolve(step.args, record.args, record.results)
        wrong = next(mistakes(step.cmd, args), None)
        if wrong is not None:
            raise StepFailed(f"{wrong.problem}.", wrong.mend)

        async def tell(**result: Any) -> None:
            await live.tell("step_told", step=step.id, result=_plain(result))

        job = Job(
            token=Token(record.id, step.id, now.tries), args=args, services=self._services,
            folder=self._home.flow_work / record.id, home=self._home.root, asked_by=record.asked_by, tell=tell,
            result=dict(now.result), again=again, cancelled=live.cancelled,
        )  # fmt: skip
        return await STEPS[step.cmd](job)

    async def _failed(self, live: _Live, step: FlowStep, error: Exception) -> None:
        if not isinstance(error, (GladiusError, OSError)):
            _log.error("step %s of %s met a defect", step.id, live.record.id, exc_info=error)
        cause, hint = _cause(error)
        if live.cancelled.is_set():
            await live.tell("step_ended", step=step.id, state="cancelled", cause=cause, hint=hint)
        elif live.record.tries_left(step) > 0 and step.retry is not None:
            at = round(time.time() + step.retry.delay_s, 3)
            await live.tell("step_ended", step=step.id, state="retrying", cause=cause, hint=hint, next_try_at=at)
        else:
            await live.tell("step_ended", step=step.id, state="failed", cause=cause, hint=hint)


def _settled(record: Record, step: FlowStep) -> bool:
    return record.steps[step.id].state in ("done", "failed", "cancelled")


async def _wait(live: _Live, step: FlowStep, now: FlowStepRun) -> None:
    """Wait for the time of the next try, or until somebody cancels; never longer than was asked for, whatever the clock does."""
    seconds = min((now.next_try_at or 0.0) - time.time(), step.retry.delay_s if step.retry is not None else 0.0)
    if seconds > 0:
        try:
            await asyncio.wait_for(live.cancelled.wait(), seconds)
        except TimeoutError:
            return


def _cause(error: Exception) -> tuple[str, str | None]:
    if isinstance(error, GladiusError):
        return error.message, error.hint or None
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}.", "Look at the disk and its permissions."
    return f"A defect in Gladius: {type(error).__name__}: {error}.", "The server's log tells more."


def _problem_of(arg: FlowArg, value: Any) -> str | None:
    """Why a value is not of the argument's kind."""
    if value is None:
        return f"'{arg.name}' must be given." if arg.required else None
    if arg.kind == "number":
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return None if good else f"'{arg.name}' must be a number."
    if not isinstance(value, str):
        return f"'{arg.name}' must be a text."
    if arg.required and not value.strip():
        return f"'{arg.name}' must be given."
    unusable = "\0" in value or any("\ud800" <= char <= "\udfff" for char in value)
    return f"'{arg.name}' holds a character that no file can have." if unusable else None


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    """Results as JSON takes them: a number that is none becomes a word, as everywhere in PULSE."""
    return {
        key: _word(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in result.items()
    }


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
