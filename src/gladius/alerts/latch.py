"""One condition at one moment, and the latch that makes an alert of many. Upstream: nothing. Downstream: rules, tracker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gladius.wire.alerts import AlertLevel

Turn = Literal["begin", "end"]


@dataclass(frozen=True)
class Signal:
    """What a rule says of one condition: `wrong` beyond the threshold, `right` safely back, neither in between.

    `badness` rises as it gets worse; an alert that lasts is told again when it rose by `grain`. `mark` names the moment
    (a seq or a step), so that the alert which begins then has the same id whoever finds it, and whenever.
    """

    code: str
    at: float
    mark: str
    wrong: bool
    right: bool
    level: AlertLevel = "warning"
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    threshold: Any = None
    step: int | None = None
    badness: float = 0.0
    grain: float = 1.0
    hold_s: float = 0.0
    release_s: float = 0.0
    id: str = ""
    """Of an alert that an event of the run began; else it is made of code, subject, attempt and mark."""
    message: str = ""
    """Said in place of the code's sentence, where its parameters are not known."""


class Latch:
    """On after `hold_s` without a break in the wrong, off after `release_s` without a break in the right."""

    def __init__(self, on: bool = False) -> None:
        self.on = on
        self._since: float | None = None

    def take(self, signal: Signal) -> Turn | None:
        """Note a signal; tells when it makes the alert begin or end."""
        leads = signal.right if self.on else signal.wrong
        if not leads:
            self._since = None
            return None
        # A clock that was put back must not hold an alert up until that time has come again.
        self._since = signal.at if self._since is None else min(self._since, signal.at)
        if signal.at - self._since < (signal.release_s if self.on else signal.hold_s):
            return None
        self._since = None
        self.on = not self.on
        return "begin" if self.on else "end"
