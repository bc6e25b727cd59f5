"""Settings under a name, to start from or to fill into a file. Upstream: YAML files. Downstream: launch, server."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gladius.catalog import files
from gladius.catalog.files import plain, wrong
from gladius.catalog.settings import Settings, engine_settings, flatten, nest
from gladius.errors import ConfigError, FieldErrors, PresetBuiltin, PresetExists, PresetNotFound
from gladius.pulse.files import write_text
from gladius.pulse.rundir import slug
from gladius.wire.presets import PresetInfo, PresetRequest

BUILTIN = Path(__file__).with_name("builtin_presets")
_KEYS = ("name", "description", "engine", "profile", "config", "created_at", "from_run")


class Preset(PresetInfo):
    """A named set of settings, and what it gives to a run."""

    def overrides_for(self, profile_id: str, engine: str) -> dict[str, Any]:
        """Its settings, for a run of that profile; raises ConfigError when it is meant for another."""
        if self.problem:
            raise ConfigError(f"Preset '{self.id}' cannot be used: {self.problem}", field="preset_id")
        if self.engine != engine or self.profile not in (None, profile_id):
            whose = f"profile '{self.profile}'" if self.profile else f"the engine '{self.engine}'"
            hint = "'gladius preset ls' tells which fits what."
            raise ConfigError(f"Preset '{self.id}' is for {whose}.", hint, "preset_id")
        return dict(self.values)


class Presets:
    """The built-in presets and those in `folder`; a user's file replaces the built-in one of the same id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Preset]:
        """Read every file anew: the user's own first, then by name. A broken file is a preset with a `problem`."""
        presets = [_read(path, builtin) for path, builtin in files.find(BUILTIN, self._folder)]
        return sorted(presets, key=lambda preset: (preset.builtin, preset.name.lower()))

    def get(self, preset_id: str) -> Preset:
        """Return one preset, a broken one too. Raises PresetNotFound."""
        for preset in self.all():
            if preset.id == preset_id:
                return preset
        raise PresetNotFound(preset_id)

    def add(self, request: PresetRequest) -> Preset:
        """Keep a new one under an id made of its name. Raises PresetExists, FieldErrors."""
        id_ = id_of(request.name)
        with contextlib.suppress(PresetNotFound):
            raise PresetExists(self.get(id_).id)
        return self.put(id_, request)

    def put(self, preset_id: str, request: PresetRequest) -> Preset:
        """Keep one under an id, over whatever was there. Raises FieldErrors that name each wrong key, OSError."""
        if preset_id != slug(preset_id):
            raise FieldErrors([{"field": "id", "message": f"Write it as '{slug(preset_id)}'."}])
        values = checked(request)
        data = {
            "name": request.name, "description": request.description, "engine": request.engine,
            "profile": request.profile, "created_at": round(time.time(), 3), "from_run": request.from_run,
            "config": nest(values),
        }  # fmt: skip
        _write(
            self._folder / f"{preset_id}.yaml", {key: value for key, value in data.items() if value not in (None, "")}
        )
        return self.get(preset_id)

    def remove(self, preset_id: str) -> None:
        """Delete the user's file; a built-in one of that id shows again. Raises PresetNotFound, PresetBuiltin."""
        preset = self.get(preset_id)
        if preset.builtin:
            raise PresetBuiltin(preset_id)
        for suffix in files.SUFFIXES:
            (self._folder / f"{preset_id}{suffix}").unlink(missing_ok=True)


def id_of(name: str) -> str:
    """An id that can stand in a path and a URL; a name without a Latin letter gets one that only it has."""
    id_ = slug(name)
    if id_ == slug("") and name.strip().lower() != id_:
        return f"preset-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return id_


def checked(request: PresetRequest) -> dict[str, Any]:
    """The settings by their dotted keys, each of its kind; raises FieldErrors that name each wrong one."""
    settings = engine_settings(request.engine)
    values, errors = {}, []
    for key, value in flatten(request.values).items():
        try:
            name, settled = _settled(settings, key, value)
            values[name] = settled
        except ConfigError as error:
            errors.append({"field": f"values.{key}", "message": str(error)})
    if errors:
        raise FieldErrors(errors)
    return values


def _settled(settings: Settings | None, key: str, value: Any) -> tuple[str, Any]:
    """A setting's whole key, and the value in its kind. Raises ConfigError. Only its script knows those of a script."""
    if settings is None:
        return key, value
    setting = settings.find(key)
    return setting.key, setting.coerce(value)


def _read(path: Path, builtin: bool) -> Preset:
    try:
        return _parse(path, builtin)
    except ConfigError as error:
        return Preset(id=path.stem, name=path.stem, engine="unknown", builtin=builtin, problem=str(error))


def _parse(path: Path, builtin: bool) -> Preset:
    data = files.read(path, _KEYS, "A preset is a YAML file in UTF-8.")
    for key in ("name", "description", "engine", "profile", "from_run"):
        if data.get(key) is not None and not isinstance(data[key], str):
            raise wrong(path, data, key, f"'{key}' must be a text, not {data[key]!r}")
    config = data.get("config")
    if not isinstance(config, Mapping) or not config:
        raise wrong(path, data, "config", "it needs settings under 'config'")
    engine = str(data.get("engine", "transformers"))
    created = data.get("created_at")
    return Preset(
        id=path.stem, name=str(data.get("name") or path.stem), description=str(data.get("description") or "").strip(),
        engine=engine, profile=data.get("profile"), values=_values(path, config, engine), builtin=builtin,
        created_at=float(created) if isinstance(created, (int, float)) else None, from_run=data.get("from_run"),
    )  # fmt: skip


def _values(path: Path, config: Any, engine: str) -> dict[str, Any]:
    settings = engine_settings(engine)
    values = {}
    for key, value in flatten(plain(config)).items():
        with files.at_line(path, config, key):
            name, settled = _settled(settings, key, value)
            values[name] = settled
    return values


def _write(path: Path, data: dict[str, Any]) -> None:
    from gladius import yaml_text

    write_text(path, yaml_text.dump(data))
