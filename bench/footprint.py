"""Memory and processor time of the server while a browser watches the demo. Upstream: a real training. Downstream: rows."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from bench.chromium import chromium, signed_in
from bench.rows import Row
from bench.server import Server, running_server, wait_for_steps
from gladius.client import Client
from gladius.client.run import RunHandle

SECONDS = 60


def measure() -> list[Row]:
    """Watch the built-in profile for a minute of training, then stop it."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        start_up = server.started_in_s
        with Client(url=server.url, token=server.token) as client:
            run = client.start("tiny-moe", "stdlib-docs")
            wait_for_steps(run)
            cpu, memory = _watch(server, run)
            run.stop(checkpoint=False)
            run.wait(timeout=120)
    how = f"{len(cpu)} samples, one a second, tiny-moe training, Chromium on its page"
    return [
        Row("server CPU while a browser watches", "% of a core", cpu, 3, how=how),
        Row("server memory while a browser watches", "MB", memory, 150, "max", how=how + "; resident"),
        Row("gladius up to first answer", "ms", [start_up * 1000], 600, how="interpreter start included"),
    ]


def _watch(server: Server, run: RunHandle) -> tuple[list[float], list[float]]:
    process = psutil.Process(server.pid)
    cpu: list[float] = []
    memory: list[float] = []
    with chromium() as browser:
        page = signed_in(browser, server).new_page()
        page.goto(f"{server.url}/runs/{run.name}")
        page.get_by_role("figure", name="Loss").wait_for()
        process.cpu_percent()
        for _ in range(SECONDS):
            time.sleep(1)
            cpu.append(process.cpu_percent())
            memory.append(process.memory_info().rss / 1e6)
    return cpu, memory
