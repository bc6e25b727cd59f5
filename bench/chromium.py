"""A Chromium to measure a page in, and what it costs. Upstream: Playwright, CDP, psutil. Downstream: page, flood, footprint."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import psutil
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench.server import Server
from gladius.client import Client

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
VIEWPORT = {"width": 1440, "height": 900}


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, closed in the end."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def signed_in(browser: Browser, server: Server) -> BrowserContext:
    """A fresh profile, empty cache, signed in to the server."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    with Client(url=server.url, token=server.token) as client:
        page.goto(client.sign_in_link().url)
    page.close()
    return context


def devtools(page: Page) -> CDPSession:
    """The page's DevTools with its counters on: to be asked for before the page is opened."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    return session


def heap_mb(session: CDPSession, collect: bool) -> float:
    """The page's JavaScript heap in use, megabytes; after a collection when `collect`."""
    if collect:
        session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 1e6


def renderers() -> list[psutil.Process]:
    """The renderer processes of the browsers that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "--type=renderer" in process.cmdline():
                found.append(process)
    return found


def renderer_cpu(page: Page, seconds: int) -> list[float]:
    """Percent of one core that all renderers take, a sample a second: one page is open."""
    watched = renderers()
    for process in watched:
        process.cpu_percent()
    samples = []
    for _ in range(seconds):
        page.wait_for_timeout(1000)
        samples.append(sum(_percent(process) for process in watched))
    return samples


def _percent(process: psutil.Process) -> float:
    try:
        return float(process.cpu_percent())
    except psutil.Error:
        return 0.0
