"""Named ways to train. Upstream: YAML files, built in and the user's. Downstream: launch, server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.catalog import files
from gladius.catalog.environments import Environments
from gladius.catalog.files import plain, wrong
from gladius.catalog.settings import Settings, engine_settings, flatten
from gladius.errors import ConfigError, EnvironmentMissing, EnvironmentNotFound, ProfileNotFound
from gladius.wire.catalog import EpochBounds, ProfileInfo

BUILTIN = Path(__file__).with_name("builtin")
ENGINES = ("transformers", "llama_factory", "script")
_ENVIRONMENTS = {"llama_factory": "llama-factory"}
"""Where an engine's profiles run that name no interpreter; the others run in Gladius' own."""

_KEYS = {
    "name": str, "description": str, "engine": str, "default_epochs": (int, float), "epochs": Mapping,
    "python": str, "config": Mapping, "argv": list, "needs_dataset": bool, "default_dataset": str, "tags": list,
}  # fmt: skip
_KINDS = {str: "a text", (int, float): "a number", Mapping: "a section", list: "a list", bool: "true or false"}


@dataclass(frozen=True)
class Profile:
    """A named way to train. `problem` says why it cannot be used now: file, line and how to mend it.

    `python` is the interpreter of its environment (None: that of Gladius), in its file a path or the name of one that
    `gladius env` makes; `config` the recipe's settings that differ from the engine's defaults, for `llama_factory` all
    of its own; `argv` the command of the engine `script`.
    """

    id: str
    name: str
    engine: str
    description: str = ""
    default_epochs: float = 1.0
    epochs: EpochBounds = field(default_factory=EpochBounds)
    python: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    needs_dataset: bool = True
    default_dataset: str | None = None
    tags: tuple[str, ...] = ()
    builtin: bool = False
    problem: str | None = None

    def info(self) -> ProfileInfo:
        """What clients see of it."""
        return ProfileInfo(
            id=self.id, name=self.name, description=self.description, engine=self.engine,
            default_epochs=self.default_epochs, epochs=self.epochs, needs_dataset=self.needs_dataset,
            default_dataset=self.default_dataset, tags=list(self.tags), builtin=self.builtin,
            config=dict(self.config), problem=self.problem,
        )  # fmt: skip


class Profiles:
    """The built-in profiles and those in `folder`; a user's file replaces the built-in one of the same name.

    `environments` are those that a profile's `python` may name.
    """

    def __init__(self, folder: Path, environments: Environments | None = None) -> None:
        self._folder = folder
        self._environments = environments

    def all(self) -> list[Profile]:
        """Read every file anew. A broken file is a profile with a `problem`, never left out.

        The built-in ones come first, and of those the ones that start without further choices.
        """
        profiles = [_read(path, builtin, self._environments) for path, builtin in files.find(BUILTIN, self._folder)]
        return sorted(profiles, key=lambda profile: (not profile.builtin, profile.default_dataset is None, profile.id))

    def get(self, profile_id: str) -> Profile:
        """Return one profile, a broken one too. Raises ProfileNotFound."""
        for profile in self.all():
            if profile.id == profile_id:
                return profile
        raise ProfileNotFound(profile_id)


def _read(path: Path, builtin: bool, environments: Environments | None) -> Profile:
    try:
        return _parse(path, builtin, environments)
    except ConfigError as error:
        return Profile(id=path.stem, name=path.stem, engine="unknown", builtin=builtin, problem=str(error))


def _parse(path: Path, builtin: bool, environments: Environments | None) -> Profile:
    data = files.read(path, _KEYS, "A profile is a YAML file in UTF-8.")
    _check_kinds(path, data)
    engine = data.get("engine")
    if engine not in ENGINES:
        raise wrong(path, data, "engine", f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    config = plain(data.get("config", {}))
    _check_config(path, data, engine, config)
    argv = tuple(str(word) for word in data.get("argv", ()))
    if engine == "script" and not argv:
        raise wrong(path, data, "argv", "the engine 'script' needs argv, the command as a list of words")
    python, problem = _interpreter(path, data, engine, environments)
    bounds, default_epochs = _epochs(path, data, config.pop("num_train_epochs", None))
    return Profile(
        id=path.stem, name=data.get("name", path.stem), engine=engine, builtin=builtin, argv=argv, config=config,
        description=str(data.get("description", "")).strip(), default_epochs=default_epochs, epochs=bounds,
        python=str(python) if python else None, needs_dataset=data.get("needs_dataset", True),
        default_dataset=data.get("default_dataset"), tags=tuple(str(tag) for tag in data.get("tags", ())),
        problem=problem,
    )  # fmt: skip


def _interpreter(
    path: Path, data: Any, engine: str, environments: Environments | None
) -> tuple[Path | None, str | None]:
    """The interpreter that `python` names, a path or an environment of `gladius env`; and why it cannot be used now."""
    named = data.get("python", _ENVIRONMENTS.get(engine))
    if named is None:
        return None, None
    if "/" not in named:
        try:
            return (environments or Environments(path.parent)).interpreter(named), None
        except EnvironmentMissing as error:
            return None, str(error)
        except EnvironmentNotFound as error:
            raise wrong(path, data, "python", error.message.rstrip("."), error.hint) from error
    found = Path(named).expanduser()
    if not found.is_file():
        raise wrong(path, data, "python", f"there is no interpreter {named}")
    return found, None


def _check_kinds(path: Path, data: Any) -> None:
    for key, value in data.items():
        kind: Any = _KEYS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise wrong(path, data, key, f"'{key}' must be {_KINDS[kind]}, not {value!r}")


def _check_config(path: Path, data: Any, engine: str, config: Mapping[str, Any]) -> None:
    settings = engine_settings(engine)
    if settings is None:
        return
    for key, value in flatten(config).items():
        with files.at_line(path, data["config"], key):
            _check_setting(settings, key, value)


def _check_setting(settings: Settings, key: str, value: Any) -> None:
    setting = settings.find(key)
    if setting.key != key:
        raise ConfigError(f"Unknown setting '{key}'.", f"Did you mean '{setting.key}'?", key)
    if value is not None:  # null: whoever starts a run must say it
        setting.coerce(value)


def _epochs(path: Path, data: Any, theirs: Any) -> tuple[EpochBounds, float]:
    """Bounds and default; `theirs` is what LLaMA-Factory's own key says."""
    given = data.get("epochs", {})
    for key, value in given.items():
        if key not in ("min", "max") or isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise wrong(path, data, "epochs", "'epochs' holds min and max, numbers above 0")
    bounds = EpochBounds(**given)
    said = theirs if isinstance(theirs, (int, float)) and not isinstance(theirs, bool) else bounds.min
    default = float(data.get("default_epochs", said))
    if not bounds.min <= default <= bounds.max:
        key = "default_epochs" if "default_epochs" in data else "epochs"
        raise wrong(path, data, key, f"default_epochs is {default:g}, not between {bounds.min:g} and {bounds.max:g}")
    return bounds, default
