"""A hundred trainings that log ten rows a second each, and twenty browsers that look at them. Upstream: a real server. Downstream: rows.

What they look at is what costs most and is likely: twelve have the overview open, which hears of every run; six a run's own page;
two compare eight runs. One is a real page in Chromium, a run's; the others are sockets that ask what the page asks for, from the place
at which its first answer ended. BENCH_LIVE_PAGES=2 has an overview in Chromium, too, whose drawing takes a core that two have not left.
No two have the same run's page open, so no answer is shared by luck. Clients and trainers have processes of their own, so that
the server's share is the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser
from websockets.asyncio.client import connect

from bench.chromium import chromium, signed_in
from bench.live_trainers import SENT_AT
from bench.rows import Row
from bench.server import Server, connected, running_server

RUNS = int(os.environ.get("BENCH_LIVE_RUNS", "100"))
SECONDS = int(os.environ.get("BENCH_LIVE_SECONDS", "60"))
PAGES = int(os.environ.get("BENCH_LIVE_PAGES", "1"))
RATE_HZ, PROCESSES = 10, 4
OVERVIEWS, CONSOLES, COMPARISONS, COMPARED = 12, 6, 2, 8
SERVER_CPU, LATE_MS = 60.0, 100.0
_SETTLE_S = 10
_CONSOLE = ("status", "metrics", "events", "console", "system", "runs")
_ROWS = '"type":"events"'
_SUMMARY = '{"type":"run",'


@dataclass
class Heard:
    """What one client heard while it was measured."""

    late: list[float] = field(default_factory=list)
    missed: int = 0
    summaries: int = 0
    frames: int = 0
    characters: int = 0


def measure() -> list[Row]:
    """Let all be there for a while, then a minute of it."""
    with (
        tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder,
        _training(Path(folder)) as trainers,
        running_server(Path(folder)) as server,
    ):
        with connected(server) as http:
            names = _living(http)
            overviews, others = _browsers(http, names)
        pages = [f"{server.url}/runs/{names[-1]}", server.url][:PAGES]
        with chromium() if pages else contextlib.nullcontext() as browser:
            if browser is not None:
                _open(browser, server, pages)
            return _watched(server, trainers, overviews[len(pages[1:]) :], others[len(pages[:1]) :])


def _watched(
    server: Server, trainers: list[int], overviews: list[dict[str, Any]], others: list[dict[str, Any]]
) -> list[Row]:
    begin = time.monotonic() + _SETTLE_S
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        # Those that are measured have a process of their own: what they hear waits for nobody else's reading.
        drawn = pool.submit(listen, server, overviews, begin, SECONDS)
        heard = pool.submit(listen, server, others, begin, SECONDS)
        time.sleep(max(0.0, begin - time.monotonic()))
        idle, before, writing = psutil.cpu_times(), _took([server.pid]), _took(trainers)
        time.sleep(SECONDS)
        share = 100 * (_took([server.pid]) - before) / SECONDS
        beside = 100 * (_took(trainers) - writing) / SECONDS
        free = 100 * (psutil.cpu_times().idle - idle.idle) / SECONDS / (os.cpu_count() or 1)
        cards, told = drawn.result(), heard.result()
    everybody = [*cards, *told]
    frames, size = sum(one.frames for one in everybody) / SECONDS, sum(one.characters for one in everybody) / SECONDS
    told_each = f"{frames:,.0f} frames and {size / 1e6:.1f} MB a second"
    what = f"{RUNS} live runs"
    how = (
        f"{RUNS} runs of {RATE_HZ} rows a second, {SECONDS} s; {OVERVIEWS} overviews, {CONSOLES} runs' pages, {COMPARISONS} "
        f"comparisons of {COMPARED}, of these in Chromium {PAGES}; trainers take {beside:.0f} % of a core, {free:.0f} % of all is idle"
    )
    late = [one for client in told for one in client.late]
    shown = [client.summaries / SECONDS / RUNS for client in cards]
    return [
        Row(f"server CPU, {what}, 20 browsers", "% of a core", [share], SERVER_CPU, how=f"{how}; {told_each}"),
        Row(f"run.log to socket client, {what}, 20 browsers", "ms", late, None, how=how),
        Row(f"run.log to socket client, {what}, 20 browsers, p99", "ms", late, LATE_MS, "p99", how=how),
        Row(f"rows that a page missed, {what}, 20 browsers", "", [float(one.missed) for one in told], 0, "max", how=how),
        Row(f"how often an overview hears of a run, {what}, 20 browsers", "a second", shown, None, how=how),
    ]  # fmt: skip


def _took(pids: list[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


@contextlib.contextmanager
def _training(folder: Path) -> Iterator[list[int]]:
    """Trainings that go on for as long as this lasts, begun one process after the other."""
    each, writers = RUNS // PROCESSES, []
    try:
        for first in range(0, each * PROCESSES, each):
            command = [sys.executable, "-m", "bench.live_trainers", str(folder), str(each), str(first), str(RATE_HZ)]
            writers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            assert writers[-1].stdout is not None and writers[-1].stdout.readline().strip() == "ready"
        yield [writer.pid for writer in writers]
        assert all(writer.poll() is None for writer in writers), "a process of trainers broke down"
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()


def _living(http: httpx.Client) -> list[str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = http.get("/runs", params={"status": "live", "limit": 500}).json()["runs"]
        if sum(run["state"] == "running" for run in found) >= RUNS // PROCESSES * PROCESSES:
            return [run["run_id"] for run in found]
        time.sleep(0.2)
    raise TimeoutError(f"no {RUNS} live runs within 60 s")


def _browsers(http: httpx.Client, names: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What each asks for: the overviews, then the others, first of all the pages of runs."""
    overviews = [{"runs": ["*"], "topics": ["runs", "activities", "machine"], "cursors": {}}] * OVERVIEWS
    consoles = [_asked(http, [name], _CONSOLE) for name in names[:CONSOLES]]
    places = range(CONSOLES, CONSOLES + COMPARISONS * COMPARED, COMPARED)
    compared = [_asked(http, names[place : place + COMPARED], ("metrics", "runs")) for place in places]
    return overviews, [*consoles, *compared]


