"""A home with 10,000 ended runs: how long its list takes. Upstream: `gladius up`. Downstream: rows.

The run directories are whole, as a trainer and a supervisor leave them; only their numbers are made up.
"""

from __future__ import annotations

import json
import math
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.rows import Row
from bench.server import connected, running_server
from gladius.pulse.rundir import Home, RunDir

COUNT = 10_000
LIMIT_MS, START_MS = 100.0, 1500.0
_STARTS = 5
_ROUNDS = 15
_IDLE_S = 30
_STEPS = 20
_BEGAN = 1_700_000_000.0
_QUESTIONS: dict[str, dict[str, Any]] = {
    "newest first": {"limit": 100, "facets": "true"},
    "sorted by loss": {"limit": 100, "sort": "loss", "order": "asc", "offset": 4900, "facets": "true"},
    "filtered and searched": {
        "limit": 100, "status": "error", "tag": "even", "q": "run 7", "sort": "duration", "facets": "true",
    },
}  # fmt: skip


def measure() -> list[Row]:
    """The first answer after a start, and each kind of list when warm; the whole answer is read."""
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder:
        home = Home(folder)
        make_runs(home, COUNT)
        _index(home)
        first, starts = [], []
        for _ in range(_STARTS):
            with running_server(home.root) as server, connected(server) as http:
                starts.append(server.started_in_s * 1000)
                first.append(_ask(http, _QUESTIONS["sorted by loss"]))
        rows = [
            _row("first answer after a start, sorted by loss", first, f"{_STARTS} starts of gladius up"),
            Row("gladius up with 10,000 runs", "ms", starts, START_MS, "median", f"{_STARTS} starts, until it answers"),
        ]
        with running_server(home.root) as server, connected(server) as http:
            for name, question in _QUESTIONS.items():
                samples = [_ask(http, question) for _ in range(_ROUNDS)]
                rows.append(_row(name, samples, f"{_ROUNDS} times over HTTP, 100 rows and what can be filtered by"))
            rows.append(_idle(server.pid))
        return rows


def _idle(pid: int) -> Row:
    process = psutil.Process(pid)
    samples = []
    for _ in range(_IDLE_S // 5):
        before = sum(process.cpu_times()[:2])
        time.sleep(5)
        samples.append((sum(process.cpu_times()[:2]) - before) / 5 * 100)
    how = f"processor time of the server over {_IDLE_S} s, nobody looks"
    return Row("idle server with 10,000 runs", "% of a core", samples, 2, "median", how)


def _row(what: str, samples: list[float], how: str) -> Row:
    return Row(f"list of 10,000 runs, {what}", "ms", samples, LIMIT_MS, "median", how)


def _ask(http: httpx.Client, question: dict[str, Any]) -> float:
    start = time.perf_counter()
    answer = http.get("/runs", params=question)
    took = (time.perf_counter() - start) * 1000
    found = answer.json()
    assert answer.is_success and found["runs"] and not found["unread"], answer.text[:300]
    return took


def _index(home: Home) -> None:
    """Have a server read every run once, as the servers did that were there when they ended."""
    with running_server(home.root) as server, connected(server) as http:
        while http.get("/runs", params={"sort": "loss", "limit": 1}).json()["unread"]:
            time.sleep(0.5)


def make_runs(home: Home, count: int, seed: int = 7) -> None:
    """Write `count` run directories, ended in every way, one a minute."""
    home.create()
    chance = random.Random(seed)
    for number in range(count):
        _make_run(home, number, _BEGAN + 60.0 * number, chance)


def _make_run(home: Home, number: int, began: float, chance: random.Random) -> None:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(began))
    run = home.run(f"{stamp}-run-{number}-{number % 65536:04x}")
    for folder in (run.attempts, run.supervisor_control, run.checkpoints):
        folder.mkdir(mode=0o700, parents=True)
    state = chance.choice(("done", "done", "done", "error", "cancelled"))
    loss, took = chance.uniform(0.2, 3.0), chance.uniform(30, 7200)
    _write(run.run_json, {
        "run_id": run.run_id, "protocol": 2, "name": f"run {number}", "created_at": began, "source": "api",
        "profile": f"profile-{number % 7}", "dataset": f"dataset-{number % 13}", "engine": "transformers",
        "tags": ["even" if number % 2 == 0 else "odd", f"week-{number // 1000}"],
    })  # fmt: skip
    v1 = "error" if state == "error" else "done"
    status = {"status": v1, "epoch": 3.0, "total_epochs": 3.0, "loss": loss, "message": state}
    _write(run.status, {**status, "timestamp": int(began + took)})
    _write(run.attempt_json(1), {"attempt": 1, "argv": ["python", "train.py"], "cwd": "/tmp"})
    _write_events(run, began, took, loss, state)
    _write(run.report_json, {"run_id": run.run_id, "attempt": 1, "state": state})
    run.console_log.write_text("trained\n", encoding="utf-8")


def _write_events(run: RunDir, began: float, took: float, loss: float, state: str) -> None:
    trainer: list[dict[str, Any]] = [
        {"type": "hello", "run_id": run.run_id, "pid": 4194000, "host": "bench", "start_time": 1.0, "total_epochs": 3.0,
         "total_steps": _STEPS, "capabilities": ["pause", "resume", "stop"]},
        {"type": "state", "state": "running"},
    ]  # fmt: skip
    for step in range(_STEPS):
        value = loss + math.exp(-step / 4)
        trainer.append({"type": "metrics", "step": step, "epoch": 3 * step / _STEPS, "values": {"train/loss": value}})
    trainer[-1]["values"]["eval/loss"] = loss * 1.1
    trainer.append({"type": "state", "state": state})
    _write_stream(run.events, trainer, began, took)
    verdict = "failed" if state == "error" else "finished"
    supervisor = [
        {"type": "process", "event": "started", "pid": 4194000, "host": "bench", "start_time": 1.0, "argv": ["python"]},
        {"type": "process", "event": "exited", "verdict": verdict, "evidence": "exit code 0", "code": 0},
    ]
    _write_stream(run.supervisor_events, supervisor, began, took)


def _write_stream(path: Path, events: list[dict[str, Any]], began: float, took: float) -> None:
    lines = [
        json.dumps({"seq": seq, "time": began + took * seq / (len(events) - 1), "attempt": 1, **event})
        for seq, event in enumerate(events)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
