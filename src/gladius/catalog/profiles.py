"""Named ways to train. Upstream: YAML files, built in and the user's. Downstream: launch, server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gladius.catalog.settings import engine_settings, flatten
from gladius.errors import ConfigError, ProfileNotFound
from gladius.wire.catalog import EpochBounds, ProfileInfo

BUILTIN = Path(__file__).with_name("builtin")
ENGINES = ("transformers", "script")

_KEYS = {
    "name": str, "description": str, "engine": str, "default_epochs": (int, float), "epochs": Mapping,
    "python": str, "config": Mapping, "argv": list, "needs_dataset": bool, "default_dataset": str, "tags": list,
}  # fmt: skip
_KINDS = {str: "a text", (int, float): "a number", Mapping: "a section", list: "a list", bool: "true or false"}


@dataclass(frozen=True)
class Profile:
    """A named way to train. `problem` says why it cannot be used now: file, line and how to mend it.

    `python` is the interpreter of its environment (None: that of Gladius), `config` the recipe's settings that differ
    from the engine's defaults, `argv` the command of the engine `script`.
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
    """The built-in profiles and those in `folder`; a user's file replaces the built-in one of the same name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Profile]:
        """Read every file anew. A broken file is a profile with a `problem`, never left out.

        The built-in ones come first, and of those the ones that start without further choices.
        """
        found = {path.stem: path for path in _yaml_files(BUILTIN)}
        own = {path.stem: path for path in _yaml_files(self._folder)}
        found.update(own)
        profiles = [_read(path, builtin=stem not in own) for stem, path in found.items()]
        return sorted(profiles, key=lambda profile: (not profile.builtin, profile.default_dataset is None, profile.id))

    def get(self, profile_id: str) -> Profile:
        """Return one profile, a broken one too. Raises ProfileNotFound."""
        for profile in self.all():
            if profile.id == profile_id:
                return profile
        raise ProfileNotFound(profile_id)


def _yaml_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and path.is_file())
    except FileNotFoundError:
        return []


def _read(path: Path, builtin: bool) -> Profile:
    try:
        return _parse(path, builtin)
    except ConfigError as error:
        return Profile(id=path.stem, name=path.stem, engine="unknown", builtin=builtin, problem=str(error))


def _parse(path: Path, builtin: bool) -> Profile:
    data = _load(path)
    _check_keys(path, data)
    engine = data.get("engine")
    if engine not in ENGINES:
        raise _wrong(path, data, "engine", f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    config = plain(data.get("config", {}))
    _check_config(path, data, engine, config)
    argv = tuple(str(word) for word in data.get("argv", ()))
    if engine == "script" and not argv:
        raise _wrong(path, data, "argv", "the engine 'script' needs argv, the command as a list of words")
    python = data.get("python")
    if python is not None and not Path(python).expanduser().is_file():
        raise _wrong(path, data, "python", f"there is no interpreter {python}")
    bounds, default_epochs = _epochs(path, data)
    return Profile(
        id=path.stem, name=data.get("name", path.stem), engine=engine, builtin=builtin, argv=argv, config=config,
        description=str(data.get("description", "")).strip(), default_epochs=default_epochs, epochs=bounds,
        python=str(Path(python).expanduser()) if python else None, needs_dataset=data.get("needs_dataset", True),
        default_dataset=data.get("default_dataset"), tags=tuple(str(tag) for tag in data.get("tags", ())),
    )  # fmt: skip


def _load(path: Path) -> Any:
    """Read with line numbers kept, so that every complaint can name its line."""
    try:
        data = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: {error.problem or 'no YAML'}.", "Mend the YAML there.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}.", "A profile is a YAML file in UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.", "Make the file readable.") from error
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}, line 1: it holds no keys.", f"Known: {', '.join(_KEYS)}.")
    return data


def _check_keys(path: Path, data: Any) -> None:
    for key, value in data.items():
        if key not in _KEYS:
            raise _wrong(path, data, key, f"unknown key '{key}'", f"Known: {', '.join(_KEYS)}.")
        kind: Any = _KEYS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _wrong(path, data, key, f"'{key}' must be {_KINDS[kind]}, not {value!r}")


def _check_config(path: Path, data: Any, engine: str, config: Mapping[str, Any]) -> None:
    settings = engine_settings(engine)
    if settings is None:
        return
    for key, value in flatten(config).items():
        try:
            setting = settings.find(key)
            if setting.key != key:
                raise ConfigError(f"Unknown setting '{key}'.", f"Did you mean '{setting.key}'?", key)
            if value is not None:  # null: whoever starts a run must say it
                setting.coerce(value)
        except ConfigError as error:
            line = line_of(data["config"], key.split("."))
            raise ConfigError(f"{path}, line {line}: {error.message}", error.hint, error.field) from error


def _epochs(path: Path, data: Any) -> tuple[EpochBounds, float]:
    given = data.get("epochs", {})
    for key, value in given.items():
        if key not in ("min", "max") or isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise _wrong(path, data, "epochs", "'epochs' holds min and max, numbers above 0")
    bounds = EpochBounds(**given)
    default = float(data.get("default_epochs", bounds.min))
    if not bounds.min <= default <= bounds.max:
        key = "default_epochs" if "default_epochs" in data else "epochs"
        raise _wrong(path, data, key, f"default_epochs is {default:g}, not between {bounds.min:g} and {bounds.max:g}")
    return bounds, default


def _wrong(path: Path, data: Any, key: str, problem: str, hint: str = "") -> ConfigError:
    return ConfigError(f"{path}, line {line_of(data, [key])}: {problem}.", hint or f"Mend '{key}' there.", str(key))


def line_of(data: Any, keys: list[str]) -> int:
    """The line, from 1, of a nested key, or of the innermost part of it that is there."""
    line = int(data.lc.line) + 1
    for key in keys:
        if not isinstance(data, Mapping) or key not in data:
            break
        line = int(data.lc.key(key)[0]) + 1  # type: ignore[attr-defined]
        data = data[key]
    return line


def plain(value: Any) -> Any:
    """Shed the YAML reader's own types (they carry comments and positions)."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
