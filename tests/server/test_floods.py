"""More output than anybody can take, bytes that are no text, clients that take nothing, a line that is cut all the time.

`python -m bench floods` does the same at full size and with a clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from console_server import ConsoleServer, Listener

from bench.bad_proxy import BadProxy, Returning, stalled
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home, RunDir

Serve = Callable[..., ConsoleServer]
Until = Callable[..., object]
Spawn = Callable[..., object]

# It prints as fast as it can for a second, then one line of 32 MB, and writes down what it printed.
FLOOD = """
import hashlib, os, sys, time
told, began, size = hashlib.sha256(), time.monotonic(), 0
block = bytes(range(256)) * 64 + b"\\xff\\xfe \\xc3( \\xed\\xa0\\x80 cut \\xe2\\x82\\n\\xf0\\x9f\\x98\\n" * 2000 + b"step 1 loss: 0.5\\n" * 4000
def say(data):
    told.update(data)
    while data:
        data = data[os.write(1, data):]
while time.monotonic() - began < 1:
    say(block)
    size += len(block)
say(b"\\nbefore the long line\\n")
for _ in range(32):
    say(b"long" * (1 << 18))
say(b"\\nthe end, val_loss: 0.25\\n")
open(sys.argv[1], "w").write(told.hexdigest())
"""
STEADY = """
import time, gladius
with gladius.start(total_epochs=1, steps_per_epoch=10**6) as run:
    for step, _ in run.steps(range(10**6)):
        run.log({"train/loss": 1.0})
        print("step", step, "and some words about it", flush=True)
        time.sleep(0.01)
"""


def begin(spawn: Spawn, home: Home, until: Until, *command: object) -> tuple[object, RunDir]:
    """A real supervisor and trainer."""
    process = spawn(
        sys.executable,
        "-m",
        "gladius.cli.main",
        "run",
        "--",
        sys.executable,
        "-c",
        *command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: any(one.events.exists() or one.console_log.exists() for one in home.all_runs()))
    return process, next(iter(home.all_runs()))


def find(server: ConsoleServer, run: RunDir, words: str, newest: bool) -> int:
    """Where a line is, over as many requests as that takes."""
    following: dict[str, int] | None = {}
    while following is not None:
        known = {key: value for key, value in following.items() if value is not None}
        page = server.get(f"/runs/{run.run_id}/console/find", q=words, newest=newest, limit=1, **known)
        if page["hits"]:
            return int(page["hits"][0]["offset"])
        following = page["next"]
    pytest.fail(f"'{words}' was not found")


def test_a_flood_of_any_bytes_is_kept_exactly_heard_or_counted_and_its_last_numbers_are_read(
    home: Home, spawn: Spawn, serve: Serve, until: Until, tmp_path: Path
) -> None:
    server = serve()
    resident = psutil.Process(server.process.pid).memory_info().rss
    process, run = begin(spawn, home, until, FLOOD, tmp_path / "told")
    until(lambda: any(one["run_id"] == run.run_id for one in server.get("/runs")["runs"]))
    heard = Listener(server, [run.run_id], ["console"])
    until(lambda: process.poll() is not None, timeout=90)
    size = run.console_log.stat().st_size

    def end() -> int:
        return sum(one["length"] for one in heard.of("console")) + sum(
            one["skipped"]["console"] for one in heard.of("gap")
        )

    until(lambda: end() == size, timeout=60)
    told = (tmp_path / "told").read_text()
    with server.http.stream("GET", f"/runs/{run.run_id}/export", params={"format": "log"}) as answer:
        exported = hashlib.sha256()
        for chunk in answer.iter_raw():
            exported.update(chunk)
    assert exported.hexdigest() == told == hashlib.sha256(run.console_log.read_bytes()).hexdigest()
    assert sum(one["length"] for one in heard.of("console")) < 20 << 20, "more than a screen can draw was sent"
    assert heard.of("console")[-1]["text"].endswith("the end, val_loss: 0.25\n")
    for newest in (True, False):
        place = find(server, run, "before the long line", newest)
        assert place == size - len("before the long line\n\nthe end, val_loss: 0.25\n") - (32 << 20)
    metrics = [one for one in EventReader(run.supervisor_events).read_all() if one["type"] == "metrics"]
    assert metrics[-1]["values"] == {"eval/loss": 0.25}
    assert psutil.Process(server.process.pid).memory_info().rss - resident < 50e6
    heard.close()


def test_each_byte_and_each_wrong_character_is_shown_as_it_was_cut_anywhere(
    home: Home, serve: Serve, until: Until
) -> None:
    run = home.new_run("script", {"source": "script"})
    run.console_log.write_bytes(b"")
    heard = Listener(serve(), [run.run_id], ["console"])
    raw = bytes(range(256)) + b"\xf0\x9f\x98\x80 \xe2\x82\xac \xed\xa0\x80 \xc0\x80 \xf8\x88\x80\x80\x80 \xc3(\n"
    with run.console_log.open("ab", buffering=0) as file:
        for place in range(len(raw)):
            file.write(raw[place : place + 1])
    until(
        lambda: (
            heard.of("console") and heard.of("console")[-1]["offset"] + heard.of("console")[-1]["length"] == len(raw)
        )
    )
    text, length = "", 0
    for one in heard.of("console"):
        assert one["offset"] == length
        length += one["length"]
        text += one["text"]
    assert text == raw.decode("utf-8", "replace")
    heard.close()


@pytest.fixture
def steady(home: Home, spawn: Spawn, serve: Serve, until: Until) -> tuple[ConsoleServer, RunDir]:
    server = serve()
    _, run = begin(spawn, home, until, STEADY)
    until(lambda: len(EventReader(run.events).read_all()) > 5)
    until(lambda: any(one["run_id"] == run.run_id for one in server.get("/runs")["runs"]))
    return server, run


def test_clients_that_take_nothing_keep_nobody_waiting(steady: tuple[ConsoleServer, RunDir], until: Until) -> None:
    server, run = steady
    with run.console_log.open("ab") as file:
        file.write(b"much of it\n" * 1_000_000)
    process = psutil.Process(server.process.pid)
    resident = process.memory_info().rss
    connections = [stalled(server.port, server.token, run.run_id) for _ in range(20)]
    heard = Listener(server, [run.run_id], ["metrics"])
    until(lambda: len(heard.events()) > 200)
    assert (process.memory_info().rss - resident) / len(connections) < 1e6
    for connection in connections:
        connection.close()
    heard.close()


def test_three_hundred_reconnects_through_a_bad_proxy_leave_no_gap_and_no_double(
    steady: tuple[ConsoleServer, RunDir],
) -> None:
    server, run = steady
    clients = [Returning(server.token, run.run_id) for _ in range(10)]

    async def keep_coming() -> None:
        async with BadProxy(server.port, seed=time.time_ns() % 1_000_000) as proxy:
            for _ in range(30):
                await asyncio.gather(*(client.come_back(proxy.port) for client in clients))
        wanted = {"events": EventReader(run.events).read_all()[-1]["seq"], "console": run.console_log.stat().st_size}
        await asyncio.gather(*(client.catch_up(server.port, wanted) for client in clients))

    asyncio.run(keep_coming())
    data = run.console_log.read_bytes()
    for client in clients:
        assert (client.gaps, client.doubles) == (0, 0)
        assert client.console.hexdigest() == hashlib.sha256(data[: client.cursors["console"]]).hexdigest()
