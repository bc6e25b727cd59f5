"""What a run, a home and a crowd cost as they grow, over three orders of magnitude. Upstream: a real server. Downstream: rows, plots.

What is new must cost what it is, however much is there already: a log call, a thousand rows that come to a long run, a list of ten
runs out of many, a row that each of many clients hears. `slope` is the exponent of cost against size between the two largest
sizes: 0 is constant, 1 is in proportion.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

import httpx
import psutil

import gladius
from bench import crowd
from bench.long_run import first_chart
from bench.many_runs import make_runs
from bench.rows import Row
from bench.server import Server, connected, running_server
from bench.written_run import add_rows, write_run
from gladius.client import Client
from gladius.pulse.rundir import Home
from gladius.store.view import RunView

STEPS = (1_000, 10_000, 100_000, 1_000_000)
NAMES = (10, 100, 1_000, 10_000, 100_000)
RUNS = (10, 100, 1_000, 10_000)
CLIENTS = (1, 10, 100, 1_000)
_NEW_ROWS, _NEW_NUMBERS, _TURNS = 1_000, 200_000, 7
_REQUESTS = 100
_LISTEN_S, _LISTEN_TURNS = 5, 5
# So slowly that a thousand clients are told of each row by itself, with time to spare: rows that share a frame would flatter.
_PACE_S = 0.2
_TRAINER = f"""
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch=10**6) as run:
    for step, _ in run.steps(range(10**6)):
        run.log({{"train/loss": 1.0 / (step + 1)}})
        time.sleep({_PACE_S})
"""


def measure() -> list[Row]:
    """Calls, steps and metrics in this process, runs and clients against a server."""
    return [*_of_calls(), *_of_steps(), *_of_names(), *_of_runs(), *_of_clients()]


def _of_calls() -> list[Row]:
    """What a call takes of the thread that calls, however many went before it."""
    found, made = [], 0
    with (
        _home() as home,
        patch.dict(os.environ, {"GLADIUS_RUN_DIR": str(home.root / "run")}),
        gladius.start(total_epochs=1, steps_per_epoch=STEPS[-1]) as run,
    ):
        for before in STEPS:
            samples = []
            for step in range(made, before + _TURNS * _NEW_ROWS):
                if step >= before and (step - before) % _NEW_ROWS == 0:
                    samples.append(time.thread_time())
                run.log({"train/loss": 1.0 / (step + 1)}, step=step)
            samples.append(time.thread_time())
            made = before + _TURNS * _NEW_ROWS
            found.append((before, [(end - begin) * 1e6 / _NEW_ROWS for begin, end in itertools.pairwise(samples)]))
    return _rows(
        "a log call, by calls before it", "us", found, 0.2, "processor time of the thread that calls, one scalar"
    )


def _of_steps() -> list[Row]:
    opened, taken = [], []
    for steps in STEPS:
        with _home() as home:
            run = home.run(write_run(home, steps, 3, ended=False))
            begin = time.process_time()
            view = RunView(run).load()
            opened.append((steps, [_ms_since(begin)]))
            taken.append((steps, [_new_rows(run.events, view, steps + turn * _NEW_ROWS) for turn in range(_TURNS)]))
    return [
        *_rows("1,000 new rows, by steps that are there", "ms", taken, 0.2, "processor time to take them in"),
        *_rows("reading a run anew, by steps", "ms", opened, 1.1, "processor time, from its lines, 3 metrics"),
    ]


def _new_rows(events: Path, view: RunView, first: int) -> float:
    add_rows(events, first, _NEW_ROWS, 3)
    begin = time.process_time()
    while "more" in view.refresh({"events.jsonl"}):
        pass
    view.table.column("train/loss", 2000, first)
    return _ms_since(begin)


def _of_names() -> list[Row]:
    """A row of each size is made of new numbers only, so it is the cost of one number that must not grow.

    It rises once where the metrics no longer fit into the processor's caches, between 1,000 and 10,000 of them.
    """
    found = []
    for names in NAMES:
        with _home() as home:
            run = home.run(write_run(home, 10, names, ended=False))
            view = RunView(run).load()
            samples, rows = [], max(2, _NEW_NUMBERS // names)
            for turn in range(_TURNS):
                add_rows(run.events, 10 + rows * turn, rows, names)
                begin = time.process_time()
                while "more" in view.refresh({"events.jsonl"}):
                    pass
                samples.append(_ms_since(begin) * 1000 / (rows * names))
            found.append((names, samples))
    return _rows("one new number, by metrics of a row", "us", found, 0.2, "processor time to take it in")


def _of_runs() -> list[Row]:
    listed, charts = [], []
    for count in RUNS:
        with _home() as home:
            make_runs(home, count)
            with running_server(home.root) as server, connected(server) as http:
                while http.get("/runs", params={"sort": "loss", "limit": 1}).json()["unread"]:
                    time.sleep(0.2)
                newest = http.get("/runs", params={"limit": 1}).json()["runs"][0]["run_id"]
                charts.append((count, _each_costs(server, partial(first_chart, http, newest))))
                listed.append((count, _each_costs(server, partial(_newest_ten, http))))
    how = f"processor time of the server, over HTTP, warm, {_REQUESTS} requests in a row"
    return [
        *_rows("the ten newest runs, by runs of the home", "ms", listed, 0.2, how),
        *_rows("course of one run, by runs of the home", "ms", charts, 0.2, how),
    ]  # fmt: skip


def _newest_ten(http: httpx.Client) -> None:
    http.get("/runs", params={"limit": 10}).raise_for_status()


def _each_costs(server: Server, ask: Callable[[], object]) -> list[float]:
    """Milliseconds of the server's processor time for a request, each of them a mean of many: its clock is a coarse one."""
    process = psutil.Process(server.pid)
    samples = []
    for _ in range(_TURNS):
        before = sum(process.cpu_times()[:2])
        for _ in range(_REQUESTS):
            ask()
        samples.append((sum(process.cpu_times()[:2]) - before) * 1000 / _REQUESTS)
    return samples


