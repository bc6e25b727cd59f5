"""Turn a request into a run: directory, configuration, first attempt. Upstream: server, `gladius run`. Downstream: attempt."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gladius.catalog.datasets import Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.presets import Presets
from gladius.catalog.profile_rules import SCRIPTS
from gladius.catalog.profiles import Profile, Profiles
from gladius.errors import LaunchError
from gladius.launch.attempt import CONFIG_FILE, Attempt, launch, reserved, write_config
from gladius.launch.base import Launcher
from gladius.launch.command import check_script, filled
from gladius.pulse.rundir import Home, RunDir
from gladius.wire.catalog import StartRequest

_RECIPES = {"transformers": "gladius.recipes.finetune", "llama_factory": "gladius.integrations.llama_factory"}


class Starter:
    """Starts runs of profiles from the catalog."""

    def __init__(
        self, home: Home, profiles: Profiles, datasets: Datasets, presets: Presets, launcher: Launcher
    ) -> None:
        self._home = home
        self._profiles = profiles
        self._datasets = datasets
        self._presets = presets
        self._launcher = launcher

    def start(self, request: StartRequest, source: str, asked_by: str | None = None) -> RunDir:
        """Start a run and return its directory.

        Raises ProfileNotFound, DatasetNotFound, PresetNotFound or ConfigError before anything is created, LaunchError after.
        """
        profile = self._profiles.get(request.profile_id)
        chosen = request.dataset_id or profile.default_dataset
        dataset = self._datasets.get(chosen) if chosen is not None else None
        overrides = self._overrides(request, profile)
        config = effective_config(profile, dataset, request.epochs, overrides)
        check_script(profile, config)
        epochs = float(config["train"]["epochs"])
        run = self._home.new_run(
            request.name or profile.id,
            {
                "source": source, "profile": profile.id, "dataset": chosen, "engine": profile.engine,
                "config_source": CONFIG_FILE, "launcher": self._launcher.name, "parent": None,
                "resources": profile.resources.model_dump(exclude_none=True), "tags": list(request.tags),
                "total_epochs": epochs, **_command(profile), **_bounds(profile),
            },
        )  # fmt: skip
        # The file that a person may edit while it trains; what was launched stays beside it.
        write_config(run.root / CONFIG_FILE, config)
        with reserved(run):
            attempt = Attempt(
                argv=_argv(profile, run, config), cwd=str(run.root), total_epochs=epochs, overrides=overrides,
                config=config, asked_by=asked_by,
            )  # fmt: skip
            launch(self._home, self._launcher, run, 1, attempt)
        return run

    def _overrides(self, request: StartRequest, profile: Profile) -> dict[str, Any]:
        """What the preset says, then what was asked for, which counts more; epochs may be said in a place of their own."""
        if request.preset_id is None:
            return dict(request.overrides)
        preset = self._presets.get(request.preset_id).overrides_for(profile.id, profile.engine)
        return {**without(preset, request), **request.overrides}


def without(preset: Mapping[str, Any], request: StartRequest) -> dict[str, Any]:
    """The preset's settings but for those that the request says itself, be it by their last word alone."""
    said = {key.rpartition(".")[2] for key in request.overrides} | ({"epochs"} if request.epochs is not None else set())
    return {key: value for key, value in preset.items() if key.rpartition(".")[2] not in said}


def start_command(home: Home, launcher: Launcher, argv: list[str], name: str | None, epochs: float | None) -> RunDir:
    """Start any command as a run of its own, in the current folder; raises LaunchError."""
    run = home.new_run(
        name or Path(argv[0]).name,
        {
            "source": "cli", "profile": None, "dataset": None, "engine": "command", "config_source": None,
            "launcher": launcher.name, "resources": {}, "parent": None, "tags": [], "total_epochs": epochs,
        },
    )  # fmt: skip
    with reserved(run):
        launch(home, launcher, run, 1, Attempt(argv, str(Path.cwd()), epochs, asked_by="cli"))
    return run


def _command(profile: Profile) -> dict[str, Any]:
    """A script's command with its places still open: a later attempt fills in what was changed."""
    python = profile.python or sys.executable
    return {"command": [word.replace("{python}", python) for word in profile.argv]} if profile.argv else {}


def _bounds(profile: Profile) -> dict[str, Any]:
    """What may be changed while it trains, as the profile says it now: another profile later binds no run of today."""
    bounds = {key: one.model_dump(exclude_none=True) for key, one in profile.adjustable.items()}
    return {"bounds": bounds} if bounds else {}


def _argv(profile: Profile, run: RunDir, config: Mapping[str, Any]) -> list[str]:
    if profile.engine in SCRIPTS:
        return filled(profile.argv, run, 1, config, profile.python)
    if profile.engine not in _RECIPES:
        raise LaunchError(f"Profile '{profile.id}' has the engine '{profile.engine}', which nothing here can start.")
    return [profile.python or sys.executable, "-m", _RECIPES[profile.engine], str(run.attempt_config(1))]
