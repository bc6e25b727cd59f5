"""A run of a million steps and twenty metrics, and one that writes a thousand rows a second. Upstream: a real server. Downstream: rows.

`first chart` is the first answer with the course of its loss in 2,000 points, from a server that has not looked at the run yet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from websockets.sync.client import connect

from bench.rows import Row
from bench.server import connected, running_server
from bench.written_run import copy_of, write_run
from gladius.pulse.lock import read_holder
from gladius.pulse.rundir import Home

STEPS, METRICS = 1_000_000, 20
_STARTS, _ZOOMS = 5, 30
_RATE_HZ, _SECONDS = 1000, 20
_IDLE_S = 30
_TRAINER = f"""
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch={_RATE_HZ * _SECONDS}) as run:
    began = time.monotonic()
    for step, _ in run.steps(range({_RATE_HZ * _SECONDS})):
        run.log({{"bench/sent_at": time.monotonic_ns() / 1000, "train/loss": 1.0 / (step + 1)}})
        time.sleep(max(0.0, began + (step + 1) / {_RATE_HZ} - time.monotonic()))
"""


def measure() -> list[Row]:
    """Open it without and with its copy, look closer, then keep up with a run that is fast, then with nothing at all."""
    return [*_long_run(), *_fast_run(), *_nothing()]


def _long_run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder:
        home = Home(folder)
        home.create()
        run_id = write_run(home, STEPS, METRICS)
        uncopied, opened, zoomed, memory = [], [], [], []
        for _ in range(_STARTS):
            copy_of(home, run_id).unlink(missing_ok=True)
            with running_server(home.root) as server, connected(server) as http:
                uncopied.append(first_chart(http, run_id))
        with running_server(home.root):
            wait_for_copy(home, run_id)
        for _ in range(_STARTS):
            with running_server(home.root) as server, connected(server) as http:
                opened.append(first_chart(http, run_id))
                zoomed += zooms(http, run_id, STEPS)
                http.get(f"/runs/{run_id}/metrics").raise_for_status()
                memory.append(pss_mb(server.pid))
    how = f"{STEPS:,} steps of {METRICS} metrics, over HTTP in 2,000 points"
    starts = f"{how}; {_STARTS} starts of the server"
    return [
        Row("first chart of a million steps, from its lines", "ms", uncopied, 4000, how=starts),
        Row("first chart of a million steps, cold", "ms", opened, 500, how=starts),
        Row("zoom in a million steps", "ms", zoomed, 30, how=f"{how}; windows of 2 to 90 % of the run"),
        Row("server memory, all of a million steps looked at", "MB", memory, 400, how=f"{how}; proportional set size"),
    ]


def _fast_run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder, running_server(Path(folder)) as server:
        bearer = {"Authorization": f"Bearer {server.token}"}
        with connect(f"ws{server.url[4:]}/api/v1/stream", additional_headers=bearer, proxy=None) as socket:
            socket.send(json.dumps({"type": "subscribe", "runs": ["*"], "topics": ["metrics"]}))
            trainer = subprocess.Popen(
                [sys.executable, "-m", "gladius.cli.main", "run", "--", sys.executable, "-c", _TRAINER],
                env={**os.environ, "GLADIUS_HOME": folder},
                stdout=subprocess.DEVNULL,
            )
            process = psutil.Process(server.pid)
            late: list[float] = []
            before = sum(process.cpu_times()[:2])
            while len(late) < _RATE_HZ * _SECONDS:
                message = json.loads(socket.recv(timeout=60))
                now = time.monotonic_ns() / 1000
                sent = [event["values"]["bench/sent_at"] for event in message.get("events", ()) if "values" in event]
                late += [(now - one) / 1000 for one in sent]
            share = (sum(process.cpu_times()[:2]) - before) / _SECONDS * 100
            trainer.wait(timeout=60)
    how = f"{_RATE_HZ:,} rows a second for {_SECONDS} s, to a socket client that hears every row"
    last = late[-_RATE_HZ:]
    return [
        Row("run.log to socket client, a thousand rows a second", "ms", late, 100, "p99", how=how),
        Row("the same, last second", "ms", last, 100, "p99", how=f"{how}; what falls behind grows towards the end"),
        Row("server CPU, a thousand rows a second", "% of a core", [share], None, how=how),
    ]


def _nothing() -> list[Row]:
    """A server that nobody looks at, and a supervisor whose trainer is silent."""
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder, running_server(Path(folder)) as server:
        idle = _share(psutil.Process(server.pid))
        command = [sys.executable, "-m", "gladius.cli.main", "run", "--", "sleep", str(_IDLE_S + 10)]
        run = subprocess.Popen(command, env={**os.environ, "GLADIUS_HOME": folder}, stdout=subprocess.DEVNULL)
        supervisor = _supervisor(folder)
        share, memory = _share(supervisor), pss_mb(supervisor.pid)
        run.wait(timeout=60)
    how = f"processor time over {_IDLE_S} s"
    return [
        Row("idle server", "% of a core", [idle], 0.3, how=f"{how}, an empty home"),
        Row("supervisor CPU", "% of a core", [share], 0.5, how=f"{how}, its trainer sleeps"),
        Row("supervisor memory", "MB", [memory], 25, how="proportional set size"),
    ]


def _supervisor(folder: str) -> psutil.Process:
    """Who holds the lock of the only run; it has read what it needs, and what is measured is its waiting."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for run in Home(folder).all_runs():
            holder = read_holder(run.supervisor_lock)
            if holder is not None and run.supervisor_events.exists():
                time.sleep(5)
                return psutil.Process(int(holder["pid"]))
        time.sleep(0.1)
    raise TimeoutError("no supervisor within 30 s")


def _share(process: psutil.Process) -> float:
    before = sum(process.cpu_times()[:2])
    time.sleep(_IDLE_S)
    return (sum(process.cpu_times()[:2]) - before) / _IDLE_S * 100


def first_chart(http: httpx.Client, run_id: str) -> float:
    """Milliseconds until the course of the loss is there."""
    begin = time.perf_counter()
    answer = http.get(f"/runs/{run_id}/metrics", params={"name": "train/loss"})
    took = (time.perf_counter() - begin) * 1000
    assert answer.json()["series"]["train/loss"]["step"], answer.text[:300]
    return took


def zooms(http: httpx.Client, run_id: str, steps: int) -> list[float]:
    """Milliseconds of each of some windows of the run."""
    found = []
    for turn in range(_ZOOMS):
        width = steps * (2 + 88 * turn // _ZOOMS) // 100
        first = (steps - width) * (turn * 7 % _ZOOMS) // _ZOOMS
        begin = time.perf_counter()
        asked: dict[str, str | int] = {"name": "train/loss", "from_step": first, "to_step": first + width}
        http.get(f"/runs/{run_id}/metrics", params=asked).raise_for_status()
        found.append((time.perf_counter() - begin) * 1000)
    return found


def wait_for_copy(home: Home, run_id: str) -> None:
    """Wait until the copy of a run is made and grows no more."""
    deadline, size = time.monotonic() + 300, -1
    while time.monotonic() < deadline:
        time.sleep(2)
        path = copy_of(home, run_id)
        before, size = size, path.stat().st_size if path.exists() else -1
        if size > 0 and size == before:
            return
    raise TimeoutError("no columnar copy within 300 s")


def pss_mb(pid: int) -> float:
    """Proportional set size of a process in MB: what is shared counts in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
