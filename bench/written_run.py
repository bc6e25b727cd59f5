"""Run directories as a trainer and its supervisor leave them; only their numbers are made up. Downstream: long_run, growth."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

from gladius.pulse.rundir import Home

RATE_HZ = 20
BEGAN = 1_750_000_000.0
_DICE = random.Random(1)
# A few thousand numbers serve for all: what is measured is how they are read.
_NUMBERS = [_DICE.random() for _ in range(4096)]
_TEXTS = [f"{number:.6f}" for number in _NUMBERS]


def write_run(home: Home, steps: int, metrics: int, *, ended: bool = True) -> str:
    """Write a run of `steps` rows with `metrics` values each, the first of them `train/loss`; return its id."""
    run = home.new_run(f"{steps}-by-{metrics}", {"source": "api", "engine": "plain"})
    run.write_attempt(1, {"argv": ["python"], "config": {}})
    with run.events.open("w", encoding="utf-8") as file:
        hello = {"run_id": run.run_id, "pid": 1, "host": "elsewhere", "total_epochs": 10.0, "total_steps": steps}
        file.write(_line(0, BEGAN, {"type": "hello", **hello}))
        for step in range(steps):
            file.write(_row(step, steps, metrics))
        if ended:
            file.write(_line(steps + 1, BEGAN + steps / RATE_HZ, {"type": "state", "state": "done"}))
    return run.run_id


def add_rows(events: Path, first: int, rows: int, metrics: int) -> None:
    """Append `rows` rows to a run that has `first` of them and did not end."""
    with events.open("a", encoding="utf-8") as file:
        for step in range(first, first + rows):
            file.write(_row(step, first + rows, metrics))


def _row(step: int, steps: int, metrics: int) -> str:
    loss = 3 * math.exp(-3 * step / steps) + 0.3 * _NUMBERS[step * 17 & 4095]
    rest = "".join(f',"train/metric_{place}":{_TEXTS[(step * 31 + place) & 4095]}' for place in range(1, metrics))
    return (
        f'{{"seq":{step + 1},"time":{BEGAN + step / RATE_HZ:.3f},"attempt":1,"type":"metrics","step":{step},'
        f'"epoch":{10 * step / steps:.6f},"values":{{"train/loss":{loss:.6f}{rest}}}}}\n'
    )


def _line(seq: int, at: float, event: dict[str, object]) -> str:
    return json.dumps({"seq": seq, "time": at, "attempt": 1, **event}) + "\n"


def copy_of(home: Home, run_id: str) -> Path:
    """Where the server keeps the columnar copy of a run."""
    return next(home.root.rglob(f"{run_id}.columns"), home.root / "no.columns")
