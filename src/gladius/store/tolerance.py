"""Take from a foreign writer's event what has the right type, and leave the rest. Upstream: events. Downstream: view."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from gladius.store.series import number
from gladius.wire.base import Wire

_MAX_WHOLE = 1 << 62


def is_event(event: dict[str, Any]) -> bool:
    """Whether an event has what every event has: a finite time and an attempt from 1 on."""
    return finite(event.get("time")) is not None and bool(whole(event.get("attempt")))


def well_typed(model: type[Wire], event: dict[str, Any]) -> dict[str, Any]:
    """The event without those of its fields that the model refuses."""
    try:
        model.model_validate(event)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        return {key: value for key, value in event.items() if key not in wrong}
    return event


def whole(value: Any) -> int | None:
    """A whole number >= 0, or None."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MAX_WHOLE else None


def finite(value: Any) -> float | None:
    """A finite number, or None."""
    read = number(value)
    return read if read is not None and math.isfinite(read) else None
