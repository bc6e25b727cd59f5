"""What an engine can be told: keys, kinds, bounds. Upstream: engines/*.yaml. Downstream: profiles, effective."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gladius.errors import ConfigError

ENGINES = Path(__file__).with_name("engines")
_LARGEST = sys.float_info.max
"""A whole number beyond it is no number that a trainer could count with; neither is NaN."""

Kind = Literal["text", "integer", "number", "flag", "list"]

_ARTICLES: dict[Kind, str] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "list": "a list",
}


@dataclass(frozen=True)
class Setting:
    """One key of an engine's configuration, dotted: `train.learning_rate`."""

    key: str
    kind: Kind
    default: Any
    help: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False

    def coerce(self, value: Any) -> Any:
        """Turn what a person typed into this setting's kind. Raises ConfigError with `field` set."""
        if value is None and self.default is None:
            return None
        result = self._typed(_scalar(value) if isinstance(value, str) and self.kind != "text" else value)
        if result is None:
            raise ConfigError(f"'{self.key}' must be {_ARTICLES[self.kind]}, not {value!r}.", self.help, self.key)
        if self.choices and result not in self.choices:
            raise ConfigError(f"'{self.key}' cannot be {value!r}.", f"Choose from {', '.join(self.choices)}.", self.key)
        if (self.min is not None and result < self.min) or (self.max is not None and result > self.max):
            bounds = f"at least {self.min}" if self.max is None else f"between {self.min} and {self.max}"
            raise ConfigError(f"'{self.key}' is {value}, it must be {bounds}.", field=self.key)
        return result

    def _typed(self, value: Any) -> Any:
        if self.kind == "text":
            return value if isinstance(value, str) and value else None
        if self.kind == "list":
            return value if isinstance(value, list) else None
        if self.kind == "flag":
            return value if isinstance(value, bool) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGEST <= value <= _LARGEST:
            return None
        if self.kind == "integer":
            return int(value) if value == int(value) else None
        return float(value)


class Settings:
    """All settings of one engine. An engine without a list (`script`) knows those that its profile names."""

    def __init__(self, settings: list[Setting]) -> None:
        self._by_key = {setting.key: setting for setting in settings}

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._by_key.values())

    def find(self, key: str) -> Setting:
        """Return the setting by its dotted key, or by its last part where only one has it. Raises ConfigError."""
        if key in self._by_key:
            return self._by_key[key]
        by_last_part = [setting for setting in self if setting.key.rpartition(".")[2] == key]
        if len(by_last_part) == 1:
            return by_last_part[0]
        near = difflib.get_close_matches(key, [*self._by_key, *(k.rpartition(".")[2] for k in self._by_key)], 1)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        raise ConfigError(f"Unknown setting '{key}'.", f"{guess}Known: {', '.join(self._by_key)}.", key)

    def defaults(self) -> dict[str, Any]:
        """Dotted keys and their defaults."""
        return {setting.key: setting.default for setting in self}


@functools.cache
def engine_settings(engine: str) -> Settings | None:
    """Return what `engine` can be told, or None for an engine that takes anything."""
    path = ENGINES / f"{engine}.yaml"
    if not path.is_file():
        return None
    from gladius import yaml_text

    sections = yaml_text.load(path.read_text(encoding="utf-8"))
    settings = []
    for section, entries in sections.items():
        for name, entry in entries.items():
            choices = tuple(entry.pop("choices", ()))
            settings.append(Setting(key=f"{section}.{name}", choices=choices, **entry))
    return Settings(settings)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"train": {"epochs": 3}}` -> `{"train.epochs": 3}`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat.update(flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"train.epochs": 3}` -> `{"train": {"epochs": 3}}`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return nested


def _scalar(text: str) -> Any:
    """What YAML 1.2 reads in a typed word: `1e-4` is a number, `true` a flag."""
    from gladius import yaml_text

    try:
        return yaml_text.load(text)
    except yaml_text.YAMLError:
        return text
