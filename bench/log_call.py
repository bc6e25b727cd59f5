"""What `run.log` costs a training loop, beside a bare json + write of the same values. Upstream: gladius.pulse. Downstream: rows."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import gladius
from bench.rows import Row

ROUNDS, CALLS = 25, 2000
Log = Callable[[int, dict[str, float]], None]
PACED, PACE_S, FSYNC_S = 1000, 0.005, 1.0
NAMES = ("train/loss", "train/accuracy", "train/learning_rate", "train/grad_norm", "eval/loss", "eval/accuracy",
         "system/memory", "system/utilisation", "train/tokens_per_second", "train/step_seconds")  # fmt: skip


def measure() -> list[Row]:
    """Time both in turns within one process, so that the machine's noise falls on both."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GLADIUS_RUN_DIR"] = str(Path(folder) / "run")
        bare_fd = os.open(Path(folder) / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        run = gladius.start(total_epochs=1, steps_per_epoch=ROUNDS * CALLS)
        run.boundary(0)

        def bare(step: int, values: dict[str, float]) -> None:
            os.write(bare_fd, (json.dumps({"step": step, "time": time.time(), **values}) + "\n").encode())

        def ours(step: int, values: dict[str, float]) -> None:
            run.log(values, step=step)

        bare_us: list[float] = []
        ours_us: list[float] = []
        for turn in range(ROUNDS):
            bare_us.append(_per_call(bare, turn))
            ours_us.append(_per_call(ours, turn))
        beside, alone = _beside_slow_fsyncs(ours, bare)
        faults = [_without_directory(run, Path(folder) / "run")]
        run.finish()
        os.close(bare_fd)
        del os.environ["GLADIUS_RUN_DIR"]
    how = f"{ROUNDS} rounds of {CALLS} calls each, in turns, 10 scalars"
    ratios = [mine / limit for mine, limit in zip(ours_us, bare_us, strict=True)]
    return [
        Row("run.log / bare json + write", "x", ratios, 1.5, how=how),
        Row("run.log", "us", ours_us, None, how=how),
        Row("bare json + write", "us", bare_us, None, how=how),
        Row(
            "longest run.log while each fsync takes a second",
            "ms",
            beside,
            50,
            "max",
            how=f"{PACED:,} calls at 200 Hz, in turns with a bare json + write, the longest of which took {max(alone):.2f} ms",
        ),
        Row(
            "run.log, run directory deleted",
            "us",
            faults[0],
            None,
            "p99",
            how="500 calls after rm -r of the run directory",
        ),
    ]


def _per_call(log: Log, turn: int) -> float:
    values = {name: (turn * 0.001 + place * 0.37) % 3.1415926 for place, name in enumerate(NAMES)}
    start = time.perf_counter_ns()
    for step in range(turn * CALLS, (turn + 1) * CALLS):
        log(step, values)
    return (time.perf_counter_ns() - start) / CALLS / 1000


def _beside_slow_fsyncs(*logs: Log) -> tuple[list[float], ...]:
    """Milliseconds of each call, while a disk takes a second for whatever it is to keep for good."""
    samples: tuple[list[float], ...] = tuple([] for _ in logs)
    values, fsync = dict.fromkeys(NAMES, 0.5), os.fsync

    def slow(descriptor: int) -> None:
        time.sleep(FSYNC_S)
        fsync(descriptor)

    with patch.object(os, "fsync", slow):
        for step in range(ROUNDS * CALLS, ROUNDS * CALLS + PACED):
            time.sleep(PACE_S)
            for log, taken in zip(logs, samples, strict=True):
                start = time.perf_counter_ns()
                log(step, values)
                taken.append((time.perf_counter_ns() - start) / 1e6)
    return samples


def _without_directory(run: gladius.Run, directory: Path) -> list[float]:
    logging.getLogger("gladius.pulse").setLevel(logging.CRITICAL)
    shutil.rmtree(directory)
    samples = []
    for step in range(500):
        start = time.perf_counter_ns()
        run.log({"train/loss": 1.0}, step=step)
        samples.append((time.perf_counter_ns() - start) / 1000)
    return samples
