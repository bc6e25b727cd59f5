"""What one profile's file may say, key by key, every mistake with its line. Upstream: files, settings. Downstream: profile_reading."""

from __future__ import annotations

import difflib
import math
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gladius.catalog import files
from gladius.catalog.files import plain, wrong
from gladius.catalog.settings import Settings, engine_settings, flatten
from gladius.errors import ConfigError
from gladius.pulse.bounds import is_number, outside
from gladius.wire.catalog import EpochBounds

ENGINES = ("transformers", "llama_factory", "lightning", "script")
SCRIPTS = ("lightning", "script")
"""Engines whose profiles name a command; that of `lightning` needs Lightning where it runs."""
LAUNCHERS = ("local",)
KEYS: dict[str, Any] = {
    "name": str, "description": str, "extends": str, "engine": str, "default_epochs": (int, float),
    "epochs": Mapping, "python": str, "modules": list, "install": str, "config": Mapping, "adjustable": Mapping,
    "argv": list, "needs_dataset": bool, "default_dataset": str, "resources": Mapping, "launcher": str, "tags": list,
}  # fmt: skip
PLACES = ("config", "run_dir", "python", "dataset")
"""What `argv` may have filled in, besides any key of `config` that has a dot in it."""
PLACE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")

_KINDS = {str: "a text", (int, float): "a number", Mapping: "a section", list: "a list", bool: "true or false"}
_RESOURCES = ("gpus", "gpu_memory_gb", "memory_gb", "disk_gb")
_BOUNDS = ("min", "max", "choices")
_MOST_EPOCHS = 100_000


