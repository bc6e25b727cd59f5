"""SQLite writes past Python, so its disk is a real one: a tmpfs that is full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gladius.pulse.rundir import Home
from gladius.store.index import RunIndex
from gladius.store.shelf import Shelf
from gladius.store.view import RunView


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk without room; its `filler` is what takes it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("mounts are not allowed here")
    with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(b"x" * 4096)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_nothing_fails_and_what_could_not_be_kept_is_kept_when_there_is_room(home: Home, full: Path) -> None:
    home.run_index = full / "state" / "index.sqlite"
    run = home.new_run("r", {"source": "script"})
    index = RunIndex(home.run_index)
    assert index.read() == {} and index.lost
    index.close()
    shelf = Shelf(home)
    assert shelf.open([run.run_id]) == [run.run_id]
    shelf.put(RunView(run).load())
    assert shelf.rows.keys() == {run.run_id} and shelf.told([run.run_id]) == {}, "the list stands without it"
    shelf.drop(run.run_id)
    (full / "filler").unlink()
    assert shelf.renew() and not shelf.renew()
    shelf.close()
    assert home.run_index.stat().st_size > 0
