"""From a `run.log` call to the message at a socket client. Upstream: a real server process. Downstream: rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from websockets.sync.client import connect

from bench.rows import Row
from bench.server import running_server

EVENTS, RATE_HZ = 600, 20
METRIC = "bench/sent_at"
_TRAINER = f"""
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch={EVENTS}) as run:
    for step, _ in run.steps(range({EVENTS})):
        run.log({{"{METRIC}": time.monotonic_ns() / 1000, "train/loss": 1.0 / (step + 1)}})
        time.sleep(1 / {RATE_HZ})
"""


def measure() -> list[Row]:
    """Log at 20 Hz from another process; the clock is the machine's monotonic one, so the two processes share it."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        socket_url = f"ws{server.url[4:]}/api/v1/stream"
        with connect(socket_url, additional_headers={"Authorization": f"Bearer {server.token}"}) as socket:
            socket.send(json.dumps({"type": "subscribe", "runs": ["*"], "topics": ["metrics"]}))
            env = {**os.environ, "GLADIUS_HOME": folder}
            trainer = subprocess.Popen([sys.executable, "-c", _TRAINER], env=env)
            samples = _collect(socket)
            trainer.wait()
    how = f"{len(samples)} events at {RATE_HZ} Hz, one socket client"
    return [
        Row("run.log to socket client", "ms", samples, 10, how=how),
        Row("run.log to socket client, p99", "ms", samples, 50, "p99", how=how),
    ]


def _collect(socket: object) -> list[float]:
    samples: list[float] = []
    while len(samples) < EVENTS:
        message = json.loads(socket.recv(timeout=60))  # type: ignore[attr-defined]
        now = time.monotonic_ns() / 1000
        for event in message.get("events", []):
            sent = event.get("values", {}).get(METRIC)
            if sent is not None:
                samples.append((now - sent) / 1000)
    return samples
