"""Readers beside a writer: every read finds a whole, valid status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pulse_wrapper
from pulse_wrapper import read_training_status, write_done_status, write_running_status

SOURCES = str(Path(pulse_wrapper.__file__).parent)

READER = """
import sys
from pulse_wrapper import TrainingStatus
path, reads = sys.argv[1], 0
seen, bad, last, status = set(), 0, 0.0, None
print("reading", flush=True)
while reads < 10_000 or status is None or status.status != "done":
    status = TrainingStatus.from_file(path)
    reads += 1
    if status is None or status.message != "step %d" % status.loss or status.epoch < last:
        bad += 1
    else:
        last = status.epoch
        seen.add(status.epoch)
print(bad, len(seen), reads)
"""


def _write(path: Path, number: int) -> None:
    write_running_status(path, number / 1000, 100_000, number, f"step {number}")


def test_a_hundred_reads_while_a_writer_writes_are_all_valid(tmp_path: Path) -> None:
    path = tmp_path / "training_status.json"
    _write(path, 0)
    ended = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            _write(path, number)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for _ in range(100):
            status = read_training_status(path)
            assert status is not None
            assert status["message"] == f"step {status['loss']:g}"
            assert set(json.loads(path.read_text())) == set(status)
    finally:
        ended.set()
        writer.join()
    assert os.listdir(tmp_path) == [path.name]


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one, so that ten thousand fsyncs take seconds."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.slow
def test_four_readers_of_ten_thousand_writes_never_see_a_torn_status(
    quick_disk: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    path = quick_disk / "training_status.json"
    _write(path, 0)
    readers = [spawn(sys.executable, "-c", READER, path, env={**os.environ, "PYTHONPATH": SOURCES}) for _ in range(4)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
    for number in range(1, 10_001):
        _write(path, number)
    write_done_status(path, 100_000, 100_000, 10_000, "step 10000")
    for reader in readers:
        out, err = reader.communicate()
        bad, seen, reads = map(int, out.split())
        assert (bad, err) == (0, "")
        assert reads >= 10_000
        assert seen > 100
    assert os.listdir(quick_disk) == [path.name]