def _of_clients() -> list[Row]:
    """Processor time of the server for a row that one client hears: a crowd costs each of its clients no more."""
    with _home() as home, running_server(home.root) as server:
        command = [sys.executable, "-m", "gladius.cli.main", "run", "--", sys.executable, "-c", _TRAINER]
        trainer = subprocess.Popen(
            command, env={**os.environ, "GLADIUS_HOME": str(home.root)}, stdout=subprocess.DEVNULL
        )
        try:
            alone = crowd.processor_time(server, _LISTEN_S * _LISTEN_TURNS) / _LISTEN_TURNS
            heard = [(count, crowd.listen(server, count, _LISTEN_S, _LISTEN_TURNS)) for count in CLIENTS]
        finally:
            # The training outlives `gladius run`: it is the training that is told to end.
            with Client(url=server.url, token=server.token) as person:
                person.run("latest").stop(checkpoint=False)
            trainer.wait(timeout=60)
    found = [(count, [one.row_us(alone) for one in told]) for count, told in heard]
    shared = sum(one.rows for one in heard[-1][1]) / sum(one.frames for one in heard[-1][1])
    how = (
        f"processor time of the server beyond the {1000 * alone / _LISTEN_S:.2g} ms a second that it takes without clients, "
        f"{1 / _PACE_S:.0f} rows a second; {shared:.2f} rows in a frame for the most clients"
    )
    return _rows("a row that one client hears, by clients", "us", found, 0.2, how)


@contextlib.contextmanager
def _home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder:
        home = Home(folder)
        home.create()
        yield home


def _ms_since(begin: float) -> float:
    return (time.process_time() - begin) * 1000


def _rows(name: str, unit: str, found: list[tuple[int, list[float]]], limit: float | None, how: str) -> list[Row]:
    """The exponent of the last order of magnitude, with every size and its samples beside it."""
    (small, before), (large, after) = found[-2:]
    slope = math.log(median(after) / median(before)) / math.log(large / small)
    sizes = [[size, median(samples)] for size, samples in found]
    told = ", ".join(f"{size:,}: {figure:.3g} {unit}" for size, figure in sizes)
    return [
        Row(
            f"{name}, slope",
            "",
            [slope],
            limit,
            how=f"{how}; between the two largest of {told}",
            extra={"growth": sizes, "of": name, "in": unit},
        )
    ]
