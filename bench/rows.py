"""One measured figure with its raw samples, and how figures are written down. Upstream: the measurements. Downstream: __main__."""

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
TABLE = Path(__file__).parent.parent / "docs" / "performance.md"


@dataclass
class Row:
    """A figure: raw samples in `unit`, the limit it must stay under (None: only told), and how it was taken."""

    name: str
    unit: str
    samples: list[float]
    limit: float | None
    statistic: str = "median"
    how: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def figure(self) -> float:
        """The samples' statistic: the median, a percentile or the maximum."""
        if self.statistic == "median":
            return median(self.samples)
        if self.statistic == "max":
            return max(self.samples)
        return percentile(self.samples, float(self.statistic.lstrip("p")))

    @property
    def met(self) -> bool | None:
        """Whether the figure is within its limit; None when it has none."""
        return None if self.limit is None else self.figure <= self.limit


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


def write(rows: list[Row]) -> None:
    """Write raw samples to results.json and the table to docs/performance.md. Rows of a partial run replace their like."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    around = conditions()
    for row in rows:
        known[row.name] = {
            "figure": row.figure, "unit": row.unit, "statistic": row.statistic, "limit": row.limit, "met": row.met,
            "how": row.how, "conditions": around, "samples": row.samples, **row.extra,
        }  # fmt: skip
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    TABLE.write_text(render(known), encoding="utf-8")


def render(known: dict[str, Any]) -> str:
    """Return the table of all figures as Markdown."""
    lines = [
        "# Performance",
        "",
        "Made by `make bench`; the raw samples are in `bench/results.json`. Figures are comparable within one run on one",
        "machine. A figure that misses its limit is shown as missed.",
        "",
        "| figure | measured | limit | met | samples | how |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in known.items():
        limit = "—" if row["limit"] is None else f"{row['limit']:g} {row['unit']}"
        met = {True: "yes", False: "**no**", None: "—"}[row["met"]]
        measured = f"{row['figure']:.3g} {row['unit']} ({row['statistic']})"
        lines.append(f"| {name} | {measured} | {limit} | {met} | {len(row['samples'])} | {row['how']} |")
    conditions_of = sorted({json.dumps(row["conditions"], sort_keys=True) for row in known.values()})
    lines += ["", "Conditions:", ""]
    for text in conditions_of:
        around = json.loads(text)
        lines.append(
            f"- {around['at']}: {around['platform']}, {around['cores']} cores, Python {around['python']}, "
            f"{around['idle_percent']} % idle before the run"
        )
    return "\n".join(lines) + "\n"
