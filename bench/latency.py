"""From a `run.log` call, or a printed line, to the message at a socket client. Upstream: a real server process. Downstream: rows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from bench.rows import Row
from bench.server import running_server

EVENTS, RATE_HZ = 600, 20
METRIC = "bench/sent_at"
_TRAINER = f"""
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch={EVENTS}) as run:
    for step, _ in run.steps(range({EVENTS})):
        print(f"bench line {{time.monotonic_ns() / 1000}}")
        run.log({{"{METRIC}": time.monotonic_ns() / 1000, "train/loss": 1.0 / (step + 1)}})
        time.sleep(1 / {RATE_HZ})
"""
_LINE = re.compile(r"bench line ([\d.]+)")


def measure() -> list[Row]:
    """Tell at 20 Hz from another process; the clock is the machine's monotonic one, so the two processes share it."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        socket_url = f"ws{server.url[4:]}/api/v1/stream"
        with connect(socket_url, additional_headers={"Authorization": f"Bearer {server.token}"}) as socket:
            socket.send(json.dumps({"type": "subscribe", "runs": ["*"], "topics": ["metrics", "console"]}))
            trainer = subprocess.Popen(
                [sys.executable, "-m", "gladius.cli.main", "run", "--", sys.executable, "-c", _TRAINER],
                env={**os.environ, "GLADIUS_HOME": folder},
                stdout=subprocess.DEVNULL,
            )
            calls, lines = _collect(socket)
            trainer.wait()
    how = f"{EVENTS} at {RATE_HZ} Hz, one socket client"
    return [
        Row("run.log to socket client", "ms", calls, 10, how=how),
        Row("run.log to socket client, p99", "ms", calls, 50, "p99", how=how),
        Row("line printed to socket client", "ms", lines, 10, how=how),
        Row("line printed to socket client, p99", "ms", lines, None, "p99", how=how),
    ]


def _collect(socket: Any) -> tuple[list[float], list[float]]:
    """Milliseconds of each call and of each line; a line that comes in pieces counts when its last piece is there."""
    calls: list[float] = []
    lines: list[float] = []
    rest = ""
    while len(calls) < EVENTS or len(lines) < EVENTS:
        message = json.loads(socket.recv(timeout=60))
        now = time.monotonic_ns() / 1000
        calls += [(now - sent) / 1000 for sent in _logged(message)]
        if message["type"] == "console":
            *whole, rest = (rest + message["text"]).split("\n")
            lines += [(now - float(found[1])) / 1000 for found in map(_LINE.search, whole) if found]
    return calls, lines


def _logged(message: dict[str, Any]) -> Iterator[float]:
    for event in message.get("events", []):
        sent = event.get("values", {}).get(METRIC)
        if sent is not None:
            yield sent
