"""`make bench`: take every figure, or with ARGS those of the named measurements. Upstream: measurements. Downstream: report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from bench import (
    browser,
    callback,
    experts,
    flood,
    floods,
    footprint,
    growth,
    kills,
    latency,
    live_runs,
    log_call,
    long_run,
    many_runs,
    overview,
    page,
    report,
    steering,
)
from bench.peers import slow_down, table
from bench.rows import Row, write

MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    "peers": table.measure,
    "slow_down": slow_down.measure,
    "browser": browser.measure,
    "log_call": log_call.measure,
    "latency": latency.measure,
    "steering": steering.measure,
    "callback": callback.measure,
    "experts": experts.measure,
    "kills": kills.measure,
    "footprint": footprint.measure,
    "many_runs": many_runs.measure,
    "long_run": long_run.measure,
    "live_runs": live_runs.measure,
    "growth": growth.measure,
    "overview": overview.measure,
    "page": page.measure,
    "flood": flood.measure,
    "floods": floods.measure,
}
NAMED = {"quick": table.quick}
"""Only taken when they are named."""


def main(wanted: list[str]) -> int:
    """Measure, write, and print; a missed limit is reported, not hidden, and makes the exit code 1."""
    known = {**MEASUREMENTS, **NAMED}
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"no measurement '{unknown[0]}'; there are {', '.join(known)}")
        return 2
    # What is installed has its byte code beside it, ours as everybody's.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    missed = False
    for name in wanted or MEASUREMENTS:
        rows = known[name]()
        write(rows)
        for row in rows:
            mark = {True: "met", False: "MISSED", None: "-"}[row.met]
            figure = f"{report.number(row.figure)} {row.unit} ({row.statistic} of {len(row.samples)})"
            print(
                f"{mark:7} {row.key}: {figure}, limit {row.limit}" if row.samples else f"{mark:7} {row.key}: {row.how}"
            )
            missed = missed or row.met is False
        report.write()
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
