"""A file that is too large to wait for is shown by its first records and read beside the server."""

import json
import os
import sys
import threading

import pytest

from gladius.catalog import dataset_memory
from gladius.catalog.dataset_memory import read_beside
from gladius.catalog.datasets import Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.profiles import Profiles

GOOD = json.dumps({"instruction": "Say hi.", "output": "Hi."}) + "\n"


@pytest.fixture
def gate(monkeypatch):
    """Little patience, and a reader that waits to be let go on."""
    opened = threading.Event()

    def waits(path):
        assert opened.wait(30)
        return read_beside(path)

    monkeypatch.setattr(dataset_memory, "read_beside", waits)
    monkeypatch.setattr(dataset_memory.Patience.__init__, "__defaults__", (20_000,))
    yield opened
    opened.set()


def test_a_list_does_not_wait_for_a_large_file_and_knows_it_later(tmp_path, gate, until):
    path = tmp_path / "large.jsonl"
    path.write_text(GOOD * 1000 + "{\n")
    (tmp_path / "small.jsonl").write_text(GOOD)
    datasets = Datasets(tmp_path.with_suffix(".state"), [tmp_path])
    large, small = datasets.all()[1:]
    assert (large.counting, large.format, large.records, large.problem) == (True, "alpaca", None, None)
    assert large.bytes == path.stat().st_size and large.findings is None
    assert (small.counting, small.records) == (False, 1)
    assert datasets.report("large", wait=False).counting
    profile = Profiles(tmp_path / "profiles").get("tiny-moe")
    assert effective_config(profile, large, 1)["data"]["format"] == "auto"  # what comes later may be of another kind
    gate.set()
    until(lambda: not datasets.get("large").counting)
    assert "line 1001" in datasets.get("large").problem
    again = Datasets(tmp_path.with_suffix(".state"), [tmp_path]).get("large")
    assert not again.counting and again.findings == datasets.get("large").findings > 1


def test_a_file_that_grows_while_it_is_read_is_read_as_it_is_at_last(tmp_path, gate, until):
    path = tmp_path / "growing.jsonl"
    path.write_text(GOOD * 1000)
    datasets = Datasets(tmp_path.with_suffix(".state"), [tmp_path])
    assert datasets.get("growing").counting
    path.write_text("".join(GOOD.replace("hi", str(n)) for n in range(1500)))
    assert datasets.get("growing").counting
    gate.set()
    until(lambda: datasets.get("growing").records == 1500)


def test_who_cannot_wait_has_it_read_now(tmp_path, gate):
    (tmp_path / "large.jsonl").write_text(GOOD * 1000)
    report = Datasets(tmp_path.with_suffix(".state"), [tmp_path]).report("large")
    assert (report.records, report.counting) == (1000, False)


def test_a_reader_that_is_killed_is_said_and_the_dataset_is_not_lost(tmp_path):
    path = tmp_path / "heavy.jsonl"
    path.write_text(GOOD)
    report = read_beside(path, (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    assert "ended early (exit code -9)" in report.problem and report.counts == {"unreadable": 1}
    assert os.path.exists(path)
