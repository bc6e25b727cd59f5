"""Run directories as a trainer and its supervisor leave them; only their numbers are made up. Downstream: long_run, growth."""

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path

from gladius.pulse.rundir import Home

RATE_HZ = 20


def write_run(home: Home, steps: int, metrics: int, *, ended: bool = True, seed: int = 1) -> str:
    """Write a run of `steps` rows with `metrics` values each, the first of them `train/loss`; return its id."""
    run = home.new_run(f"{steps}-by-{metrics}", {"source": "api", "engine": "plain"})
    run.write_attempt(1, {"argv": ["python"], "config": {}})
    began = time.time() - steps / RATE_HZ
    names = ["train/loss", *(f"train/metric_{number}" for number in range(1, metrics))]
    dice = random.Random(seed)
    # A few thousand texts of numbers serve for all: what is measured is how they are read.
    texts = [f"{dice.random():.6f}" for _ in range(4096)]
    with run.events.open("w", encoding="utf-8") as file:
        hello = {"run_id": run.run_id, "pid": 1, "host": "elsewhere", "total_epochs": 10.0, "total_steps": steps}
        file.write(_line(0, began, {"type": "hello", **hello}))
        for step in range(steps):
            loss = 3 * math.exp(-3 * step / steps) + 0.3 * dice.random()
            rest = "".join(f',"{name}":{texts[(step * 31 + place) & 4095]}' for place, name in enumerate(names[1:]))
            file.write(
                f'{{"seq":{step + 1},"time":{began + step / RATE_HZ:.3f},"attempt":1,"type":"metrics","step":{step},'
                f'"epoch":{10 * step / steps:.6f},"values":{{"train/loss":{loss:.6f}{rest}}}}}\n'
            )
        if ended:
            file.write(_line(steps + 1, began + steps / RATE_HZ, {"type": "state", "state": "done"}))
    return run.run_id


def _line(seq: int, at: float, event: dict[str, object]) -> str:
    return json.dumps({"seq": seq, "time": at, "attempt": 1, **event}) + "\n"


def copy_of(home: Home, run_id: str) -> Path:
    """Where the server keeps the columnar copy of a run."""
    return next(home.root.rglob(f"{run_id}.columns"), home.root / "no.columns")
