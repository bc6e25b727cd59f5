"""A server that is told to end does so within seconds, whatever is under way, and leaves no process behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from console_server import ConsoleServer
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.copies import WORTH_BYTES


def family(server: ConsoleServer) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)


def lives(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def runs(process: psutil.Process, module: str) -> bool:
    try:
        return module in process.cmdline()
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def long_run(home: Home) -> Written:
    """A run whose stream is long enough for a columnar copy."""
    run = Written(home, Identity.current()).begin(1, total_epochs=1)
    event = {"attempt": 1, "type": "metrics", "values": {f"train/metric_{n}": n / 7 for n in range(40)}}
    with run.directory.events.open("a") as stream:
        for step in range(2, 2 + WORTH_BYTES // len(json.dumps(event))):
            stream.write(json.dumps({"seq": step, "time": step / 10, **event, "step": step}) + "\n")
    assert run.directory.events.stat().st_size > WORTH_BYTES
    return run


def test_a_copy_that_hangs_a_tensorboard_and_a_listener_do_not_keep_a_server(
    serve: Callable[..., ConsoleServer], long_run: Written, until: Callable[..., Any]
) -> None:
    server = serve()
    copies = until(lambda: [one for one in family(server) if runs(one, "gladius.store.columns")], every=0.005)
    os.kill(copies[0].pid, signal.SIGSTOP)
    if not server.get("/runs/latest")["disabled"].get("tensorboard"):
        assert server.http.post("/runs/latest/tensorboard", timeout=100).is_success
    with server.connect() as stream:
        assert "hello" in str(stream.recv(timeout=10))
        stream.send(json.dumps({"type": "subscribe", "runs": ["*"], "topics": ["status"], "cursors": {}}))
        left = family(server)
        assert copies[0] in left and lives(copies[0])
        begun = time.monotonic()
        # Its client says nothing more, and does not answer the end of the connection either.
        assert server.terminate() in (0, -signal.SIGTERM)
        assert time.monotonic() - begun < 10
    until(lambda: not any(map(lives, left)), timeout=5)
