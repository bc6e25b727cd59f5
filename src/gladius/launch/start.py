"""Turn a request into a run: directory, attempt, supervisor. Upstream: server, `gladius run`. Downstream: launchers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gladius.catalog.datasets import Dataset, Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.profiles import Profile, Profiles
from gladius.errors import ConfigError, LaunchError
from gladius.launch.base import Launcher
from gladius.launch.trainer_path import trainer_path
from gladius.pulse.rundir import Home, RunDir
from gladius.wire.catalog import StartRequest
from pulse_wrapper import write_error_status

_RECIPES = {"transformers": "gladius.recipes.finetune"}


class Starter:
    """Starts runs of profiles from the catalog."""

    def __init__(self, home: Home, profiles: Profiles, datasets: Datasets, launcher: Launcher) -> None:
        self._home = home
        self._profiles = profiles
        self._datasets = datasets
        self._launcher = launcher

    def start(self, request: StartRequest, source: str) -> RunDir:
        """Start a run and return its directory.

        Raises ProfileNotFound, DatasetNotFound or ConfigError before anything is created, LaunchError after.
        """
        profile = self._profiles.get(request.profile_id)
        if profile.problem:
            raise ConfigError(f"Profile '{profile.id}' cannot be used: {profile.problem}", field="profile_id")
        dataset = self._dataset(profile, request.dataset_id)
        config = effective_config(profile, dataset, request.epochs, dict(request.overrides))
        run = self._home.new_run(
            request.name or profile.id,
            {
                "source": source, "profile": profile.id, "dataset": dataset.id if dataset else None, "engine": profile.engine,
                "config_source": None, "launcher": self._launcher.name, "resources": {}, "parent": None,
                "tags": list(request.tags), "total_epochs": request.epochs or profile.default_epochs,
            },
        )  # fmt: skip
        _write_config(run.attempt_config(1), config)
        argv = _argv(profile, run)
        launch(self._home, self._launcher, run, argv, cwd=run.root, total_epochs=request.epochs or profile.default_epochs)
        return run

    def _dataset(self, profile: Profile, dataset_id: str | None) -> Dataset | None:
        chosen = dataset_id or profile.default_dataset
        if chosen is None:
            if profile.needs_dataset:
                raise ConfigError(f"Profile '{profile.id}' needs a dataset.", "Choose one of 'gladius dataset ls'.", "dataset_id")
            return None
        dataset = self._datasets.get(chosen)
        if dataset.problem:
            raise ConfigError(f"Dataset '{dataset.id}' cannot be used: {dataset.problem}", field="dataset_id")
        return dataset


def start_command(home: Home, launcher: Launcher, argv: list[str], name: str | None, epochs: float | None) -> RunDir:
    """Start any command as a run of its own, in the current folder; raises LaunchError."""
    run = home.new_run(
        name or Path(argv[0]).name,
        {
            "source": "cli", "profile": None, "dataset": None, "engine": "command", "config_source": None,
            "launcher": launcher.name, "resources": {}, "parent": None, "tags": [], "total_epochs": epochs,
        },
    )  # fmt: skip
    launch(home, launcher, run, argv, cwd=Path.cwd(), total_epochs=epochs)
    return run


def launch(home: Home, launcher: Launcher, run: RunDir, argv: list[str], cwd: Path, total_epochs: float | None) -> None:
    """Record attempt 1 and hand it to the launcher."""
    extra_path = trainer_path(home, argv[0])
    facts: dict[str, Any] = {
        "argv": argv, "cwd": str(cwd), "env": sorted(os.environ), "launcher": launcher.name, "checkpoint": None,
        "overrides": {}, "total_epochs": total_epochs, "pythonpath": str(extra_path) if extra_path else None,
    }  # fmt: skip
    run.write_attempt(1, facts)
    try:
        launcher.start(run, 1)
    except LaunchError as error:
        write_error_status(run.status, 0.0, total_epochs or 0.0, 0.0, error.message)
        raise


def _argv(profile: Profile, run: RunDir) -> list[str]:
    config = str(run.attempt_config(1))
    if profile.engine == "script":
        return [part.replace("{config}", config).replace("{run_dir}", str(run.root)) for part in profile.argv]
    if profile.engine not in _RECIPES:
        raise LaunchError(f"Profile '{profile.id}' has the engine '{profile.engine}', which nothing here can start.")
    return [profile.python or sys.executable, "-m", _RECIPES[profile.engine], config]


def _write_config(path: Path, config: dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    yaml = YAML()
    yaml.default_flow_style = False
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(config, file)
