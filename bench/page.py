"""What the console page costs a browser on a real run. Upstream: the demo's profile, Chromium. Downstream: rows."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.chromium import chromium, renderer_cpu, signed_in
from bench.rows import Row
from bench.server import Server, running_server, wait_for_steps
from gladius.client import Client

LOADS, SECONDS, PAUSES = 7, 30, 10
# Functions, for the page's policy allows no text to be evaluated.
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_STATE = "(document.querySelector('[role=status]')?.textContent ?? '')"
_TRAINER = """
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch=100_000) as run:
    run.on("checkpoint", lambda folder: (folder / "weights").write_bytes(b"w"))
    for step, _ in run.steps(range(100_000)):
        time.sleep(0.05)
        run.log({"train/loss": 1.0 / (step + 1)})
"""


def measure() -> list[Row]:
    """Open pages anew, watch the built-in profile train, pause a run in one browser and see it in another."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server, chromium() as browser:
        with Client(url=server.url, token=server.token) as client:
            run = client.start("tiny-moe", "stdlib-docs")
            wait_for_steps(run)
            rows = [*_paints(browser, server, run.name), _weight(browser, server)]
            rows.append(_cpu(browser, server, run.name, "renderer CPU while the demo trains", 20))
            run.stop(checkpoint=False)
            run.wait(timeout=120)
            rows.append(_cpu(browser, server, run.name, "renderer CPU, nothing trains", 10))
        rows.append(_two_browsers(browser, server, Path(folder)))
    return rows


def _paints(browser: Browser, server: Server, run_id: str) -> list[Row]:
    rows = []
    for name, path in (("overview", "/"), ("console", f"/runs/{run_id}")):
        samples = []
        for _ in range(LOADS):
            context = signed_in(browser, server)
            page = context.new_page()
            page.goto(server.url + path)
            samples.append(float(page.wait_for_function(_PAINT, timeout=30_000).json_value()))
            context.close()
        how = f"{LOADS} loads over loopback, nothing cached, while the demo trains on the same two cores"
        rows.append(Row(f"first contentful paint, {name}", "ms", samples, 1000, how=how))
    return rows


def _weight(browser: Browser, server: Server) -> Row:
    """All JavaScript that the first page asks for until it is quiet, as gzip sends it."""
    context = signed_in(browser, server)
    page = context.new_page()
    scripts: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: (
            scripts.update({answer.url: len(gzip.compress(answer.body()))})
            if answer.request.resource_type == "script"
            else None
        ),
    )
    page.goto(server.url, wait_until="networkidle")
    page.wait_for_timeout(3000)
    context.close()
    how = f"{len(scripts)} files, the console's chunk that is fetched ahead among them"
    return Row("JavaScript of the first page, gzipped", "kB", [sum(scripts.values()) / 1000], 350, how=how)


def _cpu(browser: Browser, server: Server, run_id: str, name: str, limit: float) -> Row:
    context = signed_in(browser, server)
    page = context.new_page()
    page.goto(f"{server.url}/runs/{run_id}")
    page.get_by_role("figure", name="Loss").wait_for()
    page.wait_for_timeout(5000)
    samples = renderer_cpu(page, SECONDS)
    context.close()
    return Row(name, "% of a core", samples, limit, how=f"{SECONDS} samples, one a second, console page at 1440 x 900")


def _two_browsers(browser: Browser, server: Server, home: Path) -> Row:
    env = {**os.environ, "GLADIUS_HOME": str(home)}
    trainer = subprocess.Popen([sys.executable, "-c", _TRAINER], env=env)
    samples = []
    with Client(url=server.url, token=server.token) as client:
        while (run := client.run("latest")).summary().state != "running":
            time.sleep(0.1)
        pages = [_console(browser, server, run.summary().run_id) for _ in range(2)]
        for turn in range(PAUSES):
            wanted = "Resume training" if turn % 2 else "Pause training"
            word = "Training" if turn % 2 else "Paused"
            pages[1].evaluate(_WATCH, word)
            button = pages[turn % 2].get_by_role("button", name=wanted).first
            button.wait_for()
            clicked = button.evaluate("button => { const now = Date.now(); button.click(); return now }")
            shown = pages[1].wait_for_function("() => window.shownAt", timeout=30_000).json_value()
            samples.append(float(shown - clicked))
            for page in pages:
                page.wait_for_function(f"() => {_STATE}.includes('{word}')")
    trainer.terminate()
    trainer.wait(timeout=20)
    how = f"{PAUSES} times pause or resume, 50 ms steps, clicked in either browser; until the other's state has changed"
    return Row("pause in one browser, shown in the other", "ms", samples, 500, how=how)


_WATCH = f"""word => {{
  window.shownAt = 0;
  const look = () => ({_STATE}.includes(word) ? (window.shownAt = Date.now()) : requestAnimationFrame(look));
  requestAnimationFrame(look);
}}"""


def _console(browser: Browser, server: Server, run_id: str) -> Page:
    page = signed_in(browser, server).new_page()
    page.goto(f"{server.url}/runs/{run_id}")
    page.get_by_role("figure", name="Loss").wait_for()
    return page
