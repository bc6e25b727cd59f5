"""How evenly a run's experts are used, by its last window. Upstream: metrics (`moe/load/<layer>/<expert>`). Downstream: health, alerts.

A window is one logged row. Imbalance of a layer is the coefficient of variation of its experts' shares. An expert is dead
that got no token in each of the last five windows: one window may be too short to meet every expert.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from gladius.store.series import MetricTable, Series

DEAD_WINDOWS = 5
_NAME = re.compile(r"moe/load/(\d+)/(\d+)\Z")


@dataclass(frozen=True)
class Dead:
    """An expert that gets no tokens, and the time of the first window of the row of windows without any."""

    layer: int
    expert: int
    since: float


@dataclass(frozen=True)
class ExpertLoad:
    """The use of experts as of one row of the table."""

    time: float
    attempt: int
    step: int | None
    experts: int
    """Over all layers."""
    worst_layer: int | None
    imbalance: float | None
    """Of the worst layer; None where no layer has two experts with known shares."""
    dead: tuple[Dead, ...]


class Experts:
    """Looks at the table when asked, and remembers the answer until there is a new window."""

    def __init__(self, table: MetricTable) -> None:
        self._table = table
        self._names: list[tuple[str, int, int]] = []
        self._names_of = -1
        self._seen: tuple[int, int] | None = None
        self._load: ExpertLoad | None = None

    def load(self) -> ExpertLoad | None:
        """The use of experts now; None for a model that has none."""
        table = self._table
        if self._names_of != len(table.series):
            self._names_of = len(table.series)
            found = ((name, _NAME.match(name)) for name in table.series)
            self._names = [(name, int(match[1]), int(match[2])) for name, match in found if match is not None]
        first = table.series.get(self._names[0][0]) if self._names else None
        if first is None or not len(first):
            return None
        seen = (first.rows[-1], len(first))
        if seen != self._seen:
            self._seen, self._load = seen, self._look(first.rows[-1])
        return self._load

    def _look(self, row: int) -> ExpertLoad:
        table = self._table
        shares: dict[int, list[float]] = {}
        dead = []
        for name, layer, expert in self._names:
            series = table.series.get(name)
            last = series.last if series is not None else None
            if series is None or last is None or not math.isfinite(last):
                continue
            shares.setdefault(layer, []).append(last)
            since = _dead_since(series, table) if last == 0 else None
            if since is not None:
                dead.append(Dead(layer, expert, since))
        uneven = [(value, layer) for layer, known in shares.items() if (value := _variation(known)) is not None]
        worst = max(uneven, default=(None, None), key=lambda one: one[0])
        step = table.steps[row]
        return ExpertLoad(
            time=table.times[row],
            attempt=table.attempts[row],
            step=step if step >= 0 else None,
            experts=sum(map(len, shares.values())),
            worst_layer=worst[1],
            imbalance=worst[0],
            dead=tuple(sorted(dead, key=lambda one: (one.layer, one.expert))),
        )


def _variation(shares: list[float]) -> float | None:
    """Standard deviation over mean; None of fewer than two, or when nothing was routed."""
    mean = sum(shares) / len(shares)
    if len(shares) < 2 or mean <= 0:
        return None
    return math.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares)) / mean


def _dead_since(series: Series, table: MetricTable) -> float | None:
    """The time of the first of the windows without a token that end the series; None while they are fewer than five."""
    place = len(series)
    while place and series.values[place - 1] == 0:
        place -= 1
    return table.times[series.rows[place]] if len(series) - place >= DEAD_WINDOWS else None
