"""The console page beside a trainer that tells too much, and beside a very long run. Upstream: Chromium. Downstream: rows."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from bench.chromium import chromium, devtools, heap_mb, signed_in
from bench.rows import Row
from bench.server import Server, running_server
from gladius.client import Client
from gladius.pulse.rundir import Home

SECONDS, ROWS_HZ, LINES_PER_ROW = 180, 200, 5
SETTLE_S, ASIDE_S = 8, 60
MILLION, OPENINGS, ZOOMS = 1_000_000, 5, 10

# The loss tells the millisecond at which it was logged, and each line that at which it was printed.
_TRAINER = f"""
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch={ROWS_HZ * (SECONDS + ASIDE_S + SETTLE_S)}) as run:
    began = time.monotonic()
    for step, _ in run.steps(range({ROWS_HZ * (SECONDS + ASIDE_S + SETTLE_S)})):
        run.log({{"train/loss": 1 + (time.time_ns() // 1_000_000 % 50_000) / 10_000, "train/grad_norm": 0.5,
                 "train/learning_rate": 1e-4, "train/accuracy": 0.5}}, tokens=512)
        for line in range({LINES_PER_ROW}):
            print("[INFO] step", step, "line", line, "printed at", time.time_ns() // 1_000_000, flush=True)
        time.sleep(max(0.0, began + (step + 1) / {ROWS_HZ} - time.monotonic()))
"""

_COUNT = """() => {
  window.longTasks = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
  }).observe({ type: 'longtask' });
  window.frames_ = [];
  let frames = 0, since = performance.now();
  const count = now => {
    frames++;
    if (now - since >= 1000) { window.frames_.push((frames * 1000) / (now - since)); frames = 0; since = now; }
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
}"""

# Read at each frame what the page shows: a value is as old as it is at the first frame that has it.
_LATENCY = """() => {
  window.lineAge = []; window.metricAge = [];
  let line = '', metric = '';
  const rows = document.querySelector('.xterm-rows');
  const figure = [...document.querySelectorAll('figure')].find(one => one.getAttribute('aria-label') === 'Loss');
  const look = () => {
    const now = Date.now();
    const printed = [...(rows?.textContent ?? '').matchAll(/printed at (\\d{13})/g)].at(-1)?.[1];
    if (printed && printed !== line) { line = printed; window.lineAge.push(now - Number(printed)); }
    const value = /\\d\\.\\d{4}/.exec(figure.querySelector('figcaption').textContent)?.[0];
    if (value && value !== metric) {
      metric = value;
      window.metricAge.push((((now - Math.round((Number(value) - 1) * 10000)) % 50000) + 50000) % 50000);
    }
    window.looking = requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

_CHART = """() => {
  const figure = [...document.querySelectorAll('figure')].find(one => one.getAttribute('aria-label') === 'Loss');
  const canvas = figure?.querySelector('canvas');
  if (!canvas || !/\\d\\.\\d{4}/.test(figure.querySelector('figcaption').textContent)) return null;
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i]) inked++;
  return inked > 1000 ? performance.now() : null;
}"""

_ZOOM = """async ([x, y, delta]) => {
  const target = document.elementFromPoint(x, y);
  const began = performance.now();
  const wheel = { clientX: x, clientY: y, deltaY: delta, bubbles: true, cancelable: true, ctrlKey: false };
  target.dispatchEvent(new WheelEvent('wheel', wheel));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


def measure() -> list[Row]:
    """Three minutes of flood with the page in front; then, the flood going on, a run of a million steps beside it."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server, chromium() as browser:
        million = _write_million(Home(folder))
        env = {**os.environ, "GLADIUS_HOME": folder}
        command = [sys.executable, "-m", "gladius.cli.main", "run", "--", sys.executable, "-c", _TRAINER]
        trainer = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        with Client(url=server.url, token=server.token) as client:
            while (run := client.run("latest").summary()).state != "running" or run.run_id == million:
                time.sleep(0.2)
            rows = _under_flood(browser, server, run.run_id)
            rows += _long_run(browser, server, million)
            client.run(run.run_id).stop(checkpoint=False)
        trainer.wait(timeout=60)
    return rows


def _under_flood(browser: Browser, server: Server, run_id: str) -> list[Row]:
    page = signed_in(browser, server).new_page()
    counters = devtools(page)
    page.goto(f"{server.url}/runs/{run_id}")
    page.get_by_role("figure", name="Loss").wait_for()
    page.wait_for_timeout(SETTLE_S * 1000)
    page.evaluate(_COUNT)
    heap, kept = [], [heap_mb(counters, collect=True)]
    for _ in range(SECONDS // 10):
        page.wait_for_timeout(10_000)
        heap.append(heap_mb(counters, collect=False))
    kept.append(heap_mb(counters, collect=True))
    long, frames = page.evaluate("[window.longTasks, window.frames_]")
    page.evaluate(_LATENCY)
    page.wait_for_timeout(20_000)
    lines, metrics = page.evaluate("[window.lineAge, window.metricAge]")
    page.context.close()
    how = f"{ROWS_HZ} metric rows and {ROWS_HZ * LINES_PER_ROW} lines a second for {SECONDS} s, 1440 x 900"
    return [
        Row("longest task under the flood", "ms", long or [0.0], 50, "max", how=f"{how}; {len(long)} over 50 ms"),
        Row("time between frames under the flood", "ms", [1000 / one for one in frames], 1000 / 55, how=how),
        Row("JavaScript heap under the flood", "MB", heap, 150, "max", how=f"{how}, garbage included"),
        Row("JavaScript heap, growth in the flood", "MB", [kept[1] - kept[0]], 15, how=f"{how}; after collections"),
        Row("line printed to screen", "ms", lines or [math.inf], 50, how=f"{how}; first frame whose rows have it"),
        Row("metric logged to chart", "ms", metrics or [math.inf], 60, how=f"{how}; first frame that has it"),
    ]


def _long_run(browser: Browser, server: Server, run_id: str) -> list[Row]:
    opened, zoomed = [], []
    for _ in range(OPENINGS):
        page = signed_in(browser, server).new_page()
        page.goto(f"{server.url}/runs/{run_id}", wait_until="commit")
        opened.append(float(page.wait_for_function(_CHART, polling="raf", timeout=120_000).json_value()))
        if len(opened) == OPENINGS:
            zoomed = _zooms(page)
        page.context.close()
    how = f"{MILLION:,} steps of 3 metrics, the flood going on beside it"
    return [
        Row("first chart of a run of a million steps", "ms", opened, 1000, how=f"{how}; cold server cache first"),
        Row("zoom in a run of a million steps", "ms", zoomed, 50, how=f"{how}; wheel to the end of the next frame"),
    ]


def _zooms(page: Page) -> list[float]:
    canvas = page.get_by_role("figure", name="Loss").locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box: Any = canvas.bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*at)
    samples = []
    for turn in range(ZOOMS):
        page.wait_for_timeout(300)
        samples.append(float(page.evaluate(_ZOOM, [*at, -200 if turn < ZOOMS // 2 else 200])))
    return samples


def _write_million(home: Home) -> str:
    """A finished run of a million steps, written as a trainer would have written it."""
    directory = home.new_run("million", {"source": "api", "engine": "plain"})
    directory.write_attempt(1, {"argv": ["python"], "config": {}})
    dice, began = random.Random(1), time.time() - MILLION / 20
    with directory.events.open("w", encoding="utf-8") as file:
        hello = {
            "run_id": directory.run_id,
            "pid": 1,
            "host": "elsewhere",
            "total_epochs": 10.0,
            "total_steps": MILLION,
        }
        file.write(json.dumps({"seq": 0, "time": began, "attempt": 1, "type": "hello", **hello}) + "\n")
        for step in range(MILLION):
            loss = 3 * math.exp(-3 * step / MILLION) + 0.3 * dice.random()
            file.write(
                f'{{"seq":{step + 1},"time":{began + step / 20:.3f},"attempt":1,"type":"metrics","step":{step},'
                f'"epoch":{10 * step / MILLION:.6f},"values":{{"train/loss":{loss:.6f},'
                f'"train/grad_norm":{dice.random():.4f},"train/learning_rate":{1e-4 * (1 - step / MILLION):.3e}}}}}\n'
            )
        done = {"seq": MILLION + 1, "time": began + MILLION / 20, "attempt": 1, "type": "state", "state": "done"}
        file.write(json.dumps(done) + "\n")
    return directory.run_id
