"""A real console server for the length of a measurement. Upstream: `gladius up`. Downstream: latency, footprint."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from gladius.client.run import RunHandle


@dataclass(frozen=True)
class Server:
    """Where it answers and how long it took to."""

    url: str
    token: str
    pid: int
    started_in_s: float


@contextlib.contextmanager
def running_server(home: Path) -> Iterator[Server]:
    """Start `gladius up` on a free loopback port; end it with SIGTERM."""
    start = time.perf_counter()
    argv = [sys.executable, "-m", "gladius.cli.main", "up", "--no-browser", "--port", "0", "--home", str(home)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        facts = _wait_for(home / "server.json", process)
        yield Server(facts["url"].rstrip("/"), facts["token"], process.pid, time.perf_counter() - start)
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextlib.contextmanager
def connected(server: Server) -> Iterator[httpx.Client]:
    """An HTTP client that is signed in and connected already, as a browser is by the time it asks."""
    headers = {"authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, trust_env=False, timeout=300) as http:
        http.get("/health").raise_for_status()
        yield http


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            facts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return facts
        if process.poll() is not None:
            raise RuntimeError(f"gladius up ended with exit code {process.returncode}")
        time.sleep(0.005)
    raise TimeoutError("gladius up did not answer within 60 s")


def wait_for_steps(run: RunHandle, steps: int = 20) -> None:
    """Wait until a training is under way."""
    deadline = time.monotonic() + 300
    while (run.summary().step or 0) < steps:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {steps} steps within 300 s")
        time.sleep(1)
