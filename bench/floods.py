"""A trainer that prints as fast as the disk takes it, beside a person who steers it. Upstream: a real run. Downstream: rows.

100 MB/s for a minute, a line of 1 GB, bytes that are no UTF-8 and every control byte; meanwhile the run is steered over HTTP,
heard over the socket, and its log read and searched. `GLADIUS_FLOOD_S` makes it shorter.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench import floods_clients
from bench.rows import Row
from bench.server import Server, running_server
from gladius.client import Client
from gladius.client.run import RunHandle
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home, RunDir

SECONDS = int(os.environ.get("GLADIUS_FLOOD_S", "60"))
RATE = 100 << 20
LINE_BYTES = 1 << 30
QUIET_S = 5.0
EVERY_S = 0.4
_BEFORE, _AFTER, _LONG = "the flood begins", "the flood is over", "the long line is over"

# It hashes what it hands to its descriptor. The loop goes on logging and obeying meanwhile.
TRAINER = f"""
import hashlib, os, sys, threading, time
import gladius

SECONDS, RATE, LINE = (int(word) for word in sys.argv[1:4])
lines = b"".join(b"%08d \\x1b[32mloss\\x1b[0m 0.%04d \\xd1\\x82\\xd1\\x82\\n" % (i, i % 9973) for i in range(30_000))
every_byte = bytes(range(256)) * 64
not_utf8 = b"\\xff\\xfe \\xc3( \\xed\\xa0\\x80 \\xf0\\x9f\\x98 cut \\xe2\\x82\\n" * 400
block = lines[: (1 << 20) - len(every_byte) - len(not_utf8)] + every_byte + not_utf8
told = hashlib.sha256()
rate = [0.1]


def say(data):
    told.update(data)
    while data:
        data = data[os.write(1, data):]


