"""The report for people: report.md beside report.json. Upstream: findings. Downstream: the person."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from gladius.pulse.plain_file import open_plain
from gladius.pulse.rundir import RunDir
from gladius.units import duration, size
from pulse_wrapper import atomic_write_json

_LOG_TAIL_BYTES = 4000
_LEFT_OUT = (
    "Samples per second, mean and peak",
    "Evaluation loss, first to last",
    "Best evaluation loss",
    "Peak memory",
)
"""Lines that a run without them does not miss."""


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
        ("Duration", duration(report["duration_s"])),
        ("Epochs", _of(report["epochs_completed"], report["total_epochs"])),
        ("Last step", report["last_step"]),
        ("Training loss, first to last", _arrow(report["train_loss"])),
        ("Best training loss", _best(report["train_loss"])),
        ("Evaluation loss, first to last", _arrow(report["eval_loss"])),
        ("Best evaluation loss", _best(report["eval_loss"])),
        ("Tokens per second, mean and peak", _rates(report["tokens_per_second"])),
        ("Samples per second, mean and peak", _rates(report["samples_per_second"])),
        ("Peak memory", _memory(report["peak_memory"])),
        ("Checkpoints", len([c for c in report["checkpoints"] if "failed" not in c])),
    ]
    rows = [row for row in rows if row[1] is not None or row[0] not in _LEFT_OUT]
    lines = [f"# {report['name'] or report['run_id']}", "", f"`{report['run_id']}`, attempt {report['attempt']}", ""]
    lines += ["| | |", "|---|---|", *(f"| {name} | {'—' if value is None else value} |" for name, value in rows)]
    lines += _section("Checkpoints", [_checkpoint(one) for one in report["checkpoints"]])
    lines += _section("Changed while it trained", [_change(one) for one in report["changes"]])
    lines += _section("Alerts", [f"**{one.get('level')}**: {one.get('message')}" for one in report["alerts"]])
    if report["resume"]:
        lines += ["", "## Going on", "", f"From step {report['resume']['step']}: `{report['resume']['command']}`"]
    if report["state"] not in ("done", "cancelled") and log_tail:
        lines += ["", "## Last lines of its output", "", *("    " + line for line in log_tail.splitlines())]
    return "\n".join(lines) + "\n"


def _log_tail(path: Path) -> str:
    try:
        with open_plain(path) as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return "\n".join(file.read(_LOG_TAIL_BYTES).decode("utf-8", "replace").splitlines()[-20:])
    except OSError:
        return ""


def _section(title: str, entries: list[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {entry}" for entry in entries)] if entries else []


def _checkpoint(one: dict[str, Any]) -> str:
    if "failed" in one:
        return f"step {one.get('step')}: **failed**, {one['failed']}"
    state = "verified" if one["verified"] else "not verified"
    gone = "" if one["available"] else ", removed since"
    return f"step {one.get('step')}: `{one.get('path')}`, {_size(one.get('bytes'))}, {one.get('kind', 'auto')}, {state}{gone}"


def _change(one: dict[str, Any]) -> str:
    step = "" if one["step"] is None else f" at step {one['step']}"
    by = f" by {one['by']}" if one["by"] else ""
    return f"{one['name']}: {one['old']} → {one['new']}{step}{by}"


def _rates(rates: dict[str, float] | None) -> str | None:
    return None if rates is None else f"{_figure(rates['mean'])}, {_figure(rates['peak'])}"


def _memory(memory: dict[str, Any] | None) -> str | None:
    if memory is None:
        return None
    parts = [f"RAM {_size(memory['ram'])}"] if memory["ram"] is not None else []
    parts += [f"GPU {gpu['index']} {_size(gpu['bytes'])} of {_size(gpu['total'])}" for gpu in memory["gpus"]]
    return ", ".join(parts)


def _size(count: Any) -> str:
    """A damaged event may say anything."""
    return (size(count) if isinstance(count, int) else None) or "—"


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


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
