"""A whole live console on a disk that fills up, turns read-only and goes away: real mounts, so root is needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer
from steered_run import start_training

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home

pytestmark = pytest.mark.browser

Until = Callable[..., Any]


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=96m", "none", disk)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounts are not allowed here: {error}")
    yield disk
    while subprocess.run(["umount", "-l", disk], capture_output=True, check=False).returncode == 0:
        pass


@pytest.fixture
def console(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, spawn: Callable[..., Any], until: Until
) -> Iterator[tuple[ConsoleServer, str, Identity]]:
    """A server, a supervisor and a trainer on that disk."""
    home = Home(small_disk / "home")
    home.create()
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    server = ConsoleServer(spawn, home)
    run_id = start_training(server, pause=0.05)
    hello = until(lambda: server.get(f"/runs/{run_id}/events", type="hello")["events"], timeout=60)
    trainer = Identity.of(hello[0]["pid"])
    yield server, run_id, trainer
    if trainer.alive():
        os.killpg(os.getpgid(trainer.pid), signal.SIGKILL)
    server.terminate()


def fill(path: Path) -> None:
    """Until nothing more goes in."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(b"x" * size)


def test_it_says_so_loses_nothing_that_was_there_and_goes_on_by_itself(
    console: tuple[ConsoleServer, str, Identity], small_disk: Path, visit: Callable[..., Any], until: Until
) -> None:
    server, run_id, trainer = console
    run = server.home.run(run_id)
    first = run.run_json.read_bytes()
    page = visit(server).open(f"/runs/{run_id}")
    banner = page.get_by_role("alert").filter(has_text="The home needs you")

    def step() -> int:
        return int(server.get(f"/runs/{run_id}")["summary"]["step"] or 0)

    def write() -> Any:
        return server.http.put("/presets/mine", json={"name": "mine", "values": {"train.epochs": 1}})

    def well() -> bool:
        return bool(write().is_success) and server.get("/home")["problems"] == []

    until(lambda: step() > 20, timeout=60)
    assert banner.count() == 0 and well()

    # Full.
    filler = small_disk / "filler"
    fill(filler)
    until(lambda: write().status_code == 507)
    until(lambda: banner.count() == 1 and "is full" in banner.inner_text())
    assert str(server.home.root) in banner.inner_text() and "Free some room" in banner.inner_text()
    assert trainer.alive() and run.run_json.read_bytes() == first and server.get("/runs")["runs"]
    before = step()
    filler.unlink()
    until(well)
    until(lambda: banner.count() == 0)
    until(lambda: step() > before + 5)

    # Read-only: what is open stays so, as under a disk that the kernel has turned.
    mount("--bind", server.home.root, server.home.root)
    mount("-o", "remount,bind,ro", server.home.root)
    refused = write()
    assert refused.status_code == 503 and "Read-only file system" in refused.json()["detail"]
    until(lambda: banner.count() == 1 and "Read-only file system" in banner.inner_text())
    assert trainer.alive() and server.get("/runs")["runs"]
    subprocess.run(["umount", "-l", server.home.root], check=True)
    until(well)
    until(lambda: banner.count() == 0)

    # Away, and back.
    away = server.home.root.rename(small_disk / "away")
    refused = write()
    assert (refused.status_code, refused.json()["code"]) == (503, "home_gone")
    until(lambda: banner.count() == 1 and "is not there" in banner.inner_text())
    assert trainer.alive() and server.get("/runs")["runs"], "what was known stays"
    assert not server.home.root.exists(), "nothing makes an empty one in its place"
    before = step()
    away.rename(server.home.root)
    until(well)
    until(lambda: banner.count() == 0)
    until(lambda: step() > before + 5)
    assert run.run_json.read_bytes() == first

    # One run's directory, then the whole home, deleted for good.
    shutil.rmtree(run.root, ignore_errors=True)
    until(lambda: server.http.get(f"/runs/{run_id}").status_code == 404)
    assert trainer.alive() and well()
    shutil.rmtree(server.home.root, ignore_errors=True)
    until(lambda: [one["code"] for one in server.get("/home")["problems"]] == ["home_gone"])
    assert trainer.alive() and server.http.get("/runs").status_code == 200 and write().status_code == 503
