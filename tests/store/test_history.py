"""The history of ended trainings."""

from __future__ import annotations

import json
from pathlib import Path

from gladius.store.history import read_history


def test_no_file_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none.jsonl") == []


def test_the_last_line_of_a_training_wins_and_the_newest_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "training_runs.jsonl"
    lines = [
        {"training_id": "a", "attempt": 1, "status": "error", "final_loss": 3.0},
        {"training_id": "b", "attempt": 1, "status": "done", "final_loss": "NaN"},
        {"training_id": "a", "attempt": 2, "status": "done", "final_loss": 1.0},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\nbroken\n" + '{"training_id": "c", "att')
    entries = read_history(path)
    assert [(entry.training_id, entry.attempt, entry.final_loss) for entry in entries] == [
        ("a", 2, 1.0),
        ("b", 1, "NaN"),
    ]
    assert len(read_history(path, 1)) == 1
