"""`KEY=VALUE` as people type it. Upstream: the person. Downstream: train, set, resume, fork."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from gladius.errors import ConfigError

_WORDS = {"true": True, "false": False, "null": None}

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
]


def pair(text: str, example: str) -> tuple[str, Any]:
    """`learning_rate=1e-4` -> its name and value; raises ConfigError that shows how."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"'{text}' is not KEY=VALUE.", f"For example: {example}")
    return key.strip(), scalar(value.strip())


def pairs(settings: list[str] | None) -> dict[str, Any]:
    """All `--set` options together; raises ConfigError for one that is not KEY=VALUE, or given twice."""
    found: dict[str, Any] = {}
    for setting in settings or []:
        key, value = pair(setting, "--set learning_rate=1e-4")
        if key in found:
            raise ConfigError(f"'--set {key}' is given twice.", "Say it once.")
        found[key] = value
    return found


def scalar(text: str) -> Any:
    """What a typed word means: a number, true, false or null, else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
