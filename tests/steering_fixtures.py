"""Real loops that a test may steer: one started as a command, one from a profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer
from loop_run import LoopRun, start_script, write_profile

from gladius.pulse.rundir import Home


@pytest.fixture
def loop(
    home: Home, tmp_path: Path, serve: Callable[..., ConsoleServer], until: Callable[..., Any]
) -> Callable[..., LoopRun]:
    """Start the loop as a command; it trains when this returns."""

    def start(name: str = "loop") -> LoopRun:
        server = serve()
        run = LoopRun(home, server, start_script(home, tmp_path, name), until)
        until(lambda: server.http.get(run.path).status_code == 200)
        run.wait_for("running", "error")
        return run

    return start


@pytest.fixture
def profiled_loop(
    home: Home, tmp_path: Path, serve: Callable[..., ConsoleServer], until: Callable[..., Any]
) -> Callable[..., LoopRun]:
    """Start the loop from a profile, so that its configuration is Gladius' own; it trains when this returns."""

    def start(**overrides: Any) -> LoopRun:
        profile = write_profile(home, tmp_path)
        server = serve()
        answer = server.http.post("/runs", json={"profile_id": profile, "overrides": overrides})
        assert answer.status_code == 201, answer.text
        run = LoopRun(home, server, home.run(answer.json()["run_id"]), until)
        run.wait_for("running")
        return run

    return start
