"""The attempt that a broken loss asks for: what it keeps, what it lowers, and when there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gladius.launch.attempt import write_config
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import this_host
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise.rollback import prepare_rollback

CONFIG = "train:\n  learning_rate: 0.1 # the peak\n  weight_decay: 0.01\n"
KEYS = {"learning_rate": "train.learning_rate", "weight_decay": "train.weight_decay"}
LOWERED = {"train.learning_rate": 0.05}


@pytest.fixture
def run(home: Home) -> RunDir:
    """A run with a configuration of its own, whose first attempt began with a weight decay of 0.01."""
    run = home.new_run("broken", {"source": "api", "engine": "script", "config_source": "config.yaml"})
    run.attempts.mkdir(parents=True, exist_ok=True)
    run.attempt_config(1).write_text(CONFIG)
    (run.root / "config.yaml").write_text(CONFIG)
    began = {"learning_rate": 0.1, "weight_decay": 0.01, "max_grad_norm": 1.0}
    adjustable = {name: {"value": value, "key": KEYS.get(name)} for name, value in began.items()}
    hello = {"run_id": run.run_id, "pid": 1, "host": this_host(), "adjustable": adjustable}
    EventWriter(run.events, 1).write("hello", hello)
    launched(run)
    return run


def launched(run: RunDir, **facts: Any) -> None:
    argv = ["python", "train.py", f"--config={run.attempt_config(1)}", str(run.attempt_config(1))]
    run.write_attempt(1, {"argv": argv, "cwd": str(run.root), "overrides": {}, **facts})


def checkpoint(run: RunDir, attempt: int = 1, **values: float) -> Path:
    folder = run.checkpoints / "step-9"
    folder.mkdir(parents=True)
    told = {"run_id": run.run_id, "attempt": attempt, "step": 9, "hyperparameters": values, "config_keys": KEYS}
    (folder / "gladius.json").write_text(json.dumps(told))
    return folder


def roll_back(run: RunDir, folder: Path) -> dict[str, Any]:
    assert prepare_rollback(run, 1, {"checkpoint": str(folder), "overrides": LOWERED}) == 2
    found: dict[str, Any] = json.loads(run.attempt_json(2).read_text())
    return found


def yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())["train"]


def test_what_was_set_live_goes_on_and_the_lowered_rate_wins(run: RunDir) -> None:
    folder = checkpoint(run, learning_rate=0.2, weight_decay=0.3, max_grad_norm=0.25)
    overrides = roll_back(run, folder)["overrides"]
    assert overrides == {"train.learning_rate": 0.05, "train.weight_decay": 0.3, "max_grad_norm": 0.25}
    assert yaml(run.attempt_config(2)) == {"learning_rate": 0.05, "weight_decay": 0.3}


def test_what_an_earlier_attempt_had_is_not_what_this_one_was_told(run: RunDir) -> None:
    launched(run, overrides={"learning_rate": 0.1, "max_grad_norm": 0.5})
    folder = checkpoint(run, attempt=7, learning_rate=0.2, weight_decay=0.3, max_grad_norm=0.25)
    assert roll_back(run, folder)["overrides"] == {"train.learning_rate": 0.05, "max_grad_norm": 0.5}


def test_the_command_gets_the_new_configuration_wherever_it_names_the_old(run: RunDir) -> None:
    new = str(run.attempt_config(2))
    assert roll_back(run, checkpoint(run))["argv"] == ["python", "train.py", f"--config={new}", new]


def test_a_configuration_of_any_size_is_gone_on_with(run: RunDir) -> None:
    prompts = ["see :[ "] * 300
    many = {"train": {"learning_rate": 0.1, "prompt": "word " * 60_000, "weights": [0.5] * 21_000, "prompts": prompts}}
    write_config(run.attempt_config(1), many)
    roll_back(run, checkpoint(run))
    assert yaml(run.attempt_config(2)) == {**many["train"], "learning_rate": 0.05}


def test_a_command_that_nobody_knows_how_to_start_is_not_started_again(run: RunDir) -> None:
    launched(run, cwd=None)
    assert prepare_rollback(run, 1, {"checkpoint": str(checkpoint(run)), "overrides": LOWERED}) is None
    assert run.attempt_numbers() == [1]


def test_the_editable_file_follows_unless_a_person_has_edited_it(run: RunDir) -> None:
    file = run.root / "config.yaml"
    file.write_text(CONFIG.replace("weight_decay: 0.01", "weight_decay: 0.7"))
    roll_back(run, checkpoint(run, weight_decay=0.3))
    assert yaml(file) == {"learning_rate": 0.05, "weight_decay": 0.7} and "# the peak" in file.read_text()


def test_an_editable_file_that_is_no_yaml_is_left_alone(run: RunDir) -> None:
    file = run.root / "config.yaml"
    file.write_text("train: [")
    roll_back(run, checkpoint(run))
    assert file.read_text() == "train: ["
