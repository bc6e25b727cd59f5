"""What a script hands to `log`, made into plain numbers. Upstream: the loop. Downstream: reporter."""

from __future__ import annotations

import time
from typing import Any, Dict, Mapping, Optional

from gladius.pulse.encode import spelled_name
from gladius.pulse.warn import warn

PLAIN = frozenset({float, int})
STEPS_END = 1 << 62
"""No step is as great as this: readers count in 64 bits."""


class Cleaner:
    """Turns array scalars into numbers and leaves out what is none, with one warning a run."""

    def __init__(self) -> None:
        self._warned = False

    def numbers(self, values: Any) -> Dict[str, Any]:
        """Return what of `values` is a number, by name."""
        if not isinstance(values, Mapping):
            self._warn("run.log takes a mapping of names to numbers; %r is none", type(values).__name__)
            return {}
        numbers = {}
        for name, value in values.items():
            try:
                numbers[spelled_name(name)] = value if type(value) in PLAIN else as_number(value)
            except Exception:  # noqa: BLE001
                # The methods of a script's own objects may raise anything.
                self._warn("run.log takes numbers; %s is %r and was left out", _shown(name), type(value).__name__)
        return numbers

    def number(self, name: str, value: Any) -> Optional[float]:
        """Return one value as a float, or None: what is computed with must not be an integer beyond all floats."""
        number = self.numbers({name: value}).get(name)
        try:
            return None if number is None else float(number)
        except OverflowError:
            self._warn("%s is beyond every float and was left out", name)
            return None

    def step(self, step: Any) -> Optional[int]:
        """Return a step as an int; None for what cannot be one."""
        try:
            number = int(step)
        except Exception:  # noqa: BLE001
            number = -1
        if not 0 <= number < STEPS_END:
            self._warn("%s is no step: steps are counted from 0", _shown(step))
            return None
        return number

    def _warn(self, message: str, *args: Any) -> None:
        if not self._warned:
            self._warned = True
            warn(message, *args)


class Rate:
    """A count per second between two calls, leaving out the time that was not training."""

    def __init__(self) -> None:
        self._last: Optional[float] = None

    def add(self, count: float) -> Optional[float]:
        """Note `count` things since the last call and return them per second; None the first time."""
        now = time.perf_counter()
        last, self._last = self._last, now
        return count / (now - last) if last is not None and now > last else None

    def skip(self, seconds: float) -> None:
        """Leave out a pause or a validation that took so long."""
        if self._last is not None:
            self._last += seconds


def _shown(value: Any) -> str:
    """A script's own object in a warning, in a few letters and whatever its methods raise."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001
        return f"a {type(value).__name__}"


def as_number(value: Any) -> float:
    """Return a number, or a scalar of any array library, as int or float; raises TypeError or ValueError."""
    if isinstance(value, (str, bytes)):
        raise TypeError("text is not a number")
    item = getattr(value, "item", None)
    plain = item() if item is not None else value
    return int(plain) if isinstance(plain, int) else float(plain)


def in_short(number: float) -> str:
    """A number for people, in four digits; an integer beyond all floats is as good as infinite."""
    try:
        return f"{number:.4g}"
    except OverflowError:
        return "inf" if number > 0 else "-inf"