class Rules:
    """Checks one file: `data` is its own mapping with its lines, `whole` that with what it inherits."""

    def __init__(self, path: Path, data: Any, whole: Mapping[str, Any]) -> None:
        self._path = path
        self._data = data
        self._whole = whole

    def mistakes(self) -> Iterator[ConfigError]:
        """Everything that is wrong, in the order of the keys that mean most."""
        found = [*files.unknown_keys(self._path, self._data, KEYS), *self._kinds()]
        yield from found
        if any(error.field in KEYS for error in found):
            return  # the rest would be said of values of the wrong kind
        if self._whole.get("engine") not in ENGINES:
            yield self._engine()
            return
        yield from self._epochs()
        yield from self._config()
        yield from self._argv()
        yield from self._adjustable()
        yield from self._resources()
        yield from self._words()

    def wrong(self, key: str, problem: str, hint: str = "") -> ConfigError:
        """The error of a key; of one that is inherited, at the line that inherits it."""
        place = key if key in self._data or "extends" not in self._data else "extends"
        error = wrong(self._path, self._data, place, problem, hint or f"Mend '{key}' there.")
        return ConfigError(error.message, error.hint, key, error.line)

    def _kinds(self) -> Iterator[ConfigError]:
        for key, value in self._data.items():
            kind = KEYS.get(key)
            if kind is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
                yield self.wrong(key, f"'{key}' must be {_KINDS[kind]}, not {plain(value)!r}")

    def _engine(self) -> ConfigError:
        engine = self._whole.get("engine")
        if engine is None:
            hint = f"Add 'engine: {ENGINES[0]}', or 'extends:' with the id of another profile."
            return self.wrong("engine", "it names no engine", hint)
        near = difflib.get_close_matches(str(engine), ENGINES, 1)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        problem = f"engine must be one of {', '.join(ENGINES)}, not {engine!r}"
        return self.wrong("engine", problem, f"{guess}Mend 'engine' there.")

    def _epochs(self) -> Iterator[ConfigError]:
        given = self._whole.get("epochs", {})
        for key, value in given.items():
            if key not in ("min", "max") or not is_number(value) or not 0 < value <= _MOST_EPOCHS:
                yield self.wrong("epochs", f"'epochs' holds min and max, numbers above 0 and up to {_MOST_EPOCHS}")
                return
        bounds = EpochBounds(**given)
        if bounds.min > bounds.max:
            yield self.wrong("epochs", f"its min, {bounds.min:g}, is more than its max, {bounds.max:g}")
            return
        default = default_epochs(self._whole, bounds)
        if not bounds.min <= default <= bounds.max:
            key = "default_epochs" if "default_epochs" in self._data else "epochs"
            yield self.wrong(key, f"default_epochs is {default:g}, not between {bounds.min:g} and {bounds.max:g}")

    def _config(self) -> Iterator[ConfigError]:
        settings = engine_settings(self._whole["engine"])
        own = self._data.get("config")
        if settings is None or own is None:
            return
        for key, value in flatten(plain(own)).items():
            try:
                with files.at_line(self._path, own, key):
                    _check_setting(settings, key, value)
            except ConfigError as error:
                yield error

    def _argv(self) -> Iterator[ConfigError]:
        argv = self._whole.get("argv", ())
        engine = self._whole["engine"]
        if engine not in SCRIPTS:
            if "argv" in self._data:
                hint = "Take it out, or choose the engine 'script' or 'lightning'."
                yield self.wrong("argv", "only the engines 'script' and 'lightning' take a command", hint)
            return
        if not argv:
            yield self.wrong("argv", f"the engine '{engine}' needs argv, the command as a list of words")
        known = {*PLACES, *flatten(self._whole.get("config", {}))}
        for word in argv:
            if isinstance(word, (list, Mapping)) or word is None:
                hint = "Put it in quotes: braces and dashes mean something in YAML."
                yield self.wrong("argv", f"a word of the command is {plain(word)!r}, no text", hint)
                continue
            for place in PLACE.findall(str(word)):
                if place not in known:
                    near = difflib.get_close_matches(place, known, 1)
                    guess = f"Did you mean '{_braced(near[0])}'? " if near else ""
                    hint = f"{guess}Known: {', '.join(sorted(known))}."
                    yield self.wrong("argv", f"nothing fills in '{_braced(place)}'", hint)

    def _adjustable(self) -> Iterator[ConfigError]:
        config = flatten(self._whole.get("config", {}))
        settings = engine_settings(self._whole["engine"])
        values = {**(settings.defaults() if settings is not None else {}), **config}
        for key, bounds in self._whole.get("adjustable", {}).items():
            if key not in values:
                near = difflib.get_close_matches(str(key), values, 1)
                guess = f"Did you mean '{near[0]}'? " if near else ""
                yield self._of_adjustable(key, f"no setting is called '{key}'", f"{guess}Write its whole key.")
            elif (problem := _bounds_problem(bounds)) is not None:
                yield self._of_adjustable(key, f"'{key}' {problem}", "For example: {min: 1e-6, max: 1e-3}")
            elif values[key] is not None and (broken := outside(bounds, values[key])) is not None:
                hint = f"Widen the bounds, or change '{key}' under 'config'."
                yield self._of_adjustable(key, f"the profile's own '{key}' is {values[key]!r}, not {broken}", hint)

    def _of_adjustable(self, key: str, problem: str, hint: str) -> ConfigError:
        own = self._data.get("adjustable")
        if not isinstance(own, Mapping) or key not in own:
            return self.wrong("adjustable", problem, hint)
        error = wrong(self._path, own, key, problem, hint)
        return ConfigError(error.message, error.hint, "adjustable", error.line)

    def _resources(self) -> Iterator[ConfigError]:
        for key, value in self._whole.get("resources", {}).items():
            whole = key != "gpus" or value == int(value if is_number(value) else 0)
            if key not in _RESOURCES or not is_number(value) or not whole or value < 0:
                problem = f"'resources' holds {', '.join(_RESOURCES)}, numbers from 0, not '{key}: {plain(value)}'"
                yield self.wrong("resources", problem)
        if self._whole.get("launcher", "local") not in LAUNCHERS:
            problem = f"launcher must be {' or '.join(LAUNCHERS)}, not {self._whole['launcher']!r}"
            yield self.wrong("launcher", problem)

    def _words(self) -> Iterator[ConfigError]:
        for name in self._whole.get("modules", ()):
            if not isinstance(name, str) or not name.isidentifier():
                yield self.wrong("modules", f"'modules' holds names that Python can import, not {plain(name)!r}")
        for tag in self._whole.get("tags", ()):
            if isinstance(tag, (list, Mapping)) or tag is None or not str(tag).strip(string.whitespace):
                yield self.wrong("tags", f"'tags' holds words, not {plain(tag)!r}")


def default_epochs(whole: Mapping[str, Any], bounds: EpochBounds) -> float:
    """What the profile says, else LLaMA-Factory's own key, else the least."""
    theirs = whole.get("config", {}).get("num_train_epochs") if whole.get("engine") == "llama_factory" else None
    return float(whole.get("default_epochs", theirs if is_number(theirs) else bounds.min))


def _braced(place: str) -> str:
    return "{" + place + "}"


def _bounds_problem(bounds: Any) -> str | None:
    if not isinstance(bounds, Mapping) or not bounds or not set(bounds) <= set(_BOUNDS):
        return "needs min and max, or choices"
    if "choices" in bounds:
        listed = isinstance(bounds["choices"], list) and bounds["choices"] and len(bounds) == 1
        return None if listed else "needs its choices as a list, and no min or max beside them"
    if not all(is_number(value) for value in bounds.values()):
        return "needs numbers as min and max"
    return "has a min above its max" if bounds.get("min", -math.inf) > bounds.get("max", math.inf) else None


def _check_setting(settings: Settings, key: str, value: Any) -> None:
    setting = settings.find(key)
    if setting.key != key:
        raise ConfigError(f"Unknown setting '{key}'.", f"Did you mean '{setting.key}'?", key)
    if value is not None:  # null: whoever starts a run must say it
        setting.coerce(value)
