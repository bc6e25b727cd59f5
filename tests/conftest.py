"""What every test may ask for: a home of its own, real processes that are ended, and waiting for a condition."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import forge
import pytest

from gladius.pulse.rundir import Home

Found = TypeVar("Found")

# Tests start runs side by side; those of the queue say how many may.
os.environ.setdefault("GLADIUS_SLOTS", "100")
# A model this small gains nothing from more threads, and those that wait for work spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Without it each of hundreds of fresh interpreters would compile everything anew, as long as a server needs to start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def until(condition: Callable[[], Found], timeout: float = 20.0, every: float = 0.02) -> Found:
    """Return the first true value of `condition`; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            pytest.fail(f"not true within {timeout:g} s: {condition}")
        time.sleep(every)


@pytest.fixture(name="until", scope="session")
def until_fixture() -> Callable[..., object]:
    return until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh home that is also GLADIUS_HOME; nothing of the caller's environment leaks in."""
    for name in ("GLADIUS_RUN_DIR", "GLADIUS_ATTEMPT", "GLADIUS_URL", "GLADIUS_TOKEN", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLADIUS_HOME", str(tmp_path / "home"))
    house = Home(tmp_path / "home")
    house.create()
    return house


def _default_signals() -> None:
    """A caller that ignores signals (nohup, a job runner) must not hand that down to what is tested with signals."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes in sessions of their own; whatever still lives at the end of the test is killed with its group."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: str | Path, **options: object) -> subprocess.Popen[str]:
        settings: dict[str, object] = {
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _default_signals,
        }  # fmt: skip
        started.append(forge.start(*argv, **{**settings, **options}))
        return started[-1]

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


@pytest.fixture(autouse=True)
def no_process_outlives_its_test(tmp_path: Path) -> Iterator[None]:
    """End the supervisors and trainers that a test's homes started, by the identities in their own records."""
    yield
    from gladius.pulse.events import EventReader
    from gladius.pulse.identity import Identity

    for stream in tmp_path.rglob("supervisor.jsonl"):
        for event in EventReader(stream).read_all():
            if event["type"] == "process" and event.get("event") == "started":
                trainer = Identity.from_dict(event)
                if trainer is not None and trainer.alive():
                    try:
                        os.killpg(os.getpgid(trainer.pid), signal.SIGKILL)
                    except ProcessLookupError:
                        continue


PYTHON = sys.executable
