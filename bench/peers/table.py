"""The whole table: Gladius and every peer in turn, in one run. Upstream: writing, reading. Downstream: bench.__main__."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from bench import latency
from bench.peers.environments import PINS, ROOT, Environment, Refused, environment
from bench.peers.reading import Readers
from bench.peers.servers import SERVERS
from bench.peers.writing import LIMITS, Writers, ratios, sizes
from bench.rows import Row

WORK = ROOT / "work"


def installed(names: Iterable[str] = tuple(PINS)) -> tuple[dict[str, Environment], list[Row]]:
    """Every environment that could be made, and a row with pip's word for each that could not."""
    found, refused = {}, []
    for name in names:
        try:
            found[name] = environment(name)
        except Refused as error:
            refused.append(Row("installed, without trainers", "MB", [], None, subject=name, how=str(error)))
    return found, refused


def measure() -> list[Row]:
    """Install, write, read, watch; what fails of one peer is told in its place and the rest goes on."""
    environments, rows = installed()
    rows += sizes(environments)
    return [*rows, *compared(environments, list(SERVERS), WORK)]


def quick() -> list[Row]:
    """Gladius beside the bare limits, in two minutes: no peer is installed."""
    writers, readers = Writers({}, WORK), Readers({}, WORK)
    names = [*LIMITS, "gladius"]
    rows = writers.measure(names)
    imported = [*writers.imports(names), *writers.first_rows(names)]
    return [*rows, *ratios(rows), *imported, *readers.series("gladius", starts=3)]


def compared(environments: dict[str, Environment], served: list[str], work: Path) -> list[Row]:
    """All figures but the sizes."""
    writers, readers = Writers(environments, work), Readers(environments, work)
    names = [name for name in writers.names if name.split()[0] in (*LIMITS, *environments, "gladius")]
    working, rows = [], []
    for name in names:
        failed = tried(partial(writers.measure, [name], repeats=1), "log call in a tight loop", "us", name)
        if failed and not failed[0].samples:
            rows += failed
        else:
            working.append(name)
    logged = writers.measure(working)
    rows += [*logged, *ratios(logged), *writers.imports(working), *writers.first_rows(working)]
    for peer in [one for one in served if one == "gladius" or one in environments]:
        rows += tried(partial(readers.series, peer), "100,000 points, warm", "ms", peer)
        if peer != "gladius":
            rows += tried(partial(readers.live, peer), "log call to reader", "ms", peer)
    return [*rows, *_socket()]


def _socket() -> list[Row]:
    """Gladius's way to a reader: its socket, from the same calls that its own figures are taken of."""
    called = next(row for row in latency.measure() if row.name == "run.log to socket client")
    how = f"{called.how}; the peers have no socket for it and are asked over HTTP"
    return [
        Row("log call to reader", "ms", called.samples, 3, subject="gladius", how=how),
        Row("log call to reader, p99", "ms", called.samples, 20, "p99", subject="gladius", how=how),
    ]


def tried(measured: Callable[[], list[Row]], figure: str, unit: str, subject: str) -> list[Row]:
    try:
        return measured()
    except Exception as error:  # noqa: BLE001
        late = f"not done within {error.timeout:g} s" if isinstance(error, subprocess.TimeoutExpired) else ""
        cause = late or " ".join(str(error).split())[:200] or type(error).__name__
        print(f"-       {figure} [{subject}]: {cause}")
        return [Row(figure, unit, [], None, subject=subject, how=cause)]
