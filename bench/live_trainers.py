"""Many live trainings in one process, each through the real client. Upstream: live_runs. Downstream: run directories.

`python -m bench.live_trainers HOME RUNS FIRST RATE_HZ`: what a trainer of its own would write, at the same moments: rows through
`run.log`, its status and its mailbox through its heart, a printed line a second, and what its supervisor tells of the machine.
The locks are held here, so that the server takes the runs for what they look like and attaches nobody.
"""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any, NamedTuple

from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.plan import Plan
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import Home

STEPS = 1_000_000
SENT_AT = "bench/sent_at"
_SAMPLE_EVERY_S, _LINE_EVERY_S = 2, 1
_USE = {"used": 8_000_000_000, "total": 32_000_000_000}


class Trainer(NamedTuple):
    """One training, and what stands for its supervisor."""

    run: Run
    supervisor: EventWriter
    console: int
    locks: list[FileLock]


def begin(home: Home, number: int) -> Trainer:
    """A run as a launcher makes it, its trainer and its supervisor there."""
    made = {"source": "api", "engine": "script", "profile": f"profile-{number % 7}"}
    directory = home.new_run(f"night {number}", made)
    directory.write_attempt(1, {"argv": ["python", "train.py"], "config": {}})
    locks = [FileLock(directory.trainer_lock), FileLock(directory.supervisor_lock)]
    for lock in locks:
        lock.acquire()
    supervisor = EventWriter(directory.supervisor_events, 1)
    supervisor.write("process", {"event": "started", "argv": ["python", "train.py"], **Identity.current().as_dict()})
    console = os.open(directory.console_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    plan = Plan(None, STEPS, STEPS // 10, None, None, 1, "single", None, None)
    return Trainer(Run(directory, 1, locks[0], plan), supervisor, console, locks)


def train(trainer: Trainer, step: int, rate: int, number: int) -> None:
    """One step: four numbers, and when it is time a line and a sample."""
    loss = 2.5 * math.exp(-step / 3000) + 0.3 + number / 1000
    rest = {"train/learning_rate": 1e-4, "train/grad_norm": 0.5 + (step % 17) / 40}
    trainer.run.log({SENT_AT: time.monotonic_ns() / 1000, "train/loss": loss, **rest}, step=step)
    if step % (rate * _LINE_EVERY_S) == 0:
        os.write(trainer.console, f"[INFO] step {step} loss {loss:.4f}\n".encode())
    if step % (rate * _SAMPLE_EVERY_S) == 0:
        trainer.supervisor.write("system", _sample(trainer))


def _sample(trainer: Trainer) -> dict[str, Any]:
    group = {"pids": 1, "cpu": 97.5, "rss": 2_000_000_000}
    size = os.fstat(trainer.console).st_size
    return {"cpu": 61.5, "ram": _USE, "swap": _USE, "disk": _USE, "console_bytes": size, "gpus": [], "group": group}


def main(folder: str, runs: int, first: int, rate: int) -> None:
    """Train until killed; each run has a moment of its own within the tenth of a second."""
    home = Home(folder)
    trainers = [begin(home, first + number) for number in range(runs)]
    print("ready", flush=True)
    began, turn = time.monotonic(), 0
    while True:
        step, number = divmod(turn, runs)
        time.sleep(max(0.0, began + turn / (runs * rate) - time.monotonic()))
        train(trainers[number], step, rate, first + number)
        turn += 1


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
