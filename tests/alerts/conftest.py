"""A run that is told and watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from alert_story import Watched

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


@pytest.fixture
def run(home: Home, spawn: Callable[..., Any]) -> Watched:
    """Its process lives; it begins an hour ago, so that a test may let time pass."""
    me = Identity.of(spawn("sleep", "600").pid)
    assert me is not None
    return Watched(home, me, float(round(time.time() - 3600)))
