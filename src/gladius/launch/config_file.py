"""The configuration file that people edit, against what was launched and what is live. Upstream: store. Downstream: server."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gladius.catalog.effective import settings_for
from gladius.catalog.files import line_of, plain
from gladius.catalog.schema import json_schema
from gladius.catalog.settings import Settings, flatten, nest
from gladius.errors import ConfigChanged, ConfigError, FieldErrors
from gladius.launch.attempt import CONFIG_FILE
from gladius.pulse.files import write_text
from gladius.pulse.plain_file import read_bytes
from gladius.pulse.rundir import RunDir
from gladius.store.record import config, live_values
from gladius.store.view import RunView
from gladius.wire.config import ConfigSchema
from gladius.wire.steering import Applies, ConfigDiff, ConfigRow


def _is_the_scripts_own(view: RunView) -> bool:
    """Whether only the trainer knows what its file may say; it judges each key when it is reloaded."""
    return not view.run.get("config_source")


def diff(view: RunView) -> ConfigDiff:
    """The file, what was launched, and what is live, key by key; `problem` says why the file cannot be used."""
    launched = flatten(config(view, view.attempt))
    path = view.config_path
    text, problem, filed, modified = None, None, None, None
    if path is not None:
        try:
            modified = path.stat().st_mtime
            text = _read(view, path)
            filed = flatten(check(view, text, path.name))
        except OSError as error:
            problem = f"{path} cannot be read: {error.strerror}."
        except UnicodeDecodeError:
            problem = f"{path} is no UTF-8."
        except FieldErrors as error:
            problem = " ".join(str(one["message"]) for one in error.errors)
    return ConfigDiff(
        file=str(path) if path is not None else None,
        editable=path is not None and not _is_the_scripts_own(view),
        text=text,
        version=None if text is None else version_of(text),
        modified=modified,
        problem=problem,
        rows=_rows(view, launched, filed),
    )


def edits(view: RunView) -> dict[str, Any]:
    """Dotted keys that the editable file says otherwise than they were launched, and what it says.

    Empty for a file that is the script's own, which reads it by itself. Raises FieldErrors for one that cannot be used.
    """
    path = view.config_path
    if path is None or _is_the_scripts_own(view):
        return {}
    try:
        text = _read(view, path)
    except (OSError, UnicodeDecodeError):
        return {}
    launched = flatten(config(view, view.attempt))
    filed = flatten(check(view, text, path.name))
    return {key: value for key, value in filed.items() if not _same(value, launched.get(key))}


def version_of(text: str) -> str:
    """A name for this text of a file, the same wherever it is read."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def save(view: RunView, text: str, version: str | None = None) -> None:
    """Write the file as given, comments included.

    Raises FieldErrors that name line and key, ConfigError without a file, and ConfigChanged when the file is not that
    `version` any more.
    """
    path = view.config_path
    if path is None:
        raise ConfigError("This run has no configuration file.", "Its script knows its own settings.")
    if _is_the_scripts_own(view):
        raise ConfigError(f"{path} is the script's own.", "Edit it there; reloading takes it over.")
    check(view, text, path.name)
    with contextlib.suppress(FileNotFoundError):
        if version is not None and version_of(_read(view, path, "replace")) != version:
            raise ConfigChanged(path)
    write_text(path, text)


def rules(view: RunView) -> ConfigSchema:
    """What the file may say, as a JSON Schema; none where only the script knows."""
    engine = view.run.get("engine")
    told = engine if isinstance(engine, str) else None
    if view.config_path is None or _is_the_scripts_own(view):
        return ConfigSchema(engine=told)
    settings = settings_for(str(engine), config(view, view.attempt))
    return ConfigSchema(engine=told, rules=json_schema(settings))


