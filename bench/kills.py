"""SIGKILL a logging process at random moments and check that nothing that was promised is lost.

`python -m bench.kills [--kills 1000] [--seed N]`: each child records a run with `run.log` and notes every call that
returned in shared memory. It is killed at a random moment; then every noted call must be in events.jsonl, once, and
every file of the run must be readable. Prints one JSON object of raw counts and exits with 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulse_wrapper
from bench.rows import Row
from gladius.pulse.control import Mailbox
from gladius.pulse.events import EventReader
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import RunDir

SOURCES = str(Path(pulse_wrapper.__file__).parent)
SLOTS = struct.Struct("qq")
LONGEST_LIFE_S = 0.25

CHILD = """
import mmap, os, struct, sys
import gladius
notes = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 16)
slots = struct.Struct("qq")
first = slots.unpack(notes[:])[1]
notes[:] = slots.pack(1, first)
run = gladius.start(total_epochs=1, steps_per_epoch=10**9, config={"first": first})
assert run.active
notes[:] = slots.pack(2, first)
index = first
while True:
    run.log({"index": index, "train/loss": 1.0 / (index + 1), "odd": float("nan")}, step=index)
    index += 1
    notes[8:16] = index.to_bytes(8, "little")
    if index % 500 == 0:
        run.boundary(index)
        run.checkpoint(step=index, path="checkpoints/%d" % index, bytes=1)
"""


def main() -> int:
    """Kill, print the raw counts, exit 0 only when nothing was lost."""
    parser = argparse.ArgumentParser(description="Kill a logging process at random moments and look what is left.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    summary = kill_many(options.kills, seed)
    print(json.dumps(summary, indent=1))
    return 0 if summary["passed"] else 1


def measure() -> list[Row]:
    """Kill a thousand; what was lost must be nothing."""
    summary = kill_many(1000, random.SystemRandom().randrange(2**32))
    how = f"{summary['kills']} SIGKILLs, {summary['returned']:,} returned calls, seed {summary['seed']}"
    wrong = {"lost": "run.log calls lost", "duplicates": "events doubled", "bad_files": "files unreadable"}
    return [
        Row(f"{name} in 1,000 kills", "", [summary[key]], 0, "max", how, extra={"counts": summary})
        for key, name in wrong.items()
    ]


def kill_many(kills: int, seed: int) -> dict[str, Any]:
    """Kill `kills` children and return the raw counts."""
    rng = random.Random(seed)
    began = time.monotonic()
    counts = dict.fromkeys(
        ("kills", "attempts", "returned", "found", "lost", "duplicates", "unreturned", "torn_lines", "bad_files"), 0
    )
    with tempfile.TemporaryDirectory(prefix="gladius-kills-") as folder:
        # A new directory now and then keeps the check of each stream quick; within one, attempts follow each other.
        for start in range(0, kills, 50):
            root = Path(folder) / f"run-{start}"
            _one_directory(root, min(50, kills - start), rng, counts)
            shutil.rmtree(root)
    passed = counts["lost"] == counts["duplicates"] == counts["bad_files"] == 0 and counts["kills"] == kills
    return {"seed": seed, **counts, "seconds": round(time.monotonic() - began, 1), "passed": passed}


def _one_directory(root: Path, kills: int, rng: random.Random, counts: dict[str, int]) -> None:
    root.mkdir()
    run = RunDir(root)
    notes = root / "notes.bin"
    notes.write_bytes(SLOTS.pack(0, 0))
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": SOURCES, "GLADIUS_RUN_DIR": str(root)}
    with notes.open("r+b") as file, mmap.mmap(file.fileno(), SLOTS.size) as shared:
        for _ in range(kills):
            shared[:] = SLOTS.pack(0, SLOTS.unpack(shared[:])[1])
            child = subprocess.Popen(
                [sys.executable, "-S", "-s", "-c", CHILD, notes], env=environment, stdin=subprocess.DEVNULL
            )
            # One life in four is counted from the child's first line, so that starting is killed, too.
            stage = 1 if rng.random() < 0.25 else 2
            while SLOTS.unpack(shared[:])[0] < stage and child.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, LONGEST_LIFE_S))
            child.kill()
            counts["kills"] += child.wait() == -signal.SIGKILL
        returned = SLOTS.unpack(shared[:])[1]
    _check(run, returned, counts)


def _check(run: RunDir, returned: int, counts: dict[str, int]) -> None:
    """Compare the stream with what the children noted."""
    reader = EventReader(run.events)
    events = reader.read_all()
    seqs = [event["seq"] for event in events]
    # A call that was killed between its write and its note is in the stream, and the next child makes it again: so an
    # index may appear once for each attempt, and a duplicate is one that appears twice in the same attempt.
    indices = [(event["attempt"], event["values"]["index"]) for event in events if event["type"] == "metrics"]
    found = {index for _, index in indices}
    counts["returned"] += returned
    counts["found"] += len(found & set(range(returned)))
    counts["lost"] += len(set(range(returned)) - found)
    counts["duplicates"] += len(seqs) - len(set(seqs)) + len(indices) - len(set(indices))
    counts["unreturned"] += len(indices) - returned
    counts["torn_lines"] += reader.damaged
    counts["attempts"] += len(run.attempt_numbers())
    counts["bad_files"] += sum(1 for _ in _unreadable(run))


def _unreadable(run: RunDir) -> Iterator[Path]:
    for path in (run.run_json, run.status, *(run.attempt_json(number) for number in run.attempt_numbers())):
        if pulse_wrapper.safe_read_json(path) is None:
            yield path
    if pulse_wrapper.read_training_status(run.status) is None:
        yield run.status
    if is_held(run.trainer_lock) or Mailbox(run.control).all():
        yield run.trainer_lock


if __name__ == "__main__":
    raise SystemExit(main())
