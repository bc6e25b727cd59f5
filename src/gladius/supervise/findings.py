"""What an attempt did, as report.json: in numbers that its events hold. Upstream: both streams. Downstream: closing, report page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import TERMINAL
from gladius.supervise.observe import number

_SPELLED = ("NaN", "Infinity", "-Infinity")
_RESUMABLE = ("released", "error", "cancelled", "killed", "out_of_memory")
_CHECKPOINT = ("step", "path", "bytes", "kind", "failed")
_CHANGE = ("name", "old", "new", "step", "by")
_ALERT = ("level", "code", "message", "data", "time")


def events_of(directory: RunDir, attempt: int) -> Iterator[dict[str, Any]]:
    """Yield the attempt's events of both streams; parsed numbers count only where the trainer said no hello."""
    instrumented = False
    for event in EventReader(directory.events):
        if event["attempt"] == attempt:
            instrumented = instrumented or event["type"] == "hello"
            yield event
    for event in EventReader(directory.supervisor_events):
        if event["attempt"] == attempt and not (instrumented and event["type"] in ("metrics", "state")):
            yield event


def summarize(
    directory: RunDir, attempt: int, state: str, status: dict[str, Any] | None, alerts: Path | None = None
) -> dict[str, Any]:
    """Return the content of report.json; what is not known is None. `alerts` is the file of what the console noticed."""
    run = directory.read_run()
    found = _Findings()
    for event in events_of(directory, attempt):
        found.take(event)
    started, finished, exit_event = found.started, found.finished, found.exit
    return {
        "run_id": directory.run_id,
        "name": run.get("name"),
        "attempt": attempt,
        "profile": run.get("profile"),
        "dataset": run.get("dataset"),
        "state": state,
        "verdict": exit_event.get("verdict"),
        "evidence": exit_event.get("evidence"),
        "exit_code": exit_event.get("code"),
        "signal": exit_event.get("signal"),
        "started_at": started,
        "finished_at": finished,
        "duration_s": finished - started if finished is not None and started is not None else None,
        # A command that never spoke of epochs did not complete 0 of them: that is not known.
        "epochs_completed": status["epoch"] if status and (status["epoch"] or status["total_epochs"]) else None,
        "total_epochs": (status["total_epochs"] or None) if status else None,
        "message": status["message"] if status else None,
        "last_step": found.step,
        "train_loss": found.losses.summary(),
        "eval_loss": found.evals.summary(),
        "tokens_per_second": found.rates.summary(),
        "samples_per_second": found.sample_rates.summary(),
        "peak_memory": found.memory.summary(),
        "checkpoints": [_checkpoint(directory, event) for event in found.checkpoints],
        "changes": [{key: event.get(key) for key in _CHANGE} for event in found.changes],
        "alerts": _alerts(found.alerts, _noticed(alerts, directory.run_id, started) if alerts else []),
        "resume": _resume(directory, state, found.checkpoints),
    }


class _Findings:
    """What the events tell, taken in one by one."""

    def __init__(self) -> None:
        self.losses, self.evals = _Series(), _Series()
        self.rates, self.sample_rates = _Rates(), _Rates()
        self.memory = _Memory()
        self.step: int | None = None
        self.started: float | None = None
        self.checkpoints: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.exit: dict[str, Any] = {}
        self._last_word: float | None = None

    @property
    def finished(self) -> float | None:
        """Unix seconds of its end, as far as somebody saw or said it."""
        if self._last_word is not None and not self.exit.keys() & {"code", "signal"}:
            # Nobody saw the process end, its record was written later: the trainer's own last word is the time.
            return self._last_word
        return self.exit.get("time")

    def take(self, event: dict[str, Any]) -> None:
        """Take one event in."""
        type_ = event["type"]
        if type_ == "metrics":
            self._take_metrics(event)
        elif type_ == "checkpoint":
            self.checkpoints.append(event)
        elif type_ == "hyperparameters":
            self.changes.append(event)
        elif type_ == "state":
            self._last_word = event["time"] if event.get("state") in TERMINAL else None
        elif type_ == "alert":
            self.alerts.append(event)
        elif type_ == "system":
            self.memory.take(event)
        elif type_ == "process" and event.get("event") == "started":
            self.started = event["time"]
        elif type_ == "process":
            self.exit = event
        if self.started is None and type_ not in ("process", "ack"):
            # What was closed without a process never started.
            self.started = event["time"]

    def _take_metrics(self, event: dict[str, Any]) -> None:
        values, step = event.get("values"), number(event.get("step"))
        if not isinstance(values, dict):
            return
        self.step = int(step) if step is not None and (self.step is None or step > self.step) else self.step
        self.losses.add(values.get("train/loss"), self.step, number(event.get("epoch")))
        self.evals.add(values.get("eval/loss"), self.step, number(event.get("epoch")))
        self.rates.add(values.get("train/tokens_per_second"))
        self.sample_rates.add(values.get("train/samples_per_second"))


