"""Mission Overview with a hundred live runs, and how soon the queue starts the next one. Upstream: Chromium. Downstream: rows.

One process writes all hundred runs with the protocol's own writers, as many trainers would; only their numbers are made up.
It holds their locks and is the process that each of them names, so that the server takes them for what they look like.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Page

from bench.chromium import chromium, renderer_cpu, signed_in
from bench.rows import Row
from bench.server import Server, running_server
from gladius.client import Client
from gladius.pulse.rundir import Home

RUNS = int(os.environ.get("BENCH_OVERVIEW_RUNS", "100"))
SECONDS = int(os.environ.get("BENCH_OVERVIEW_SECONDS", "60"))
HANDOVERS = 10
LONGEST_TASK_MS, FRAME_MS, SERVER_CPU, CARDS_MS, HANDOVER_S = 200.0, 34.0, 50.0, 2000.0, 2.0
_SETTLE_MS = 5000

# Every run writes its v1 status and one line of metrics a second, at a moment of its own, and now and then a checkpoint.
_WRITER = """
import math, sys, time
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from pulse_wrapper import write_running_status

home, count = Home(sys.argv[1]), int(sys.argv[2])
home.create()
me, runs, locks = Identity.current(), [], []
for number in range(count):
    run = home.new_run(f"night {number}", {"source": "api", "engine": "script", "profile": f"profile-{number % 7}"})
    run.write_attempt(1, {"argv": ["x"], "config": {}})
    for path in (run.trainer_lock, run.supervisor_lock):
        locks.append(FileLock(path))
        locks[-1].acquire()
    events, supervisor = EventWriter(run.events, 1), EventWriter(run.supervisor_events, 1)
    supervisor.write("process", {"event": "started", "argv": ["x"], **me.as_dict()})
    who = {"run_id": run.run_id, "pid": me.pid, "host": me.host, "total_epochs": 3.0, "total_steps": 3000, "steps_per_epoch": 1000}
    events.write("hello", {**who, "capabilities": ["pause", "resume", "stop"]})
    events.write("state", {"state": "running"})
    runs.append((run, events))
print("ready", flush=True)
began, turn = time.monotonic(), 0
while True:
    step, number = divmod(turn, count)
    time.sleep(max(0.0, began + turn / count - time.monotonic()))
    run, events = runs[number]
    loss = 2.5 * math.exp(-step / 300) + 0.3 + number / 1000
    events.metrics({"train/loss": loss, "train/learning_rate": 1e-4}, step, step / 1000, None)
    write_running_status(run.status, step / 1000, 3.0, loss, f"step {step}")
    if step % 50 == 49:
        events.write("checkpoint", {"step": step, "path": str(run.checkpoints / f"step-{step}"), "bytes": 1000, "kind": "periodic"})
    turn += 1
"""

_FRAMES = """() => {
  window.taskTimes = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.taskTimes.push(entry.duration);
  }).observe({ type: 'longtask' });
  window.frameTimes = [];
  let before = performance.now();
  const next = now => { window.frameTimes.push(now - before); before = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""
_CARDS = "count => document.querySelectorAll('.cards a').length >= count"
_CHANGED = """() => {
  window.seen = new Map(); window.changed = new Set();
  const look = () => {
    for (const card of document.querySelectorAll('.cards a')) {
      const now = card.textContent, before = window.seen.get(card.href);
      if (before !== undefined && before !== now) window.changed.add(card.href);
      window.seen.set(card.href, now);
    }
    setTimeout(look, 250);
  };
  look();
}"""


def measure() -> list[Row]:
    """Watch the overview of a hundred live runs for a minute; then let ten runs wait for each other."""
    with (
        tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder, _living(Path(folder), RUNS),
        running_server(Path(folder)) as server, chromium() as browser,
    ):  # fmt: skip
        _all_are_live(server)
        page = signed_in(browser, server).new_page()
        rows = [*_watched(page, server)]
    return [*rows, _handover()]


@contextlib.contextmanager
def _living(home: Path, count: int) -> Iterator[None]:
    """Runs that live for as long as this lasts."""
    argv = [sys.executable, "-c", _WRITER, str(home), str(count)]
    writer = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None and writer.stdout.readline().strip() == "ready"
        yield
        assert writer.poll() is None, "the writer of the runs broke down"
    finally:
        writer.kill()
        writer.wait()


def _all_are_live(server: Server) -> None:
    with Client(url=server.url, token=server.token) as client:
        while sum(run.state == "running" for run in client.runs(status="live", limit=500)) < RUNS:
            time.sleep(0.2)


def _watched(page: Page, server: Server) -> Iterator[Row]:
    start = time.perf_counter()
    page.goto(server.url)
    page.wait_for_function(_CARDS, arg=RUNS, timeout=60_000)
    cards = (time.perf_counter() - start) * 1000
    what = f"{RUNS} live runs"
    yield Row(f"overview of {what}, until all cards are there", "ms", [cards], CARDS_MS, how="one load, nothing cached")
    page.wait_for_timeout(_SETTLE_MS)
    page.evaluate(_FRAMES)
    process = psutil.Process(server.pid)
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    cpu = renderer_cpu(page, SECONDS)
    busy = 100 * (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)
    frames, tasks = page.evaluate("() => [window.frameTimes, window.taskTimes]")
    how = f"{SECONDS} s, each run appends metrics and writes its status once a second; one overview at 1440 x 900"
    yield Row(f"server CPU, overview of {what}", "% of a core", [busy], SERVER_CPU, how=how)
    yield Row(f"renderer CPU, overview of {what}", "% of a core", cpu, None, how=how)
    yield Row(f"time between frames, overview of {what}", "ms", frames, FRAME_MS, "p95", how=how)
    yield Row(f"longest task, overview of {what}", "ms", tasks or [0.0], LONGEST_TASK_MS, "max", how=how)
    # What is not told is not shown: each card must have changed, those below the screen's edge too.
    page.evaluate(_CHANGED)
    page.wait_for_timeout(5000)
    changed = float(page.evaluate("() => window.changed.size"))
    silent = [RUNS - changed]
    yield Row(
        f"cards that did not change within 5 s, of {what}", "cards", silent, 0, how="read every 250 ms, afterwards"
    )


def _handover() -> Row:
    """From a trainer's last word to its successor's first: eleven runs of an empty script on one slot."""
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder:
        home = Home(folder)
        home.create()
        code = "import gladius\nwith gladius.start(): pass"
        profile = {"engine": "script", "needs_dataset": False, "argv": [sys.executable, "-c", code]}
        (home.profiles / "empty.yaml").write_text(json.dumps(profile), encoding="utf-8")
        with running_server(home.root) as server, Client(url=server.url, token=server.token) as client:
            runs = [client.start("empty") for _ in range(HANDOVERS + 1)]
            for run in runs:
                run.wait(timeout=120)
        spans = sorted(_process_times(home, run.name) for run in runs)
        samples = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    how = f"{HANDOVERS} times: from one trainer's exit as its supervisor tells it to the next one's start, one slot"
    return Row("a finished run starts the next", "s", samples, HANDOVER_S, "max", how)


def _process_times(home: Home, run_id: str) -> tuple[float, float]:
    """When a trainer was started, and when it was gone (Unix seconds)."""
    lines = map(json.loads, home.run(run_id).supervisor_events.read_text(encoding="utf-8").splitlines())
    told = {one["event"]: float(one["time"]) for one in lines if one["type"] == "process"}
    return told["started"], told["exited"]
