"""An attempt is recorded and handed over once; one that cannot be handed over never was."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.errors import LaunchError, RunBusy
from gladius.launch.attempt import Attempt, launch, reserved, write_config
from gladius.pulse.files import write_text
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import read_training_status, write_idle_status


class NoRoom:
    """A launcher of a machine that takes nothing more."""

    name = "no-room"

    def start(self, run: RunDir, attempt: int) -> None:
        assert run.attempt_json(attempt).exists(), "it is on record before it is started"
        raise LaunchError("There is no room.", "Come back later.")

    def adopt(self, run: RunDir, attempt: int) -> None:
        raise NotImplementedError


def test_a_first_attempt_that_could_not_be_started_is_a_run_that_failed(home: Home) -> None:
    run = home.new_run("first", {})
    with pytest.raises(LaunchError):
        launch(home, NoRoom(), run, 1, Attempt(["python"], str(run.root)))
    status = read_training_status(run.status)
    assert run.attempt_numbers() == [1] and status is not None and status["status"] == "error"


def test_a_later_attempt_that_could_not_be_started_leaves_the_run_as_it_was(home: Home) -> None:
    run = home.new_run("later", {})
    run.write_attempt(1, {"argv": ["python"]})
    write_idle_status(run.status, "Released at step 7")
    before = run.status.read_bytes()
    with pytest.raises(LaunchError):
        launch(home, NoRoom(), run, 2, Attempt(["python"], str(run.root), config={"train": {"epochs": 1.0}}))
    assert run.attempt_numbers() == [1] and not run.attempt_config(2).exists()
    assert run.status.read_bytes() == before


def test_only_one_may_launch_an_attempt_at_a_time(home: Home) -> None:
    run = home.new_run("one", {})
    with reserved(run), pytest.raises(RunBusy, match="being started"), reserved(run):
        pass
    with reserved(run):
        pass


def test_a_configuration_is_whole_or_not_there_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "attempts" / "1.yaml"
    write_config(path, {"train": {"learning_rate": 1e-05, "name": "ab: c"}})
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert "learning_rate: 1e-05" in path.read_text() and [one.name for one in path.parent.iterdir()] == ["1.yaml"]
