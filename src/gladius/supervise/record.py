"""What is written when an attempt has ended: the report and the history line. Upstream: supervisor. Downstream: history, reports."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius.pulse.events import EventReader
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import TERMINAL
from gladius.supervise.observe import number
from pulse_wrapper import atomic_write_json

_LOG_TAIL_BYTES = 4000
_SPELLED = ("NaN", "Infinity", "-Infinity")


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


def summarize(directory: RunDir, attempt: int, state: str, status: dict[str, Any] | None) -> dict[str, Any]:
    """Return the content of report.json: what the attempt did, in numbers that its events hold."""
    run = directory.read_run()
    losses = _Series()
    evals = _Series()
    rates: list[float] = []
    steps: int | None = None
    started = finished = last_word = None
    checkpoints: list[dict[str, Any]] = []
    alerts: list[dict[str, Any]] = []
    exit_event: dict[str, Any] = {}
    for event in events_of(directory, attempt):
        if event["type"] == "metrics":
            values, step = event.get("values"), number(event.get("step"))
            if not isinstance(values, dict):
                continue
            steps = int(step) if step is not None and (steps is None or step > steps) else steps
            losses.add(values.get("train/loss"), steps, number(event.get("epoch")))
            evals.add(values.get("eval/loss"), steps, number(event.get("epoch")))
            rate = number(values.get("train/tokens_per_second"))
            rates += [rate] if rate is not None else []
        elif event["type"] == "checkpoint":
            checkpoints.append({key: event[key] for key in ("step", "path", "bytes", "kind", "failed") if key in event})
        elif event["type"] == "state":
            last_word = event["time"] if event.get("state") in TERMINAL else None
        elif event["type"] == "alert":
            alerts.append({key: event[key] for key in ("level", "code", "message") if key in event})
        elif event["type"] == "process":
            if event.get("event") == "started":
                started = event["time"]
            else:
                finished, exit_event = event["time"], event
        started = event["time"] if started is None else started
    if last_word is not None and not exit_event.keys() & {"code", "signal"}:
        # Nobody saw the process end, its record was written later: the trainer's own last word is the time.
        finished = last_word
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
        "last_step": steps,
        "train_loss": losses.summary(),
        "eval_loss": evals.summary(),
        "tokens_per_second": {"mean": sum(rates) / len(rates), "peak": max(rates)} if rates else None,
        "checkpoints": checkpoints,
        "alerts": alerts,
    }


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


def write_report(directory: RunDir, report: dict[str, Any]) -> None:
    """Write report.json and report.md."""
    atomic_write_json(directory.report_json, report)
    text = render(report, _log_tail(directory.console_log))
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="replace", dir=directory.root, prefix=".report-", suffix=".tmp", delete=False
    ) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.replace(directory.report_md)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def render(report: dict[str, Any], log_tail: str) -> str:
    """Return the report as Markdown; what is not known is a dash."""
    rows = [
        ("State", report["state"]),
        ("How it ended", report["evidence"]),
        ("Profile", report["profile"]),
        ("Dataset", report["dataset"]),
        ("Started (UTC)", _utc(report["started_at"])),
        ("Ended (UTC)", _utc(report["finished_at"])),
        ("Duration", _duration(report["duration_s"])),
        ("Epochs", _of(report["epochs_completed"], report["total_epochs"])),
        ("Last step", report["last_step"]),
        ("Training loss, first to last", _arrow(report["train_loss"])),
        ("Evaluation loss, first to last", _arrow(report["eval_loss"])),
        ("Best evaluation loss", _best(report["eval_loss"])),
        ("Tokens per second, mean", _figure((report["tokens_per_second"] or {}).get("mean"))),
        ("Checkpoints", len([c for c in report["checkpoints"] if "failed" not in c])),
    ]
    lines = [f"# {report['name'] or report['run_id']}", "", f"`{report['run_id']}`, attempt {report['attempt']}", ""]
    lines += ["| | |", "|---|---|", *(f"| {name} | {'—' if value is None else value} |" for name, value in rows)]
    for alert in report["alerts"]:
        lines += ["", f"- **{alert.get('level')}**: {alert.get('message')}"]
    if report["state"] not in ("done", "cancelled") and log_tail:
        lines += ["", "Last lines of its output:", "", *("    " + line for line in log_tail.splitlines())]
    return "\n".join(lines) + "\n"


def append_history(history: Path, entry: dict[str, Any]) -> bool:
    """Append the line of one ended attempt unless it is there already; return whether it was written. Durable."""
    history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(history.with_name(history.name + ".lock"))
    lock.acquire(patience=30.0)
    try:
        for line in _json_lines(history):
            if (line.get("training_id"), line.get("attempt")) == (entry["training_id"], entry["attempt"]):
                return False
        descriptor = os.open(history, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = ("\n" if torn else "") + json.dumps(entry, allow_nan=False) + "\n"
            os.write(descriptor, data.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return True
    finally:
        lock.release()


def history_entry(directory: RunDir, report: dict[str, Any], status: str) -> dict[str, Any]:
    """Return the history line; `status` is done, error or cancelled."""
    run = directory.read_run()
    losses = report["train_loss"]
    saved = [c["path"] for c in report["checkpoints"] if c.get("path")]
    return {
        "training_id": directory.run_id,
        "attempt": report["attempt"],
        "profile_id": run.get("profile"),
        "dataset_id": run.get("dataset"),
        "status": status,
        "started_at": report["started_at"],
        "finished_at": report["finished_at"],
        "final_loss": losses["last"] if losses else None,
        "epochs_completed": report["epochs_completed"],
        "steps": report["last_step"],
        "source": run.get("source"),
        "name": run.get("name"),
        "checkpoint": saved[-1] if saved else None,
    }


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for line in data.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def _log_tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-20:])
    except OSError:
        return ""


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _duration(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _figure(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _of(value: float | None, total: float | None) -> str | None:
    return None if value is None else f"{value:g}" + (f" of {total:g}" if total else "")


def _arrow(series: dict[str, Any] | None) -> str | None:
    return None if series is None else f"{_figure(series['first'])} → {_figure(series['last'])}"


def _best(series: dict[str, Any] | None) -> str | None:
    if series is None or series["best"] is None:
        return None
    best = series["best"]
    return f"{best['value']:.4g}" + (f" at epoch {best['epoch']:g}" if best["epoch"] is not None else "")
