"""What a profile lets people set while a run trains. Upstream: run.json. Downstream: steering, desk, catalog."""

from __future__ import annotations

from typing import Any, Mapping, Optional

_LARGEST = 1e15


def outside(bounds: Mapping[str, Any], value: Any) -> Optional[str]:
    """What `value` would have to be, None when it is."""
    choices, low, high = bounds.get("choices"), bounds.get("min"), bounds.get("max")
    if choices is not None:
        return None if value in choices else f"one of {', '.join(map(str, choices))}"
    if not is_number(value) or (low is not None and value < low) or (high is not None and value > high):
        return f"at least {low}" if high is None else f"at most {high}" if low is None else f"between {low} and {high}"
    return None


def is_number(value: Any) -> bool:
    """Whether it is a number to count with: no flag, no NaN, no infinity."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST


def counted(value: Any) -> Any:
    """A number that was sent as a text is the number that a trainer will take it for."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def refusal(told: Any, key: str, value: Any) -> Optional[str]:
    """Why the profile of a run refuses `value` for a key of its configuration; None where it does not.

    `told` is what run.json holds under `bounds`.
    """
    bounds = told.get(key) if isinstance(told, dict) else None
    wanted = outside(bounds, counted(value)) if isinstance(bounds, dict) else None
    return None if wanted is None else f"The profile of this run takes for '{key}' {wanted}, not {value!r}."
