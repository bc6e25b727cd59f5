"""The folder that a training environment gets on its path, and runs that could not be started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gladius
from gladius.errors import LaunchError
from gladius.launch.start import start_command
from gladius.launch.trainer_path import build_trainer_path, trainer_path
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import read_training_status


def test_an_environment_that_has_gladius_needs_no_folder(home: Home) -> None:
    assert trainer_path(home, sys.executable) is None
    assert trainer_path(home, "/bin/sh") is not None
    assert trainer_path(home, "no-such-program") is not None


def test_the_folder_holds_what_a_trainer_needs_and_no_more(home: Home) -> None:
    folder = build_trainer_path(home)
    assert {path.name for path in folder.iterdir()} == {"gladius", "pulse_wrapper.py"}
    assert {path.name for path in (folder / "gladius").iterdir()} == {
        "__init__.py",
        "errors.py",
        "pulse",
        "integrations",
        "recipes",
    }
    for copy in folder.rglob("*.py"):
        if copy.name != "pulse_wrapper.py":
            assert (
                copy.read_bytes() == (Path(gladius.__file__).parent / copy.relative_to(folder / "gladius")).read_bytes()
            )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", "import gladius; print(gladius.start.__module__, gladius.__file__)"],
        env={"PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.split() == ["gladius.pulse.start", str(folder / "gladius" / "__init__.py")]


def test_the_folder_is_made_once(home: Home) -> None:
    first = build_trainer_path(home)
    before = first.stat().st_ino
    assert build_trainer_path(home) == first
    assert first.stat().st_ino == before
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_two_launches_at_once_publish_one_folder(home: Home) -> None:
    script = "import sys\nfrom gladius.pulse.rundir import Home\nfrom gladius.launch.trainer_path import build_trainer_path\nprint(build_trainer_path(Home(sys.argv[1])))"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, home.root], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate()[0].strip() for process in processes}
    assert all(process.returncode == 0 for process in processes)
    (folder,) = answers
    assert [path.name for path in Path(folder).parent.iterdir()] == [Path(folder).name]


class BrokenLauncher:
    name = "broken"

    def start(self, run: RunDir, attempt: int) -> None:
        raise LaunchError("No machine is free.", "Wait.")

    def adopt(self, run: RunDir, attempt: int) -> None:
        raise LaunchError("No machine is free.", "Wait.")


def test_a_run_that_could_not_be_started_says_so(home: Home) -> None:
    with pytest.raises(LaunchError, match="No machine is free"):
        start_command(home, BrokenLauncher(), ["train"], "x", epochs=3)
    (run,) = home.all_runs()
    status = read_training_status(run.status)
    assert (status["status"], status["message"], status["total_epochs"]) == ("error", "No machine is free.", 3.0)
    assert run.attempt_numbers() == [1]
