"""What tests of several processes start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from job import Job

from gladius.pulse.rundir import Home


@pytest.fixture
def job(
    home: Home, tmp_path: Path, spawn: Callable[..., Any], until: Callable[..., Any]
) -> Iterator[Callable[..., Job]]:
    """A job of two processes, to be planned; its processes are gone in the end."""
    job = Job(tmp_path / "job", spawn, until)
    yield job.planned
    job.clear_away()
