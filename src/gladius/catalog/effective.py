"""Make the configuration of one run. Upstream: profile, dataset, a person's wishes. Downstream: launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gladius.catalog.datasets import Dataset
from gladius.catalog.profiles import Profile
from gladius.catalog.settings import Setting, Settings, engine_settings, flatten, nest
from gladius.errors import ConfigError


def effective_config(
    profile: Profile, dataset: Dataset | None, epochs: float | None, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the whole configuration: engine's defaults, then profile, dataset, overrides and epochs.

    Override keys are dotted (`train.learning_rate`), or the last part alone where only one setting ends so; values may
    be the words a person typed. Raises ConfigError with `field` set: a key that is not known, a value out of its
    bounds, epochs outside the profile's, a setting that the profile leaves open, a profile or dataset with a problem.
    """
    if profile.problem:
        raise ConfigError(f"Profile '{profile.id}' cannot be used: {profile.problem}", field="profile_id")
    if dataset is not None and dataset.problem:
        raise ConfigError(f"Dataset '{dataset.id}' cannot be used: {dataset.problem}", field="dataset_id")
    if dataset is None and profile.needs_dataset:
        hint = "'gladius dataset ls' lists the datasets."
        raise ConfigError(f"Profile '{profile.id}' needs a dataset.", hint, "dataset_id")
    settings = settings_for(profile.engine, profile.config)
    flat = {**settings.defaults(), **flatten(profile.config)}
    if dataset is not None:
        flat.update(flatten({"data": dataset.config()}))
    for key, value in (overrides or {}).items():
        setting = settings.find(key)
        flat[setting.key] = setting.coerce(value)
        profile.allow(setting.key, flat[setting.key])
    flat["train.epochs"] = _epochs(profile, epochs, overrides or {}, flat)
    settled = {key: _settled(profile, settings, key, value) for key, value in flat.items()}
    open_ = profile.left_open(settled)
    if open_ is not None:
        raise ConfigError(
            f"Profile '{profile.id}' needs '{open_}' for its command.", f"Add --set {open_}=VALUE.", open_
        )
    return nest(settled)


def _epochs(profile: Profile, epochs: float | None, overrides: Mapping[str, Any], flat: Mapping[str, Any]) -> float:
    overridden = flat["train.epochs"] if overrides.keys() & {"train.epochs", "epochs"} else None
    wanted = epochs if epochs is not None else overridden if overridden is not None else profile.default_epochs
    if overridden is not None and overridden != wanted:
        raise ConfigError(f"Epochs are {epochs:g} and {overridden:g} at once.", "Say it once.", "epochs")
    if not profile.epochs.min <= wanted <= profile.epochs.max:
        hint = f"Choose {profile.epochs.min:g} to {profile.epochs.max:g}."
        raise ConfigError(f"Profile '{profile.id}' does not train {wanted:g} epochs.", hint, "epochs")
    return float(wanted)


def _settled(profile: Profile, settings: Settings, key: str, value: Any) -> Any:
    """A null where the engine has a default is a question that the profile leaves to whoever starts the run."""
    if key == "train.epochs":
        return value
    setting = settings.find(key)
    if value is None and (setting.default is not None or setting.required):
        raise ConfigError(f"Profile '{profile.id}' needs '{key}': {setting.help}.", f"Add --set {key}=VALUE.", key)
    return setting.coerce(value)


def settings_for(engine: str, config: Mapping[str, Any]) -> Settings:
    """Return what an engine can be told; without a list of that, what the `config` names, each of the kind of its value."""
    found = engine_settings(engine)
    if found is not None:
        return found
    settings = [Setting("train.epochs", "number", None), *_DATA_SETTINGS]
    for key, value in flatten(config).items():
        kind = next((name for kinds, name in _KINDS if isinstance(value, kinds)), "text")
        open_ = value is None and engine == "llama_factory"
        help_ = "LLaMA-Factory cannot train without it" if open_ else ""
        settings.append(Setting(key, kind, value, help_, required=open_))  # type: ignore[arg-type]
    return Settings(settings)


_KINDS = ((bool, "flag"), (int, "integer"), (float, "number"), (list, "list"))
_DATA_SETTINGS = [Setting(f"data.{name}", "text", None) for name in ("id", "builtin", "path", "format", "cache")]
