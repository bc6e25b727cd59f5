"""Where in a JSON text each value stands, so that a mistake can be named by its line. Upstream: flow files. Downstream: flow."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass, field

Place = tuple[str | int, ...]
"""Keys and positions from the outermost value to one inside: `("steps", 0, "cmd")`."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass
class Places:
    """The line, from 1, of each key and item; and the first key that stands twice in one object."""

    lines: dict[Place, int] = field(default_factory=dict)
    repeated: tuple[Place, int] | None = None

    def line(self, place: Place) -> int:
        """The line of a value, or of the innermost one around it that is there."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


@dataclass
class _Open:
    """An object or list whose end has not come yet, and where in it we are."""

    place: Place
    at: str | int
    awaits_key: bool


def places_in(text: str) -> Places:
    """Find every place of a text that is known to be JSON."""
    newlines = [found.start() for found in re.finditer("\n", text)]
    found, inner = Places(), list[_Open]()
    for token in _TOKEN.finditer(text):
        word, line = token[0], bisect_left(newlines, token.start()) + 1
        if word in ("}", "]"):
            inner.pop()
        elif word == ",":
            _next(inner[-1])
        elif word == ":":
            inner[-1].awaits_key = False
        elif inner and inner[-1].awaits_key:
            _take_key(found, inner[-1], json.loads(word), line)
        else:
            place = (*inner[-1].place, inner[-1].at) if inner else ()
            found.lines.setdefault(place, line)
            if word in ("{", "["):
                inner.append(_Open(place, "" if word == "{" else 0, word == "{"))
    return found


def _next(one: _Open) -> None:
    if isinstance(one.at, int):
        one.at += 1
    else:
        one.awaits_key = True


def _take_key(found: Places, one: _Open, key: str, line: int) -> None:
    one.at = key
    place = (*one.place, key)
    if place in found.lines and found.repeated is None:
        found.repeated = (place, line)
    found.lines[place] = line