def check(view: RunView, text: str, name: str) -> dict[str, Any]:
    """Read a configuration and check it against the engine's settings; raises FieldErrors that name line and key."""
    data = _parsed(text, name)
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise FieldErrors([{"field": "text", "message": f"{name}, line 1: it holds no keys.", "line": 1}])
    if _is_the_scripts_own(view):
        return nest(flatten(plain(data)))
    settings = settings_for(str(view.run.get("engine")), config(view, view.attempt))
    errors: list[dict[str, Any]] = []
    checked: dict[str, Any] = {}
    for key, value in flatten(data).items():
        try:
            checked[key] = _coerced(settings, key, value)
        except ConfigError as error:
            line = line_of(data, key.split("."))
            errors.append({"field": key, "message": f"{name}, line {line}: {error}", "line": line})
    if errors:
        raise FieldErrors(errors)
    return nest(checked)


def follow_along(run: RunDir, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Put what a resume changed into the editable file, but for keys that a person has edited there; comments stay.

    `old` and `new` are flat. A file that cannot be read is left alone: the diff shows its problem.
    """
    from gladius import yaml_text

    path = run.root / CONFIG_FILE
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if not changed:
        return
    try:
        data = yaml_text.load(read_bytes(path).decode("utf-8"), "rt")
    except (OSError, UnicodeDecodeError, yaml_text.YAMLError):
        return
    if not isinstance(data, Mapping):
        return
    for key, value in changed.items():
        *parents, last = key.split(".")
        place: Any = data
        for parent in parents:
            place = place.get(parent) if isinstance(place, Mapping) else None
        if isinstance(place, Mapping) and place.get(last) == old.get(key):
            place[last] = value  # type: ignore[index]
    write_text(path, yaml_text.dump(data))


def _rows(view: RunView, launched: Mapping[str, Any], filed: Mapping[str, Any] | None) -> list[ConfigRow]:
    adjustable = view.hello.get("adjustable") or {}
    live = live_values(view) if not view.ended else {}
    by_key = {one.get("key") or name: (name, one) for name, one in adjustable.items() if isinstance(one, dict)}
    began = view.current.began_with
    launched = {**{key: began.get(name) for key, (name, _) in by_key.items()}, **launched}
    keys = list(dict.fromkeys([*(filed or {}), *launched]))
    return [_row(key, launched, filed, by_key.get(key), live) for key in keys]


def _row(
    key: str,
    launched: Mapping[str, Any],
    filed: Mapping[str, Any] | None,
    announced: tuple[str, dict[str, Any]] | None,
    live: Mapping[str, Any],
) -> ConfigRow:
    name, one = announced if announced is not None else (None, {})
    in_force = live.get(name, launched.get(key)) if name is not None else launched.get(key)
    applies: Applies = one.get("applies", "live") if name is not None and name in live else "restart"
    return ConfigRow(
        key=key,
        name=name,
        file=None if filed is None else filed.get(key),
        launched=launched.get(key),
        live=None if name is None else live.get(name),
        applies=applies,
        changed=filed is not None and key in filed and not _same(filed[key], in_force),
        edited=filed is not None and key in filed and not _same(filed[key], launched.get(key)),
    )


def _same(filed: Any, in_force: Any) -> bool:
    """Whether a file and a trainer mean the same: what a file leaves open (null) is 0 for a trainer that counts it."""
    return bool(filed == in_force) or (filed is None and in_force == 0 and not isinstance(in_force, bool))


def _coerced(settings: Settings, key: str, value: Any) -> Any:
    setting = settings.find(key)
    if setting.key != key:
        raise ConfigError(f"Unknown setting '{key}'.", f"Did you mean '{setting.key}'?", key)
    if value is None and setting.default is not None:
        raise ConfigError(f"'{key}' cannot be empty.", field=key)
    return setting.coerce(value)


def _read(view: RunView, path: Path, errors: str = "strict") -> str:
    """What the file says; raises OSError, UnicodeDecodeError. A script's own may be a link that its owner made."""
    place = Path(os.path.realpath(path)) if _is_the_scripts_own(view) else path
    return read_bytes(place).decode("utf-8", errors)


def _parsed(text: str, name: str) -> Any:
    from gladius import yaml_text

    try:
        return yaml_text.load(text, "rt")
    except yaml_text.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"{name}, line {line}: {error.problem or 'no YAML'}."
        raise FieldErrors([{"field": "text", "message": message, "line": line}]) from error
    except yaml_text.YAMLError as error:
        raise FieldErrors([{"field": "text", "message": f"{name}: {error}.", "line": None}]) from error
