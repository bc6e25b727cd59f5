"""Commands as text: `TRAIN AGENT` and `INDEX KNOWLEDGE`, then one `KEY="VALUE"` a line. Upstream: server. Downstream: text orders.

In a value `\\"` is a quote and `\\\\` a backslash; any other backslash stays as it is, so that a path may hold some.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from gladius.errors import FieldErrors
from gladius.flows.commands import guess

KEYS: dict[str, dict[str, bool]] = {
    "TRAIN AGENT": {"PROFILE": True, "DATA_PATH": True, "EPOCHS": False, "MODE": False},
    "INDEX KNOWLEDGE": {"PATH": True, "NAME": False},
}
"""First line -> its keys, and whether each must be given."""

_LINE = re.compile(r'\s*([^\s=]+?)\s*=\s*"((?:[^"\\]|\\.)*)"\s*\Z')
_ESCAPE = re.compile(r'\\(["\\])')
_SHOW = 60


@dataclass(frozen=True)
class TextOrder:
    """A command that was understood: its first line, its values, and the line that each of them stands in."""

    command: str
    values: dict[str, str]
    lines: dict[str, int]
    first: int = 1
    epochs: float | None = None


@dataclass
class _Reading:
    command: str = ""
    first: int = 1
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def say(self, line: int, what: str, message: str) -> None:
        self.errors.append(mistake(line, what, message))


def mistake(line: int, what: str, message: str) -> dict[str, Any]:
    """One error as `FieldErrors` takes it; its sentence names the line."""
    return {"field": what, "line": line, "message": f"line {line}: {message}"}


def read_command(text: str) -> TextOrder:
    """Understand a text; raises FieldErrors that name everything that is wrong, each with its line."""
    reading = _Reading()
    rows = [(number, row.strip("\r")) for number, row in enumerate(text.lstrip("\ufeff").split("\n"), 1) if row.strip()]
    if not rows:
        reading.say(1, "command", f"it is empty. It begins with {' or '.join(KEYS)}.")
        raise FieldErrors(reading.errors)
    reading.first, first = rows[0]
    reading.command = " ".join(first.split())
    if reading.command not in KEYS:
        reading.say(
            reading.first, "command", f"'{first.strip()[:_SHOW]}' is no command. {guess(reading.command, KEYS)}"
        )
        raise FieldErrors(reading.errors)
    for number, row in rows[1:]:
        _take(reading, number, row)
    _missing(reading)
    epochs = _epochs(reading)
    if reading.errors:
        raise FieldErrors(reading.errors)
    return TextOrder(reading.command, reading.values, reading.lines, reading.first, epochs)


def _take(reading: _Reading, number: int, row: str) -> None:
    found = _LINE.match(row)
    if found is None:
        reading.say(
            number, "command", f"'{row.strip()[:_SHOW]}' is not KEY=\"VALUE\". Put the value into double quotes."
        )
        return
    key, value = found[1], _ESCAPE.sub(r"\1", found[2])
    known = KEYS[reading.command]
    if key not in known:
        reading.say(number, key[:_SHOW], f"{reading.command} has no key '{key[:_SHOW]}'. {guess(key, known)}")
    elif key in reading.lines:
        reading.say(number, key, f"{key} stands in line {reading.lines[key]} already. Keep one of the two.")
    elif not value.strip() or "\0" in value:
        reading.say(number, key, f"the value of {key} is empty. Say something, or leave the line out.")
        reading.lines[key] = number
    else:
        reading.values[key], reading.lines[key] = value, number


def _missing(reading: _Reading) -> None:
    for key, needed in KEYS[reading.command].items():
        if needed and key not in reading.lines:
            reading.say(reading.first, key, f'{reading.command} needs {key}. Add a line {key}="...".')


def _epochs(reading: _Reading) -> float | None:
    told = reading.values.get("EPOCHS")
    if told is None:
        return None
    try:
        epochs = float(told)
    except ValueError:
        epochs = math.nan
    if math.isfinite(epochs) and epochs > 0:
        return epochs
    reading.say(reading.lines["EPOCHS"], "EPOCHS", f"EPOCHS is '{told[:_SHOW]}'. Give a number above 0.")
    return None