def flood():
    time.sleep({QUIET_S})
    say(b"{_BEFORE}\\n")
    began, blocks = time.monotonic(), 0
    while time.monotonic() - began < SECONDS:
        say(block)
        blocks += 1
        time.sleep(max(0.0, began + blocks * len(block) / RATE - time.monotonic()))
    say(b"\\n{_AFTER}\\n")
    piece = b"one line " * 116_508
    for _ in range(LINE // len(piece)):
        say(piece)
    say(b"\\n{_LONG}\\n")
    open(os.environ["GLADIUS_FLOOD_DIGEST"], "w").write(told.hexdigest())


writer = threading.Thread(target=flood)
with gladius.start(total_epochs=1, steps_per_epoch=100_000) as run:
    run.adjustable("learning_rate", get=lambda: rate[0], set=lambda value: rate.__setitem__(0, value), min=0)
    writer.start()
    for step, _ in run.steps(range(100_000)):
        time.sleep(0.05)
        run.log({{"train/loss": 1.0}})
"""


def measure() -> list[Row]:
    """The flood, then clients that stall and clients that are cut off."""
    return [*_under_flood(), *floods_clients.measure()]


def _under_flood() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="gladius-bench-") as folder, running_server(Path(folder)) as server:
        digest = Path(folder) / "digest"
        words = [sys.executable, "-c", TRAINER, str(SECONDS), str(RATE), str(LINE_BYTES)]
        trainer = subprocess.Popen(
            [sys.executable, "-m", "gladius.cli.main", "run", "--", *words],
            env={**os.environ, "GLADIUS_HOME": folder, "GLADIUS_FLOOD_DIGEST": str(digest)},
            stdout=subprocess.DEVNULL,
        )
        with Client(url=server.url, token=server.token) as client:
            _until(lambda: [one for one in client.runs() if one.state == "running"])
            run, directory = client.run("latest"), next(iter(Home(folder).all_runs()))
            watch = _Watch(server, directory)
            try:
                with watch.going_on():
                    _until(lambda: (run.summary().step or 0) > 5)
                    watch.begin()
                    steered = _steer(run, directory, digest.exists)
                    watch.end()
                exported = _exported(server, run)
                found = _search(server, run.id)
            finally:
                # A measurement that fails leaves no trainer behind.
                run.stop(checkpoint=False)
                trainer.wait(timeout=120)
        return _rows(watch, steered, exported == digest.read_text(), found, directory)


def _rows(watch: _Watch, steered: list[float], whole: bool, found: list[float], directory: RunDir) -> list[Row]:
    size = directory.console_log.stat().st_size
    wrote = (size - LINE_BYTES) / SECONDS / 1e6
    how = (
        f"{wrote:.0f} MB/s for {SECONDS} s, then a line of {LINE_BYTES / 1e9:.1f} GB; {len(steered)} commands over HTTP"
    )
    heard = watch.heard
    heard_how = f"{heard['bytes'] / 1e6:.0f} MB heard and {heard['skipped'] / 1e6:.0f} MB told as skipped, each byte one of the two"
    return [
        Row("server memory under a flood, growth", "MB", watch.growth("server"), 50, "max", how=f"{how}; resident, children included"),
        Row("supervisor memory under a flood, growth", "MB", watch.growth("supervisor"), 10, "max", how=how),
        Row("command to accepted under a flood, p99", "ms", steered, 250, "p99", how=how),
        Row("fsync of 100 bytes beside the flood, p99", "ms", watch.syncs, None, "p99", how="by nobody of ours: what the disk alone takes"),
        Row("page of the log under a flood, p99", "ms", watch.pages, None, "p99", how="256 KiB from its end over HTTP"),
        Row("bytes of the exported log that differ", "", [0.0 if whole else 1.0], 0, "max", how=f"SHA-256 of {size / 1e9:.1f} GB"),
        Row("bytes of the log neither heard nor told as skipped", "", [float(heard["lost"])], 0, "max", how=heard_how),
        Row("search of a log with a line of 1 GB", "ms", found, 2500, "max", how=f"each request; {size / 1e9:.1f} GB from both ends"),
    ]  # fmt: skip


class _Watch:
    """Looks at processes, disk and log while others work."""

    def __init__(self, server: Server, directory: RunDir) -> None:
        self._server, self._directory = server, directory
        self._samples: dict[str, list[float]] = {"server": [], "supervisor": []}
        self._base: dict[str, float] = {}
        self._over = threading.Event()
        self.syncs: list[float] = []
        self.pages: list[float] = []
        self.heard = {"bytes": 0, "skipped": 0, "lost": 0}

    def going_on(self) -> _Going:
        works = (self._sample, self._sync, self._read, self._hear)
        return _Going([threading.Thread(target=work) for work in works], self._over)

    def begin(self) -> None:
        """From here on everything counts as growth."""
        self._base = {name: max(samples) for name, samples in self._samples.items()}
        self.pages.clear()
        self.syncs.clear()

    def end(self) -> None:
        self._over.set()

    def growth(self, name: str) -> list[float]:
        return [one - self._base[name] for one in self._samples[name]]

    def _sample(self) -> None:
        roots = {"server": self._server.pid, "supervisor": _supervisor(self._directory)}
        while not self._over.wait(0.25):
            for name, pid in roots.items():
                process = psutil.Process(pid)
                family = [process, *(process.children(recursive=True) if name == "server" else ())]
                self._samples[name].append(sum(map(_resident, family)) / 1e6)

    def _sync(self) -> None:
        with (self._directory.root / "beside").open("ab", buffering=0) as file:
            while not self._over.wait(EVERY_S):
                file.write(b"x" * 100)
                began = time.perf_counter()
                os.fsync(file.fileno())
                self.syncs.append((time.perf_counter() - began) * 1000)

    def _read(self) -> None:
        with _http(self._server) as http:
            path = f"/runs/{self._directory.run_id}/console"
            while not self._over.wait(EVERY_S):
                began = time.perf_counter()
                assert http.get(path, params={"offset": -(1 << 18), "limit": 1 << 18}).status_code in (200, 206)
                self.pages.append((time.perf_counter() - began) * 1000)
                if len(self.pages) % 8 == 1:
                    http.get(f"{path}/find", params={"q": "not there", "newest": "true"}).raise_for_status()

    def _hear(self) -> None:
        end = 0
        for message in _heard(self._server, self._directory.run_id, self._over):
            if message["type"] == "gap":
                end += message["skipped"]["console"]
                self.heard["skipped"] += message["skipped"]["console"]
            elif message["type"] == "console":
                self.heard["lost"] += abs(message["offset"] - end)
                end = message["offset"] + message["length"]
                self.heard["bytes"] += message["length"]


class _Going:
    def __init__(self, threads: list[threading.Thread], over: threading.Event) -> None:
        self._threads, self._over = threads, over

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def _heard(server: Server, run_id: str, over: threading.Event) -> Iterator[Any]:
    url, bearer = f"ws{server.url[4:]}/api/v1/stream", {"Authorization": f"Bearer {server.token}"}
    with connect(url, additional_headers=bearer, proxy=None, compression=None, max_size=None) as socket:
        socket.send(json.dumps({"type": "subscribe", "runs": [run_id], "topics": ["console", "metrics", "events"]}))
        while not over.is_set():
            try:
                yield json.loads(socket.recv(timeout=1))
            except TimeoutError:
                continue
            except ConnectionClosed as error:
                raise AssertionError("the server left a client that listened") from error


def _steer(run: RunHandle, directory: RunDir, over: Callable[[], bool]) -> list[float]:
    """Milliseconds from asking over HTTP to the `accepted` of the trainer, by the clock of its ack; pause and set in turn."""
    asked: dict[str, float] = {}
    ways: tuple[Callable[[], Any], ...] = (
        lambda: run.pause(wait=False),
        lambda: run.set("learning_rate", 0.1 + len(asked) / 1000, wait=False),
        lambda: run.resume(wait=False),
    )
    while not over():
        began = time.time()
        asked[str(ways[len(asked) % 3]())] = began
        time.sleep(max(0.0, began + EVERY_S - time.time()))
    _until(lambda: len(_accepted(directory)) >= len(asked))
    accepted = _accepted(directory)
    return [(accepted[id_] - began) * 1000 for id_, began in asked.items()]


def _accepted(directory: RunDir) -> dict[str, float]:
    events = EventReader(directory.events).read_all()
    return {one["command_id"]: one["time"] for one in events if one["type"] == "ack" and one["state"] == "accepted"}


def _exported(server: Server, run: RunHandle) -> str:
    told = hashlib.sha256()
    with _http(server) as http, http.stream("GET", f"/runs/{run.id}/export", params={"format": "log"}) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_raw(1 << 20):
            told.update(chunk)
    return told.hexdigest()


def _search(server: Server, run_id: str) -> list[float]:
    """Milliseconds of each request until both ends of the log have been searched to what stands there."""
    took = []
    with _http(server) as http:
        for newest, wanted in (("true", _LONG), ("false", _BEFORE), ("true", _AFTER), ("false", "nowhere")):
            place: dict[str, Any] = {}
            for _ in range(20 if wanted != "nowhere" else 5):
                began = time.perf_counter()
                query = {"q": wanted, "newest": newest, "limit": 1, **place}
                answer = http.get(f"/runs/{run_id}/console/find", params=query).raise_for_status().json()
                took.append((time.perf_counter() - began) * 1000)
                if answer["hits"] or answer["next"] is None:
                    break
                place = {key: value for key, value in answer["next"].items() if value is not None}
            assert bool(answer["hits"]) or wanted == "nowhere", f"'{wanted}' was not found"
    return took


def _http(server: Server) -> httpx.Client:
    headers = {"authorization": f"Bearer {server.token}"}
    return httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, trust_env=False, timeout=60)


def _supervisor(directory: RunDir) -> int:
    started = [one for one in EventReader(directory.supervisor_events).read_all() if one["type"] == "process"]
    return int(started[-1]["supervisor_pid"])


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0.0


def _until(condition: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {seconds:.0f} s")
        time.sleep(0.1)
