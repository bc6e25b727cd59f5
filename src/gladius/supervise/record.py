"""The history line of an ended attempt: one for each, whoever writes it. Upstream: closing. Downstream: history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius.pulse.files import append_line
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import RunDir


def append_history(history: Path, entry: dict[str, Any]) -> bool:
    """Append the line of one ended attempt unless it is there already; return whether it was written. Durable."""
    history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(history.with_name(history.name + ".lock"))
    lock.acquire(patience=30.0)
    try:
        for line in _json_lines(history):
            if (line.get("training_id"), line.get("attempt")) == (entry["training_id"], entry["attempt"]):
                return False
        append_line(history, json.dumps(entry, allow_nan=False).encode() + b"\n")
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
