"""One measured figure with its raw samples, and where figures are kept. Upstream: the measurements. Downstream: report, __main__."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results.json"
_LOOK_S = 0.4


@dataclass
class Row:
    """A figure: raw samples in `unit`, the limit it must stay under (None: only told), and how it was taken.

    `subject` says whose figure it is, where one is taken of several programs. Without samples, `how` is the cause.
    """

    name: str
    unit: str
    samples: list[float]
    limit: float | None
    statistic: str = "median"
    how: str = ""
    subject: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What it is kept under."""
        return f"{self.name} [{self.subject}]" if self.subject else self.name

    @property
    def figure(self) -> float | None:
        """The samples' statistic: the median, a percentile or the maximum; None without samples."""
        if not self.samples:
            return None
        if self.statistic == "median":
            return median(self.samples)
        if self.statistic == "max":
            return max(self.samples)
        return percentile(self.samples, float(self.statistic.lstrip("p")))

    @property
    def met(self) -> bool | None:
        """Whether the figure is within its limit; None when it has none."""
        return None if self.limit is None or self.figure is None else self.figure <= self.limit


def percentile(samples: list[float], percent: float) -> float:
    """Return the value that `percent` of the samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered)) - 1))]


def conditions() -> dict[str, Any]:
    """What the machine was like: figures are comparable within one run only."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "idle_percent": round(100 - psutil.cpu_percent(interval=1.0), 1),
    }


def idle_share() -> float:
    """Percent of the processors that nobody takes, looked at for a moment: said with each figure of a shared machine."""
    return 100 - float(psutil.cpu_percent(interval=_LOOK_S))


def known_rows() -> dict[str, Any]:
    """Every figure as it was last taken, by key."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return found


def write(rows: list[Row]) -> None:
    """Keep the raw samples. Rows of a partial run replace their like."""
    known = known_rows()
    around = conditions()
    for row in rows:
        known[row.key] = {
            "figure": row.figure, "unit": row.unit, "statistic": row.statistic, "limit": row.limit, "met": row.met,
            "how": row.how, "conditions": around, "samples": row.samples, **row.extra,
            **({"name": row.name, "subject": row.subject} if row.subject else {}),
        }  # fmt: skip
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
