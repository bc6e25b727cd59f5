"""A run written by hand, with a process that lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


@pytest.fixture
def me(spawn: Callable[..., Any]) -> Identity:
    """A process that lives as long as the test."""
    return Identity.of(spawn("sleep", "600").pid)


@pytest.fixture
def written(home: Home, me: Identity) -> Written:
    return Written(home, me)
