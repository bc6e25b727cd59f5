"""Read the history of ended attempts. Upstream: training_runs.jsonl, written by supervisors. Downstream: server."""

from __future__ import annotations

from pathlib import Path

from gladius.store.stream import decode_event
from gladius.wire.runs import HistoryEntry


def read_history(path: Path, limit: int | None = None) -> list[HistoryEntry]:
    """Return the last line of each training, newest first; [] when there is no file. Lines that are none are skipped."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    newest: dict[str, HistoryEntry] = {}
    for line in reversed(lines):
        if not line.strip():
            continue
        try:
            entry = HistoryEntry.model_validate(decode_event(line))
        except ValueError:
            continue
        newest.setdefault(entry.training_id, entry)
    return list(newest.values())[:limit]
