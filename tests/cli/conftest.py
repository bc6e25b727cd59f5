"""A home whose server runs, so that the verbs need not start one each; loops to steer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from console_fixtures import serve, server, train
from console_server import ConsoleServer
from steering_fixtures import loop, profiled_loop

from gladius.pulse.rundir import Home

__all__ = ["loop", "profiled_loop", "serve", "server", "server_home", "train"]


@pytest.fixture
def server_home(home: Home, spawn: Callable[..., subprocess.Popen[str]]) -> Home:
    ConsoleServer(spawn, home)
    return home
