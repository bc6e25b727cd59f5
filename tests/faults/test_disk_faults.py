"""Whatever fails on the disk: the old content or the new one is there, whole, and what failed was not called done."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import written_files
from faulty_disk import FaultyDisk, faults, sampled

from gladius.errors import GladiusError
from gladius.pulse.rundir import Home

_WHOLE = bool(os.environ.get("GLADIUS_FAULTS"))
"""`make faults`: every errno at every call."""


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultyDisk:
    return FaultyDisk(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", written_files.ALL)
def test_a_file_is_the_old_one_or_the_new_one_whatever_fails(tmp_path: Path, disk: FaultyDisk, name: str) -> None:
    def begin(number: str) -> written_files.Written:
        home = Home(tmp_path / number)
        home.create()
        one = written_files.ALL[name](home)
        one.write(1)
        return one

    counted = begin("count")
    with disk.counting() as calls:
        counted.write(2)
    new = counted.read()
    assert {kind for kind, _ in calls} & {"write", "rename"}, "it writes"
    assert not counted.durable or "fsync" in {kind for kind, _ in calls}, "what is called durable is synced"
    for number, (at, error, lasts) in enumerate(list((faults if _WHOLE else sampled)(calls))):
        one = begin(str(number))
        old = one.read()
        returned = False
        with disk.failing(at, error, lasts=lasts):
            try:
                one.write(2)
                returned = True
            except (OSError, GladiusError):
                pass
        what = f"{calls[at]}, errno {errno.errorcode.get(error, 'short')}, {'for good' if lasts else 'once'}"
        assert disk.failed, what
        seen = one.read()
        assert seen in (old, new), what
        assert not returned or seen == new, f"{what}: it was called done"
        assert not (returned and one.durable and "fsync" in disk.failed), f"{what}: it was called durable"
        assert not list(written_files.leftovers(one.folder)), what
        one.write(2)
        assert one.read() == new, f"{what}: the next try mends it"
        shutil.rmtree(tmp_path / str(number))
