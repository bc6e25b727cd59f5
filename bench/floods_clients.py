"""Clients that take nothing, and clients that are cut off ten thousand times. Upstream: a real run. Downstream: rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil
from websockets.sync.client import connect

from bench.bad_proxy import BadProxy, Returning, stalled
from bench.rows import Row
from bench.server import Server, running_server
from gladius.client import Client
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home, RunDir

RECONNECTS = int(os.environ.get("GLADIUS_RECONNECTS", "10000"))
STALLED, AT_ONCE, LISTEN_S = 100, 16, 15
METRIC = "bench/sent_at"

# Lines and rows as a training has them; what is printed is ASCII, so that a client can count it.
TRAINER = """
import sys, time, gladius
with gladius.start(total_epochs=1, steps_per_epoch=10**6) as run:
    for step, _ in run.steps(range(10**6)):
        run.log({"bench/sent_at": time.monotonic_ns() / 1000, "train/loss": 1.0})
        print("step", step, "x" * int(sys.argv[1]), flush=True)
        time.sleep(0.02)
"""


def measure() -> list[Row]:
    """Stalled clients beside one that listens, then the bad proxy."""
    return [*_stalled(), *_cut_off()]


def _stalled() -> list[Row]:
    with _training(50_000) as (server, directory):
        before = _latencies(server, directory.run_id)
        process = psutil.Process(server.pid)
        base, port = process.memory_info().rss, _port(server)
        connections = [stalled(port, server.token, directory.run_id) for _ in range(STALLED)]
        beside = _latencies(server, directory.run_id)
        resident = (process.memory_info().rss - base) / STALLED / 1e6
        in_kernel = _unsent(port) / STALLED / 1e6
        for connection in connections:
            connection.close()
    how = f"{STALLED} clients that take nothing of 2.5 MB/s of output and 50 rows a second, for {LISTEN_S} s"
    grew = [one - median(before) for one in beside]
    return [
        Row("memory of a stalled client", "MB", [resident + in_kernel], 1, "max", how=f"{how}; {in_kernel:.2f} of it the kernel's"),
        Row("run.log to socket client beside stalled ones", "ms", beside, None, how=f"{how}; without them {median(before):.1f} ms"),
        Row("what stalled clients add to it", "ms", grew, 2, how="against the median before they came"),
    ]  # fmt: skip


def _cut_off() -> list[Row]:
    with _training(100) as (server, directory):
        clients = asyncio.run(_come_back(server, directory))
    how = (
        f"{sum(one.connections for one in clients):,} connections, {AT_ONCE} at once; cut by close, reset or half-close"
    )
    gaps, doubles = [float(one.gaps) for one in clients], [float(one.doubles) for one in clients]
    return [
        Row("events and bytes missed over reconnects", "", gaps, 0, "max", how=how),
        Row("events and bytes doubled over reconnects", "", doubles, 0, "max", how="the same"),
    ]  # fmt: skip


async def _come_back(server: Server, directory: RunDir) -> list[Returning]:
    port = _port(server)
    clients = [Returning(server.token, directory.run_id) for _ in range(AT_ONCE)]
    async with BadProxy(port, seed=7) as proxy:

        async def keep_coming(client: Returning) -> None:
            while client.connections < RECONNECTS / AT_ONCE:
                await client.come_back(proxy.port)

        await asyncio.gather(*map(keep_coming, clients))
    wanted = {
        "events": EventReader(directory.events).read_all()[-1]["seq"],
        "console": directory.console_log.stat().st_size,
    }
    await asyncio.gather(*(client.catch_up(port, wanted) for client in clients))
    return clients


def _latencies(server: Server, run_id: str) -> list[float]:
    """Milliseconds from `run.log` to one client that listens."""
    found: list[float] = []
    bearer = {"Authorization": f"Bearer {server.token}"}
    with connect(
        f"ws{server.url[4:]}/api/v1/stream", additional_headers=bearer, proxy=None, compression=None
    ) as socket:
        with Client(url=server.url, token=server.token) as client:
            at = client.run(run_id).record().cursors
        wanted = {"type": "subscribe", "runs": [run_id], "topics": ["metrics"], "cursors": {run_id: at.model_dump()}}
        socket.send(json.dumps(wanted))
        until = time.monotonic() + LISTEN_S
        while time.monotonic() < until:
            message = json.loads(socket.recv(timeout=60))
            now = time.monotonic_ns() / 1000
            sent = [one["values"][METRIC] for one in message.get("events", ()) if METRIC in one.get("values", ())]
            found += [(now - one) / 1000 for one in sent]
    return found


@contextlib.contextmanager
def _training(width: int) -> Iterator[tuple[Server, RunDir]]:
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder, running_server(Path(folder)) as server:
        words = [sys.executable, "-c", TRAINER, str(width)]
        trainer = subprocess.Popen(
            [sys.executable, "-m", "gladius.cli.main", "run", "--", *words],
            env={**os.environ, "GLADIUS_HOME": folder},
            stdout=subprocess.DEVNULL,
        )
        with Client(url=server.url, token=server.token) as client:
            while not [one for one in client.runs() if (one.step or 0) > 10]:
                time.sleep(0.1)
            try:
                yield server, next(iter(Home(folder).all_runs()))
            finally:
                # A measurement that fails leaves no trainer behind.
                client.run("latest").stop(checkpoint=False)
        trainer.wait(timeout=60)


def _port(server: Server) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


def _unsent(port: int) -> int:
    """Bytes that the kernel keeps for clients of a port that did not take them."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    return sum(int(line[4].split(":")[0], 16) for line in lines if int(line[1].split(":")[1], 16) == port)
