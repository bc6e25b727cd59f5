"""After a training went back to an earlier checkpoint, what it left behind is neither kept nor gone on from."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gladius
from gladius.pulse.checkpoints import FACTS, published, seal
from gladius.pulse.events import EventReader
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import Home, RunDir


@pytest.fixture
def directory(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDir]:
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    yield RunDir(tmp_path / "run")
    gladius.finish()


def save(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"w" * 100)


def begin(**policy: Any) -> Run:
    run = gladius.start(total_epochs=1, steps_per_epoch=1000)
    run.on("checkpoint", save, **policy)
    run.adjustable("learning_rate", get=lambda: 0.1, set=lambda value: None)
    return run


def names(folder: Path) -> list[str]:
    return [path.name for path in published(folder)]


def left_behind(steps: range, **policy: Any) -> None:
    """A first attempt that saved at these steps."""
    run = begin(**policy)
    for step in steps:
        run.boundary(step)
        run.save()
    run.finish(RuntimeError("killed"))


def failure(directory: RunDir) -> dict[str, Any]:
    found: dict[str, Any] = [event for event in EventReader(directory.events) if event["type"] == "state"][-1]["error"]
    return found


def test_a_rollback_does_not_go_to_what_was_left_behind(directory: RunDir) -> None:
    left_behind(range(10, 40, 10))
    run = begin()
    run.on_bad_loss("rollback")
    run.resumed(directory.checkpoints / "step-10", 10)
    for step in range(11, 25):
        run.log({"train/loss": math.nan if step == 24 else 1.0}, step=step)
        run.boundary(step)
    run.finish()
    assert failure(directory)["restart"]["checkpoint"] == str(directory.checkpoints / "step-10")


def test_a_rollback_does_not_go_to_another_runs_checkpoint(directory: RunDir, tmp_path: Path) -> None:
    other = tmp_path / "output" / "step-5"
    other.mkdir(parents=True)
    save(other)
    (other / FACTS).write_text('{"run_id": "another", "attempt": 1, "step": 5}')
    seal(other)
    run = begin(publish_to=tmp_path / "output")
    run.on_bad_loss("rollback")
    for step in range(10):
        run.log({"train/loss": math.nan if step == 9 else 1.0}, step=step)
        run.boundary(step)
    run.finish()
    assert "there is no checkpoint from before it" in failure(directory)["message"]


def test_what_is_saved_now_is_kept_before_what_was_left_behind(directory: RunDir) -> None:
    left_behind(range(10, 50, 10), keep_last=3)
    assert names(directory.checkpoints) == ["step-20", "step-30", "step-40"]
    run = begin(keep_last=3)
    run.resumed(directory.checkpoints / "step-20", 20)
    for step in (22, 24, 26):
        run.boundary(step)
        run.save()
        assert f"step-{step}" in names(directory.checkpoints)
    assert names(directory.checkpoints) == ["step-22", "step-24", "step-26"]


def test_what_was_just_saved_stays_though_the_clock_was_put_back(
    directory: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(keep_last=1)
    run.boundary(1)
    run.save()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    run.boundary(2)
    run.save()
    assert "step-2" in names(directory.checkpoints)


def test_a_job_that_is_started_again_does_not_go_on_from_what_was_left_behind(directory: RunDir) -> None:
    left_behind(range(10, 40, 10))
    run = begin()
    assert run.resume_from == str(directory.checkpoints / "step-30")
    run.resumed(directory.checkpoints / "step-10", 10)
    run.boundary(11)
    run.finish(RuntimeError("killed before it saved"))
    again = begin()
    assert again.resume_from == str(directory.checkpoints / "step-10")
    again.resumed(again.resume_from, 10)
    again.boundary(12)
    again.save()
    again.finish(RuntimeError("killed"))
    assert begin().resume_from == str(directory.checkpoints / "step-12")


def test_a_job_that_is_started_again_before_it_saved_goes_on_from_where_it_was_launched(
    directory: RunDir, tmp_path: Path
) -> None:
    """As a fork is: its first checkpoint is another run's."""
    origin = tmp_path / "another" / "step-7"
    origin.mkdir(parents=True)
    save(origin)
    seal(origin)
    directory.create({"name": "fork"})
    directory.write_attempt(1, {"argv": [], "checkpoint": str(origin)})
    assert begin().resume_from == str(origin)
