"""How much slower a real training is that logs each step, paired with the same training that does not. Upstream: trainer_step."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from functools import partial
from pathlib import Path
from statistics import mean

import gladius
from bench.peers import trainer_step
from bench.peers.table import WORK, installed, tried
from bench.peers.writing import Writers
from bench.rows import Row, idle_share

PAIRS, STEPS, WARM_UP = 24, 10, 10
LIMIT = 0.5


def measure() -> list[Row]:
    """Gladius and each peer that is installed, in turn."""
    environments, _ = installed()
    writers = Writers(environments, WORK)
    names = [name for name in writers.names if name not in ("json", "msgspec")]
    return [row for name in names for row in tried(partial(_one, writers, name), _FIGURE, "%", name)]


_FIGURE = "slow-down of a training"
_PARTS = "slow-down of a training, by its parts"
_MORE_PAIRS = 4
"""Of Gladius: a pair differs by 4 to 5 % without any logging, and its limit is half a percent."""


def _one(writers: Writers, name: str) -> list[Row]:
    folder = writers.fresh(name)
    out = folder.parent / f"{folder.name}-step.json"
    out.unlink(missing_ok=True)
    behind = [str(Path(gladius.__file__).parent.parent), sysconfig.get_paths()["purelib"]]
    pairs = PAIRS * _MORE_PAIRS if name == "gladius" else PAIRS
    order = {
        "peer": name, "folder": str(folder), "out": str(out), "pairs": pairs, "steps": STEPS, "warm_up": WARM_UP,
        "path": behind,
    }  # fmt: skip
    idle = idle_share()
    done = subprocess.run(
        [writers.python(name), trainer_step.__file__, json.dumps(order)], capture_output=True, text=True, check=False,
        timeout=900,
    )  # fmt: skip
    if not out.exists():
        raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
    told = json.loads(out.read_text(encoding="utf-8"))
    pairs_s = told.pop("pairs")
    samples = [100 * (logged / bare - 1) for logged, bare in pairs_s]
    step_ms = 1000 * mean(bare for _, bare in pairs_s) / STEPS
    how = (
        f"{len(samples)} pairs of {STEPS} steps of the built-in mixture of experts ({step_ms:.0f} ms a step), 10 scalars"
        f" logged at each step or none; {idle:.0f} % idle before"
    )
    limit = LIMIT if name == "gladius" else None
    parts = 100 * 1000 * (told["in_calls"] + told["beside"]) / step_ms
    by_parts = (
        "time within the log calls and all that the process's other threads computed, in bare blocks too, of a bare step's"
        " time: an upper bound, for they may run on another core"
    )
    return [
        Row(_FIGURE, "%", samples, limit, subject=name, how=how, extra={"seconds": pairs_s}),
        Row(_PARTS, "%", [parts], None, subject=name, how=by_parts, extra={"seconds": told}),
    ]
