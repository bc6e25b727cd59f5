"""What is wrong with the machine under a run, as the run's verdict says it. Upstream: tracker. Downstream: the store's health.

Only what touches the GPUs: memory, disk and log that fill up are warned of and break nothing yet. No reading stands in
the sentence, since a verdict is told again when its code changes and not with every degree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gladius.wire.alerts import AlertRecord
from gladius.wire.runs import Health

Data = dict[str, Any]


def _lost(data: Data) -> Health:
    told = {"gpu": data["gpu"], "name": data["name"]}
    message = f"Needs you: GPU {data['gpu']} ({data['name']}) is gone"
    return Health(level="trouble", code="gpu_lost", message=message, data=told)


def _throttled(data: Data) -> Health:
    message = f"Training, but GPU {data['gpu']} slows itself down: it is too hot"
    return Health(level="attention", code="thermal_throttling", message=message, data={"gpu": data["gpu"]})


def _hot(data: Data) -> Health:
    told = {"gpu": data["gpu"], "limit": round(data["limit"])}
    message = f"Training, but GPU {data['gpu']} is hotter than {told['limit']} °C"
    return Health(level="attention", code="gpu_temperature", message=message, data=told)


_VERDICTS: dict[str, Callable[[Data], Health]] = {
    "gpu_lost": _lost,
    "thermal_throttling": _throttled,
    "gpu_temperature": _hot,
}
"""The gravest first."""


def concern_of(active: Iterable[AlertRecord]) -> Health | None:
    """The gravest of the alerts that last; None where the GPUs are well."""
    first_of = {alert.code: alert for alert in reversed(list(active))}
    return next((verdict(first_of[code].data) for code, verdict in _VERDICTS.items() if code in first_of), None)
