"""What scripts do that nobody foresees: many threads, handlers that log, values that raise. The training goes on, and is told right."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gladius
from gladius.pulse import heart
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home, RunDir

Until = Callable[..., Any]


@pytest.fixture
def folder(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDir]:
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    yield RunDir(tmp_path / "run")
    gladius.finish()


def rows(directory: RunDir) -> list[dict[str, Any]]:
    return [event for event in EventReader(directory.events) if event["type"] == "metrics"]


def at_once(*calls: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_step_that_a_long_operation_follows_at_once_keeps_its_length(
    folder: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heart, "TICK_S", 60.0)
    monkeypatch.setattr(heart, "STALL_MIN_S", 0.0)
    run = gladius.start(total_epochs=1, steps_per_epoch=100)
    for step in range(4):
        time.sleep(0.05)
        run.boundary(step)
        with run.long("sampling"):
            pass
    assert 10 * 0.05 <= run._heart.pace.stall_after