class _Series:
    """First, last and best of one metric."""

    def __init__(self) -> None:
        self.first: Any = None
        self.last: Any = None
        self.best: dict[str, Any] | None = None

    def add(self, value: Any, step: int | None, epoch: float | None) -> None:
        finite = number(value)
        if finite is None and value not in _SPELLED:
            return
        self.first = value if self.first is None else self.first
        self.last = value
        if finite is not None and (self.best is None or value < self.best["value"]):
            self.best = {"value": value, "step": step, "epoch": epoch}

    def summary(self) -> dict[str, Any] | None:
        return None if self.last is None else {"first": self.first, "last": self.last, "best": self.best}


class _Rates:
    """Mean and peak of one speed."""

    def __init__(self) -> None:
        self._sum, self._count, self._peak = 0.0, 0, 0.0

    def add(self, value: Any) -> None:
        rate = number(value)
        if rate is not None:
            self._sum, self._count, self._peak = self._sum + rate, self._count + 1, max(self._peak, rate)

    def summary(self) -> dict[str, float] | None:
        return {"mean": self._sum / self._count, "peak": self._peak} if self._count else None


class _Memory:
    """The most that this run's own processes held at any sample: bytes of RAM, bytes of each GPU by its index."""

    def __init__(self) -> None:
        self._ram: int | None = None
        self._gpus: dict[int, dict[str, Any]] = {}

    def take(self, event: dict[str, Any]) -> None:
        group = event.get("group")
        rss = number(group.get("rss")) if isinstance(group, dict) else None
        if rss is not None:
            self._ram = max(self._ram or 0, int(rss))
        gpus = event.get("gpus")
        for gpu in gpus if isinstance(gpus, list) else ():
            used = number(gpu.get("memory_run")) if isinstance(gpu, dict) else None
            if used is None or not isinstance(gpu.get("index"), int):
                continue
            known = self._gpus.setdefault(
                gpu["index"],
                {"index": gpu["index"], "name": gpu.get("name"), "bytes": 0, "total": gpu.get("memory_total")},
            )
            known["bytes"] = max(known["bytes"], int(used))

    def summary(self) -> dict[str, Any] | None:
        if self._ram is None and not self._gpus:
            return None
        return {"ram": self._ram, "gpus": [self._gpus[index] for index in sorted(self._gpus)]}


def _checkpoint(directory: RunDir, event: dict[str, Any]) -> dict[str, Any]:
    """`verified`: it was read back after it was saved; `available`: its folder was still there at the end."""
    told = {key: event[key] for key in _CHECKPOINT if key in event}
    if "failed" in told:
        return told
    path = told.get("path")
    there = isinstance(path, str) and bool(path) and (directory.root / path).is_dir()
    return {**told, "verified": bool(event.get("manifest")), "available": there}


def _alerts(own: list[dict[str, Any]], noticed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The run's own and what the console noticed, each sentence once, oldest first."""
    told: dict[tuple[Any, Any], dict[str, Any]] = {}
    for one in (*own, *noticed):
        told.setdefault((one.get("code"), one.get("message")), {key: one[key] for key in _ALERT if key in one})
    return sorted(told.values(), key=lambda one: number(one.get("time")) or 0.0)


def _noticed(path: Path, run_id: str, since: float | None) -> Iterator[dict[str, Any]]:
    """Warnings that began in this attempt, as the console's own file tells them."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        if b'"begin"' not in line or run_id.encode() not in line:
            continue
        try:
            alert = json.loads(line)["alert"]
            began = float(alert["began_at"])
            ours = alert["run_id"] == run_id and alert["level"] != "info"
        except (ValueError, KeyError, TypeError):
            continue
        if ours and (since is None or began >= since):
            yield {**alert, "time": began}


def _resume(directory: RunDir, state: str, checkpoints: list[dict[str, Any]]) -> dict[str, Any] | None:
    """How to go on; None for what came to its own end, or left nothing to go on from."""
    if state not in _RESUMABLE:
        return None
    kept = [one for one in (_checkpoint(directory, event) for event in checkpoints) if one.get("available")]
    if not kept:
        return None
    last = kept[-1]
    return {"checkpoint": last["path"], "step": last.get("step"), "command": f"gladius resume {directory.run_id}"}
