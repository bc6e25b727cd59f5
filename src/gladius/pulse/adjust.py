"""Hyperparameters that can be changed while the training runs. Upstream: the script. Downstream: steering, `hello`."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from gladius.errors import CommandInvalid, RankFailed
from gladius.pulse.values import as_number
from gladius.pulse.warn import warn

APPLIES = ("live", "next_checkpoint", "restart")


class Adjustable(NamedTuple):
    """One hyperparameter: how to read and to change it, its bounds, and when a change takes effect."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], Any]
    min: Optional[float]
    max: Optional[float]
    applies: str
    key: str
    label: str
    own: bool = False
    """Whether it is a matter of rank 0 alone in a job of several processes."""

    def value(self) -> Any:
        """The value now, as JSON can hold it; None when the script's own function fails."""
        try:
            return _plain(self.get())
        except Exception as error:  # noqa: BLE001
            # The user's own function: it must not end the training.
            warn("the value of %s could not be read: %s", self.name, error)
            return None

    def checked(self, value: Any) -> Any:
        """Return `value` as the kind that the hyperparameter has now; raises CommandInvalid out of kind or bounds."""
        now = self.value()
        if isinstance(now, (bool, str)):
            if type(value) is not type(now):
                raise CommandInvalid(f"{self.name} is {now!r}; {value!r} is of another kind.")
            return value
        number = _number(value)
        if number is None or (isinstance(now, int) and number != int(number)):
            kind = "a whole number" if isinstance(now, int) else "a number"
            raise CommandInvalid(f"{self.name} must be {kind}, not {value!r}.")
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            raise CommandInvalid(f"{self.name} must be {self._bounds()}, not {value!r}.")
        return int(number) if isinstance(now, int) else float(number)

    def _bounds(self) -> str:
        if self.min is not None and self.max is not None:
            return f"between {self.min:g} and {self.max:g}"
        return f"at least {self.min:g}" if self.min is not None else f"at most {self.max:g}"


class Change(NamedTuple):
    """A hyperparameter that took a new value."""

    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.old)} -> {_shown(self.new)}"


class Adjustables:
    """All hyperparameters that a trainer announced, by name or by their key in the configuration."""

    def __init__(self, overrides: Mapping[str, Any]) -> None:
        self._by_name: Dict[str, Adjustable] = {}
        self._overrides = dict(overrides)
        self.together: Callable[..., Any] = lambda _act, own, **_: own()

    def add(self, one: Adjustable) -> None:
        """Announce a hyperparameter; raises ValueError for an `applies` that is none."""
        if one.applies not in APPLIES:
            raise ValueError(f"applies is one of {', '.join(APPLIES)}; got {one.applies!r}")
        self._by_name[one.name] = one

    def __iter__(self) -> Iterator[Adjustable]:
        return iter(list(self._by_name.values()))

    def hello(self) -> Dict[str, Dict[str, Any]]:
        """The field `adjustable` of `hello`."""
        return {
            one.name: {
                "value": one.value(), "min": one.min, "max": one.max, "applies": one.applies,
                **{key: text for key, text in (("key", one.key), ("label", one.label)) if text},
            }
            for one in self
        }  # fmt: skip

    def find(self, name: str) -> Optional[Adjustable]:
        """Return the one of that name, or of that key in the configuration."""
        return self._by_name.get(name) or next((one for one in self if one.key and one.key == name), None)

    def values(self) -> Dict[str, Any]:
        """Name -> value now."""
        return {one.name: one.value() for one in self}

    def keys(self) -> Dict[str, str]:
        """Name -> key in the configuration, where it has one."""
        return {one.name: one.key for one in self if one.key}

    def change(self, name: str, value: Any) -> Change:
        """Give a hyperparameter a new value; raises CommandInvalid that says why it cannot take it."""
        one = self.find(name)
        if one is None:
            known = ", ".join(self._by_name) or "none"
            raise CommandInvalid(f"There is no hyperparameter '{name}' to adjust.", f"This trainer has: {known}.")
        if one.applies == "restart":
            raise CommandInvalid(f"{one.name} needs a restart.", "Resume or fork from a checkpoint with this value.")
        checked = one.checked(value)
        if one.own:
            return self._give(one, checked)
        change = self._give(one, checked)  # here first: what this rank cannot take, none is asked to
        try:
            self.together("set", lambda: None, name=one.name, value=checked)
        except RankFailed as error:
            one.set(change.old)
            with contextlib.suppress(RankFailed):  # whoever failed kept the old value
                self.together("set", lambda: None, name=one.name, value=change.old)
            raise CommandInvalid(f"{one.name} could not be changed: {error.message}") from error
        return change

    def give(self, name: str, value: Any) -> Change:
        """Give the value that another rank has checked; raises CommandInvalid."""
        one = self.find(name)
        if one is None:
            raise CommandInvalid(f"There is no hyperparameter '{name}' to adjust.")
        return self._give(one, value)

    def take_overrides(self, overrides: Mapping[str, Any]) -> None:
        """Hear, from rank 0, what a person changed for this attempt."""
        self._overrides = dict(overrides)

    def override(self) -> List[Tuple[str, Any]]:
        """Apply what a person changed for this attempt; return `(name, Change or reason)` for each that was tried."""
        outcome: List[Tuple[str, Any]] = []
        for name, value in list(self._overrides.items()):
            one = self.find(name) or self.find(name.rpartition(".")[2])
            if one is None or one.applies == "restart":
                continue
            del self._overrides[name]
            try:
                wanted = one.checked(value)
                if wanted != one.value():
                    outcome.append((one.name, self._give(one, wanted)))
            except CommandInvalid as error:
                outcome.append((one.name, error.message))
        return outcome

    def _give(self, one: Adjustable, value: Any) -> Change:
        old = one.value()
        try:
            one.set(value)
        except Exception as error:
            # The user's own function, whatever it raises: the value stays and the training goes on.
            reason = str(error) or type(error).__name__
            raise CommandInvalid(f"{one.name} could not be changed: {reason}") from error
        return Change(one.name, old, one.value())


def _number(value: Any) -> Optional[float]:
    """Read a finite number, also one that a person typed as text."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value) if isinstance(value, str) else as_number(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else as_number(value)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
