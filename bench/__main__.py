"""`make bench`: take every figure, or with ARGS those of the named measurements. Upstream: measurements."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench import callback, experts, flood, footprint, kills, latency, log_call, many_runs, overview, page, steering
from bench.rows import Row, write

MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    "log_call": log_call.measure,
    "latency": latency.measure,
    "steering": steering.measure,
    "callback": callback.measure,
    "experts": experts.measure,
    "kills": kills.measure,
    "footprint": footprint.measure,
    "many_runs": many_runs.measure,
    "overview": overview.measure,
    "page": page.measure,
    "flood": flood.measure,
}


def main(wanted: list[str]) -> int:
    """Measure, write, and print; a missed limit is reported, not hidden, and makes the exit code 1."""
    unknown = sorted(set(wanted) - set(MEASUREMENTS))
    if unknown:
        print(f"no measurement '{unknown[0]}'; there are {', '.join(MEASUREMENTS)}")
        return 2
    missed = False
    for name in wanted or MEASUREMENTS:
        rows = MEASUREMENTS[name]()
        write(rows)
        for row in rows:
            mark = {True: "met", False: "MISSED", None: "-"}[row.met]
            print(
                f"{mark:7} {row.name}: {row.figure:.3g} {row.unit} ({row.statistic} of {len(row.samples)}), limit {row.limit}"
            )
            missed = missed or row.met is False
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
