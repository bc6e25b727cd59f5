"""A home whose server runs, so that the verbs need not start one each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from console_server import ConsoleServer

from gladius.pulse.rundir import Home


@pytest.fixture
def server_home(home: Home, spawn: Callable[..., subprocess.Popen[str]]) -> Home:
    ConsoleServer(spawn, home)
    return home
