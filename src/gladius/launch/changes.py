"""What a new attempt is told anew: a person's overrides, and what was set live. Upstream: catalog, store. Downstream: resume.

A checkpoint carries values of its own (the optimizer's learning rate, say), which a trainer takes when it loads it. So the
overrides of an attempt name every value that differs between the checkpoint and what the attempt is to be run with: the
trainer applies them after it loaded, and the configuration stays the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from gladius.catalog.effective import settings_for
from gladius.catalog.profiles import Profile, Profiles
from gladius.catalog.settings import Settings, flatten, nest
from gladius.errors import ConfigError, FieldErrors, ProfileNotFound
from gladius.launch.checkpoints import Origin
from gladius.store.record import config
from gladius.store.view import RunView


@dataclass(frozen=True)
class Changes:
    """The configuration that the new attempt begins with (`base`, flat: dotted keys), and what it shall have else.

    `asked` are a person's overrides; `carried` what was set live before the checkpoint was saved; `settled` what the
    checkpoint has otherwise than the configuration; `earlier` what the attempt before was told, and no configuration keeps.
    Keys are those of the configuration, or an adjustable's name where it has none. `unknown` are overrides that nothing
    announced. `from_catalog`: Gladius writes the configuration.
    """

    base: dict[str, Any]
    asked: dict[str, Any] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)
    settled: dict[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    from_catalog: bool = False
    earlier: dict[str, Any] = field(default_factory=dict)

    @property
    def overrides(self) -> dict[str, Any]:
        """For `attempts/<n>.json`: all that the trainer applies after it loaded the checkpoint."""
        return {**self.earlier, **self.settled, **self.carried, **self.asked}

    @property
    def flat(self) -> dict[str, Any]:
        """The configuration of the new attempt, flat."""
        changed = {**self.carried, **self.asked}
        return {**self.base, **{key: value for key, value in changed.items() if key in self.base or key in self.asked}}

    def config(self) -> dict[str, Any] | None:
        """For `attempts/<n>.yaml`; None for a run whose configuration is its own affair."""
        return nest(self.flat) if self.from_catalog else None


def changes_of(
    view: RunView, base_attempt: int, origin: Origin | None, overrides: Mapping[str, Any], profiles: Profiles
) -> Changes:
    """Check the overrides and put them together with what goes on from before; FieldErrors name each wrong one."""
    base = flatten(config(view, base_attempt))
    from_catalog = isinstance(view.run.get("profile"), str) and view.directory.attempt_config(base_attempt).exists()
    if from_catalog:
        settings = settings_for(str(view.run.get("engine")), nest(base))
        asked = _checked(overrides, settings, _profile_of(view, profiles))
    else:
        asked = _plain(overrides)
    earlier = _earlier(view, base_attempt, base if from_catalog else {})
    launched = {**base, **earlier}
    carried = _set_live(view, base_attempt, origin, launched, asked)
    adjustables = announced(view, base_attempt)
    settled = _without(_settled(origin, {**launched, **carried, **asked}), asked.keys(), adjustables)
    return Changes(
        base=base if from_catalog else launched,
        asked=asked,
        carried=carried,
        settled=settled,
        unknown=() if from_catalog else _unknown(view, launched, asked),
        from_catalog=from_catalog,
        earlier=_without(earlier, {*settled, *carried, *asked}, adjustables),
    )


def _earlier(view: RunView, attempt: int, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides of that attempt by their keys, but for those that its configuration has `kept`."""
    found = view.directory.read_attempt(attempt).get("overrides")
    keys = {name: str(one.get("key") or name) for name, one in announced(view, attempt).items()}
    by_key = (
        {keys.get(str(given), str(given)): value for given, value in found.items()} if isinstance(found, dict) else {}
    )
    return {key: value for key, value in by_key.items() if key not in kept}


def _without(values: Mapping[str, Any], said: Set[str], adjustables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The values that are not among those `said` anew, be it by an adjustable's name or by its key."""
    pairs = [{name, one.get("key") or name} for name, one in adjustables.items()]
    again = set(said).union(*(pair for pair in pairs if pair & said))
    return {key: value for key, value in values.items() if key not in again}


def _checked(overrides: Mapping[str, Any], settings: Settings, profile: Profile | None) -> dict[str, Any]:
    """The overrides by their dotted keys, each of its setting's kind."""
    asked: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []
    for given, value in overrides.items():
        try:
            setting = settings.find(given)
            if value is None and setting.default is not None:
                raise ConfigError(f"'{setting.key}' cannot be empty.", field=setting.key)
            if setting.key in asked:
                raise ConfigError(f"'{setting.key}' is given twice.", field=setting.key)
            asked[setting.key] = typed = setting.coerce(value)
            if profile is None:
                continue
            bounds = profile.epochs
            if setting.key == "train.epochs" and not bounds.min <= typed <= bounds.max:
                raise ConfigError(f"The profile trains {bounds.min:g} to {bounds.max:g} epochs.", field=setting.key)
            profile.allow(setting.key, typed)
        except ConfigError as error:
            errors.append({"field": f"overrides.{given}", "message": str(error)})
    if errors:
        raise FieldErrors(errors)
    return asked


def _plain(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides of a run whose settings only its script knows: any plain value."""
    kinds = bool | int | float | str | None
    wrong = [key for key, value in overrides.items() if not isinstance(value, kinds)]
    if wrong:
        message = "must be a text, a number, true or false"
        raise FieldErrors([{"field": f"overrides.{key}", "message": message} for key in wrong])
    return dict(overrides)


def _set_live(
    view: RunView, attempt: int, origin: Origin | None, base: Mapping[str, Any], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """What had been set live in that attempt when the checkpoint was saved: it goes on, unless a person says else now."""
    if origin is None or (origin.run_id, origin.attempt) != (view.run_id, attempt):
        return {}
    began = view.attempt_facts(attempt).began_with
    carried = {}
    for name, value in origin.hyperparameters.items():
        key = origin.config_keys.get(name) or name
        launched = base.get(key, began.get(name))
        if value is not None and launched is not None and value != launched and not {key, name} & asked.keys():
            carried[key] = value
    return carried


def _settled(origin: Origin | None, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Where the checkpoint has another value than the attempt is to be run with."""
    if origin is None:
        return {}
    keys = ((origin.config_keys.get(name) or name, value) for name, value in origin.hyperparameters.items())
    return {key: wanted[key] for key, value in keys if wanted.get(key) is not None and wanted[key] != value}


def _unknown(view: RunView, base: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, ...]:
    known = set(base)
    for name, one in announced(view, view.attempt).items():
        known |= {name, one.get("key") or name}
    return tuple(key for key in asked if key not in known and key.rpartition(".")[2] not in known)


def announced(view: RunView, attempt: int) -> dict[str, dict[str, Any]]:
    """The adjustables that the trainer of an attempt announced, by name."""
    found = (view.attempt_facts(attempt).hello or {}).get("adjustable") or {}
    return {name: one for name, one in found.items() if isinstance(one, dict)}


def _profile_of(view: RunView, profiles: Profiles) -> Profile | None:
    try:
        return profiles.get(str(view.run.get("profile")))
    except ProfileNotFound:
        return None
