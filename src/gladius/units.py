"""Bytes and seconds as people write them. Upstream: nothing. Downstream: the report, `gladius`."""

from __future__ import annotations


def size(count: int | None) -> str | None:
    """Bytes in the unit that fits, of 1000: `45.2 MB`. None for what is not known."""
    if count is None:
        return None
    amount, units = float(count), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= 1000 and unit != "TB":
        amount, unit = amount / 1000, next(units)
    return f"{amount:.3g} {unit}"


def duration(seconds: float | None) -> str | None:
    """Seconds as hours and minutes, or minutes and seconds: `2 h 05 min`. None for what is not known."""
    if seconds is None:
        return None
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