def _asked(http: httpx.Client, names: list[str], topics: tuple[str, ...]) -> dict[str, Any]:
    """A page reads what there is, and hears what comes after it."""
    cursors = {}
    for name in names:
        courses = http.get(f"/runs/{name}/metrics", params={"name": "train/loss"}).json()
        cursors[name] = {"events": courses["cursor"], "supervisor": courses["supervisor"], "console": 0}
    return {"runs": names, "topics": list(topics), "cursors": cursors}


def _open(browser: Browser, server: Server, addresses: list[str]) -> None:
    for address in addresses:
        page = signed_in(browser, server).new_page()
        page.goto(address)
        page.locator(".cards a" if address == server.url else "figure").first.wait_for()


def listen(server: Server, asked: list[dict[str, Any]], begin: float, seconds: float) -> list[Heard]:
    """Be these clients; what comes within `seconds` of `begin` (monotonic) counts."""

    async def all_of_them() -> list[Heard]:
        return list(await asyncio.gather(*(_listen(server, one, begin, begin + seconds) for one in asked)))

    return asyncio.run(all_of_them())


async def _listen(server: Server, asked: dict[str, Any], begin: float, end: float) -> Heard:
    heard, last = Heard(), {name: place["events"] for name, place in asked["cursors"].items()}
    bearer = {"Authorization": f"Bearer {server.token}"}
    url = f"ws{server.url[4:]}/api/v1/stream"
    async with connect(url, additional_headers=bearer, proxy=None, compression=None, max_size=None) as socket:
        await socket.send(json.dumps({"type": "subscribe", "everywhere": ["alerts"], **asked}))
        while (now := time.monotonic()) < end:
            try:
                text = await asyncio.wait_for(socket.recv(decode=True), end - now)
            except TimeoutError:
                break
            now = time.monotonic()
            if begin <= now:
                heard.frames += 1
                heard.characters += len(text)
                heard.summaries += text.startswith(_SUMMARY)
            if _ROWS in text[:64]:
                _take(heard, json.loads(text), last, now if begin <= now else None)
    return heard


def _take(heard: Heard, message: dict[str, Any], last: dict[str, int], now: float | None) -> None:
    if message["stream"] != "trainer":
        return
    for event in message["events"]:
        if event["type"] != "metrics":
            continue
        if now is not None:
            heard.late.append((now * 1e6 - event["values"][SENT_AT]) / 1000)
        heard.missed += max(0, event["seq"] - last[message["run_id"]] - 1)
        last[message["run_id"]] = event["seq"]
