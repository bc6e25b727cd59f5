"""Turn a request into a run: directory, attempt, supervisor. Upstream: server, `gladius run`. Downstream: launchers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gladius.catalog.datasets import Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.profiles import Profile, Profiles
from gladius.errors import LaunchError
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
        chosen = request.dataset_id or profile.default_dataset
        dataset = self._datasets.get(chosen) if chosen is not None else None
        config = effective_config(profile, dataset, request.epochs, request.overrides)
        epochs = float(config["train"]["epochs"])
        run = self._home.new_run(
            request.name or profile.id,
            {
                "source": source, "profile": profile.id, "dataset": chosen, "engine": profile.engine, "config_source": None,
                "launcher": self._launcher.name, "resources": {}, "parent": None, "tags": list(request.tags),
                "total_epochs": epochs,
            },
        )  # fmt: skip
        _write_config(run.attempt_config(1), config)
        overrides = dict(request.overrides)
        launch(self._home, self._launcher, run, _argv(profile, run), run.root, epochs, overrides)
        return run


def start_command(home: Home, launcher: Launcher, argv: list[str], name: str | None, epochs: float | None) -> RunDir:
    """Start any command as a run of its own, in the current folder; raises LaunchError."""
    run = home.new_run(
        name or Path(argv[0]).name,
        {
            "source": "cli", "profile": None, "dataset": None, "engine": "command", "config_source": None,
            "launcher": launcher.name, "resources": {}, "parent": None, "tags": [], "total_epochs": epochs,
        },
    )  # fmt: skip
    launch(home, launcher, run, argv, Path.cwd(), epochs, {})
    return run


def launch(
    home: Home,
    launcher: Launcher,
    run: RunDir,
    argv: list[str],
    cwd: Path,
    total_epochs: float | None,
    overrides: dict[str, Any],
) -> None:
    """Record attempt 1 and hand it to the launcher."""
    extra_path = trainer_path(home, argv[0])
    facts: dict[str, Any] = {
        "argv": argv, "cwd": str(cwd), "env": sorted(os.environ), "launcher": launcher.name, "checkpoint": None,
        "overrides": overrides, "total_epochs": total_epochs, "pythonpath": str(extra_path) if extra_path else None,
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
    path.touch(mode=0o600)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        yaml.dump(config, file)
