"""Turn a request into a run: directory, configuration, first attempt. Upstream: queue, `gladius run`. Downstream: attempt."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gladius.catalog.datasets import Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.presets import Presets
from gladius.catalog.profile_rules import SCRIPTS
from gladius.catalog.profiles import Profile, Profiles
from gladius.errors import ConfigError, GladiusError, LaunchError
from gladius.launch.attempt import CONFIG_FILE, Attempt, launch, record, reserved, write_config
from gladius.launch.base import Launcher
from gladius.launch.command import check_script, filled
from gladius.launch.origin import origin
from gladius.launch.queue_book import Entry
from gladius.launch.unstarted import close_unstarted, has_begun
from gladius.pulse.rundir import Home, RunDir
from gladius.store.record import load_yaml
from gladius.wire.catalog import StartRequest

_SCRIPTS = frozenset({".py", ".sh"})
_RECIPES = {"transformers": "gladius.recipes.finetune", "llama_factory": "gladius.integrations.llama_factory"}


@dataclass(frozen=True)
class Order:
    """A request as it was found to be right: what will be started, once there is room."""

    profile: Profile
    dataset: str | None
    config: dict[str, Any]
    overrides: dict[str, Any]
    epochs: float


class Starter:
    """Starts runs of profiles from the catalog: `order` checks, `create` makes the directory, `launch` hands it over.

    With `probe` (`steps`, `seconds`) what it launches are probes, which end after so many steps.
    """

    def __init__(
        self, home: Home, profiles: Profiles, datasets: Datasets, presets: Presets, launcher: Launcher,
        probe: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        self._home = home
        self._probe = probe
        self._profiles = profiles
        self._datasets = datasets
        self._presets = presets
        self._launcher = launcher

    def order(self, request: StartRequest) -> Order:
        """Check a request; raises ProfileNotFound, DatasetNotFound, PresetNotFound or ConfigError. Nothing is created."""
        profile = self._profiles.get(request.profile_id)
        chosen = request.dataset_id or profile.default_dataset
        dataset = self._datasets.get(chosen) if chosen is not None else None
        overrides = self._overrides(request, profile)
        config = effective_config(profile, dataset, request.epochs, overrides)
        check_script(profile, config)
        return Order(profile, chosen, config, overrides, float(config["train"]["epochs"]))

    def create(self, entry: Entry, order: Order) -> RunDir:
        """Make the run's directory with its configuration; done twice, what is there stays."""
        run, profile = self._home.run(entry.run_id), order.profile
        run.create(
            {
                "name": entry.request.name or profile.id, "created_at": entry.asked_at,
                **origin(entry.source), "profile": profile.id, "dataset": order.dataset, "engine": profile.engine,
                "config_source": CONFIG_FILE, "launcher": self._launcher.name, "parent": None,
                "resources": profile.resources.model_dump(exclude_none=True), "tags": list(entry.request.tags),
                "total_epochs": order.epochs, **_command(profile), **_bounds(profile),
            },
        )  # fmt: skip
        # The file that a person may edit while it trains; what was launched stays beside it.
        for path in (run.root / CONFIG_FILE, run.attempt_config(1)):
            if not path.exists():
                write_config(path, order.config)
        return run

    def launch(self, entry: Entry, gpus: tuple[int, ...] | None = None) -> RunDir:
        """Start the run that `create` made, with the configuration of that time, on the profile as it is now.

        One that has begun already is left alone. Raises ProfileNotFound, DatasetNotFound, ConfigError, LaunchError; see `fail`.
        """
        run = self._home.run(entry.run_id)
        with reserved(run):
            if run.attempt_numbers() and has_begun(run):
                return run
            launch(self._home, self._launcher, run, 1, self._attempt(run, entry, gpus))
        return run

    def probing(self, home: Home, launcher: Launcher, steps: int, seconds: float) -> Starter:
        """One that launches probes, into a home that is theirs alone."""
        probe: dict[str, float] = {"steps": steps, "seconds": seconds}
        return Starter(home, self._profiles, self._datasets, self._presets, launcher, probe)

    def fail(self, entry: Entry, why: str) -> None:
        """Record why it could not be started, unless that is on record."""
        run = self._home.run(entry.run_id)
        if not has_begun(run):
            close_unstarted(self._home, run, "error", why, entry.request.epochs)

    def cancel(self, entry: Entry, why: str) -> None:
        """Record that it will not start; what it would have been stays on record, so that it can be resumed after all."""
        run = self._home.run(entry.run_id)
        # Where its profile or dataset is gone, there is nothing that could be resumed.
        with contextlib.suppress(GladiusError):
            record(self._home, self._launcher, run, 1, self._attempt(run, entry, None))
        close_unstarted(self._home, run, "cancelled", why, entry.request.epochs)

    def _attempt(self, run: RunDir, entry: Entry, gpus: tuple[int, ...] | None) -> Attempt:
        profile = self._profiles.get(entry.request.profile_id)
        if profile.problem:
            raise ConfigError(f"Profile '{profile.id}' cannot be used: {profile.problem}", field="profile_id")
        chosen = entry.request.dataset_id or profile.default_dataset
        if chosen is not None and (problem := self._datasets.get(chosen).problem):
            raise ConfigError(f"Dataset '{chosen}' cannot be used: {problem}", field="dataset_id")
        config = load_yaml(run.attempt_config(1))
        check_script(profile, config)
        return Attempt(
            argv=_argv(profile, run, config), cwd=str(run.root), total_epochs=float(config["train"]["epochs"]),
            overrides=self._overrides(entry.request, profile), config=config, asked_by=entry.asked_by, gpus=gpus,
            probe=self._probe,
        )  # fmt: skip

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
        name or _name_of(argv),
        {
            "source": "cli", "profile": None, "dataset": None, "engine": "command", "config_source": None,
            "launcher": launcher.name, "resources": {}, "parent": None, "tags": [], "total_epochs": epochs,
        },
    )  # fmt: skip
    with reserved(run):
        launch(home, launcher, run, 1, Attempt(argv, str(Path.cwd()), epochs, asked_by="cli"))
    return run


def _name_of(argv: Sequence[str]) -> str:
    """What is run, not what runs it: the first script or module among the words, else the program."""
    for before, word in pairwise(["", *argv]):
        if before == "-c":
            break  # what follows is code, and its own arguments
        if Path(word).suffix in _SCRIPTS:
            return Path(word).stem
        if before == "-m":
            return word
    return Path(argv[0]).name


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
