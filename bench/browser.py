"""The page of one run in a browser: Gladius, TensorBoard and Trackio on the same 100,000 points. Upstream: Chromium. Downstream: rows."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser

from bench.chromium import VIEWPORT, chromium, devtools, heap_mb, signed_in
from bench.peers.reading import Readers
from bench.peers.servers import SERVERS, Answering, serving
from bench.peers.table import WORK, installed, tried
from bench.rows import Row, idle_share
from bench.server import Server

LOADS, SETTLE_MS = 5, 3000
PEERS = ("gladius", "tensorboard", "trackio")
_LIMIT_MS = 1000.0

# A chart is there when something is drawn in it: ink on a canvas, or a path of an SVG with more than a few points.
_FIRST_CHART = """() => {
  const roots = [document];
  for (let at = 0; at < roots.length; at++) {
    for (const one of roots[at].querySelectorAll('*')) if (one.shadowRoot) roots.push(one.shadowRoot);
  }
  for (const root of roots) {
    for (const path of root.querySelectorAll('svg path')) {
      if ((path.getAttribute('d') ?? '').length > 400 && path.getBoundingClientRect().width > 100) return performance.now();
    }
    for (const canvas of root.querySelectorAll('canvas')) {
      if (canvas.width < 100 || canvas.height < 50) continue;
      // A copy: some canvases are drawn by a worker, and hand out no context of their own.
      const copy = document.createElement('canvas');
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const plane = copy.getContext('2d');
      plane.drawImage(canvas, 0, 0);
      const data = plane.getImageData(0, 0, canvas.width, canvas.height).data;
      let inked = 0;
      for (let i = 3; i < data.length; i += 4) if (data[i]) inked++;
      if (inked > 1000) return performance.now();
    }
  }
  return null;
}"""
_COUNT_LONG = """
  window.longTasks = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
  }).observe({ type: 'longtask', buffered: true });
"""


def measure() -> list[Row]:
    """Open each page anew five times, nothing cached, its server warm from the first."""
    environments, _ = installed(PEERS)
    readers = Readers(environments, WORK)
    with chromium() as browser:
        return [
            row
            for peer in PEERS
            if peer == "gladius" or peer in environments
            for row in tried(partial(_of, browser, readers, peer), "first chart", "ms", peer)
        ]


def _of(browser: Browser, readers: Readers, peer: str) -> list[Row]:
    folder, run = readers.seeded(peer)
    idle = idle_share()
    with serving(peer, readers.environments.get(peer), str(folder)) as server:
        figures = [_open(browser, server, peer, folder, run) for _ in range(LOADS)]
    how = f"{LOADS} loads, nothing cached, 100,000 points of one metric, 1440 x 900; {idle:.0f} % idle before"
    first, blocked, heap = (list(one) for one in zip(*figures, strict=True))
    return [
        Row("first chart", "ms", first, _LIMIT_MS if peer == "gladius" else None, subject=peer, how=how),
        Row("long tasks until it is quiet", "ms", blocked, None, subject=peer, how=f"sum of those over 50 ms; {how}"),
        Row("JavaScript heap", "MB", heap, None, subject=peer, how=f"after a collection; {how}"),
    ]


def _open(browser: Browser, server: Answering, peer: str, folder: Path, run: str) -> tuple[float, float, float]:
    """Milliseconds to the first chart, milliseconds of long tasks, megabytes of heap."""
    url = f"http://127.0.0.1:{server.port}"
    if peer == "gladius":
        token = json.loads((folder / "server.json").read_text(encoding="utf-8"))["token"]
        context = signed_in(browser, Server(url, token, server.process.pid, server.started_in_s))
    else:
        context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    session = devtools(page)
    page.add_init_script(_COUNT_LONG)
    began = time.perf_counter()
    page.goto(url + SERVERS[peer].page.format(run=run), wait_until="commit")
    page.wait_for_function(_FIRST_CHART, polling=50, timeout=60_000)
    first = 1000 * (time.perf_counter() - began)
    page.wait_for_timeout(SETTLE_MS)
    blocked = float(page.evaluate("() => window.longTasks.reduce((sum, one) => sum + one, 0)"))
    heap = heap_mb(session, collect=True)
    context.close()
    return first, blocked, heap
