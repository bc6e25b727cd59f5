"""A script that a launcher started and that reads a configuration file of its own: what is compared and what may be edited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import gladius
from gladius.errors import ConfigError
from gladius.launch.config_file import diff, save
from gladius.pulse.rundir import RunDir
from gladius.store.record import config
from gladius.store.view import RunView


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunView]:
    directory = RunDir(tmp_path / "run")
    directory.create({"name": "own", "engine": "command", "config_source": None, "created_at": 0.0})
    directory.write_attempt(1, {"argv": ["python"], "cwd": str(tmp_path), "launcher": "local"})
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(directory.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "1")
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"train": {"rate": 0.5, "batch": 8}}))
    run = gladius.start(config={"train": {"rate": 0.1, "batch": 8}})
    run.adjustable("learning_rate", get=lambda: 0.1, set=print, key="train.rate")
    run.on("reload_config", lambda: {"train.rate": 0.5}, file=file)
    run.boundary(0)
    yield RunView(directory).load()
    run.finish()


def test_the_scripts_file_is_compared_with_what_it_was_given_and_what_is_live(view: RunView) -> None:
    assert config(view, 1) == {"train": {"rate": 0.1, "batch": 8}}
    compared = diff(view)
    assert compared.problem is None and compared.file is not None and compared.file.endswith("own.json")
    rows = {row.key: row for row in compared.rows}
    rate = rows["train.rate"]
    assert (rate.file, rate.launched, rate.live, rate.applies, rate.changed) == (0.5, 0.1, 0.1, "live", True)
    assert (rows["train.batch"].changed, rows["train.batch"].applies) == (False, "restart")


def test_only_the_script_knows_what_its_file_may_say(view: RunView) -> None:
    with pytest.raises(ConfigError, match=r"own\.json is the script's own"):
        save(view, "train:\n  rate: 1\n")
