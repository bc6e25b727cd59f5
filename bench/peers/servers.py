"""Each program's server on a run of many points: how it is started and asked. Upstream: environments. Downstream: reading, browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from bench.peers.client import QUIET
from bench.peers.environments import Environment
from gladius.wire.tensors import read_tensors

METRIC = "train/loss"
_KEY = quote(METRIC, safe="")
_START_S = 120.0
_HERE = Environment("gladius", Path(sys.prefix), {})
"""Where we are installed who measure: Gladius is served from it."""


@dataclass
class Answering:
    """A server that answers, and how long that took from its start."""

    port: int
    process: subprocess.Popen[bytes]
    started_in_s: float
    headers: dict[str, str]

    def get(self, path: str, body: Any = None) -> Any:
        """Return the JSON of a path; see `ask`."""
        return json.loads(self.ask(path, body))

    def ask(self, path: str, body: Any = None) -> bytes:
        """Return what a path answers; POST where there is a body. Raises ValueError for another answer than 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)
        with contextlib.closing(connection):
            sent = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request("GET" if body is None else "POST", path, sent, {**self.headers, **kind})
            answer = connection.getresponse()
            content: bytes = answer.read()
        if answer.status != 200:
            raise ValueError(f"{path} answered {answer.status}")
        return content

    def status(self, path: str) -> int:
        """The status that a path answers with."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=self.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def pss_mb(self) -> float:
        """Memory of the server and all that it has started; what processes share is counted once."""
        mine = [self.process_tree(), *self.process_tree().children(recursive=True)]
        total = 0
        for one in mine:
            with contextlib.suppress(psutil.Error, OSError):
                total += one.memory_full_info().pss
        return total / 1e6

    def process_tree(self) -> psutil.Process:
        """The server's own process."""
        return psutil.Process(self.process.pid)


@dataclass(frozen=True)
class Kind:
    """How one program serves what its client has written."""

    command: Callable[[Environment, str, int], list[str]]
    points: Callable[[Answering, str], bytes]
    """Ask for all points of the metric of a run; the answer as it came, for its reader's time is not the server's."""
    count: Callable[[bytes], int]
    """How many points are in such an answer."""
    newest: Callable[[Answering, str], int]
    """The newest step that the API tells of; raises where it knows none."""
    asked: str
    page: str = "/"
    first: str = "/"


def _gladius(_: Environment, folder: str, port: int) -> list[str]:
    return [sys.executable, "-m", "gladius.cli.main", "up", "--no-browser", "--port", str(port), "--home", folder]


def _gladius_points(server: Answering, run: str) -> bytes:
    return server.ask(f"/api/v1/runs/{run}/metrics?name={_KEY}&max_points=100000&format=safetensors")


def gladius_json(server: Answering, run: str) -> bytes:
    """All points in the form that a page or curl asks for."""
    return server.ask(f"/api/v1/runs/{run}/metrics?name={_KEY}&max_points=100000")


def count_in_json(answer: bytes) -> int:
    """How many points are in such an answer."""
    return len(json.loads(answer)["series"][METRIC]["value"])


def gladius_decimated(server: Answering, run: str) -> bytes:
    """What the page asks for."""
    return server.ask(f"/api/v1/runs/{run}/metrics?name={_KEY}&max_points=2000")


def _tensorboard(environment: Environment, folder: str, port: int) -> list[str]:
    # --samples_per_plugin scalars=0 is said to keep all and keeps none with the loader that 2.21 takes by default.
    return [
        environment.program("tensorboard"), "--logdir", f"{folder}/tb", "--host", "127.0.0.1", "--port", str(port),
        "--samples_per_plugin", "scalars=1000000", "--reload_interval", "1",
    ]  # fmt: skip


def _tensorboard_points(server: Answering, _: str) -> bytes:
    return server.ask(f"/data/plugin/scalars/scalars?run=r1&tag={_KEY}")


def _trackio(environment: Environment, _: str, port: int) -> list[str]:
    show = f"trackio.show(project='bench', open_browser=False, host='127.0.0.1', server_port={port}, block_thread=True)"
    return [environment.python, "-c", f"import trackio; {show}"]


def _trackio_points(server: Answering, _: str) -> bytes:
    return server.ask("/api/get_metric_values", {"project": "bench", "run": "r1", "metric_name": METRIC})


def _mlflow(environment: Environment, folder: str, port: int) -> list[str]:
    store = f"sqlite:///{folder}/mlflow.db"
    return [environment.program("mlflow"), "ui", "--backend-store-uri", store, "--port", str(port), "--workers", "1"]


def _mlflow_points(server: Answering, run: str) -> bytes:
    return server.ask(f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={_KEY}")


def _mlflow_newest(server: Answering, run: str) -> int:
    return int(server.get(f"/api/2.0/mlflow/runs/get?run_id={run}")["run"]["data"]["metrics"][0].get("step", 0))


def _aim(environment: Environment, folder: str, port: int) -> list[str]:
    return [environment.program("aim"), "up", "--repo", folder, "--host", "127.0.0.1", "--port", str(port), "--yes"]


def _aim_points(server: Answering, _: str) -> bytes:
    asked = quote(f'metric.name == "{METRIC}"', safe="")
    return server.ask(f"/api/runs/search/metric/?q={asked}&p=100000&report_progress=false")


def _aim_newest(server: Answering, run: str) -> int:
    found = server.get(f"/api/runs/{run}/metric/get-batch/", [{"name": METRIC, "context": {}}])
    return int(found[0]["iters"][-1])


def _swanlab(environment: Environment, folder: str, port: int) -> list[str]:
    return [environment.program("swanlab"), "watch", f"{folder}/swanlog", "--host", "127.0.0.1", "--port", str(port)]


def _swanlab_points(server: Answering, _: str) -> bytes:
    return server.ask(f"/api/v1/experiment/1/tag/{_KEY}")


SERVERS: dict[str, Kind] = {
    "gladius": Kind(
        _gladius,
        _gladius_points,
        lambda answer: len(read_tensors(answer)[0][f"{METRIC}/value"]),
        lambda server, run: int(server.get(f"/api/v1/runs/{run}")["step"]),
        "all points with step and time, as safetensors",
        page="/runs/{run}",
        first="/api/v1/health",
    ),
    "trackio": Kind(
        _trackio,
        _trackio_points,
        lambda answer: len(json.loads(answer)["data"]),
        lambda server, run: int(json.loads(_trackio_points(server, run))["data"][-1]["step"]),
        "get_metric_values",
        page="/?project=bench",
    ),
    "tensorboard": Kind(
        _tensorboard,
        _tensorboard_points,
        lambda answer: len(json.loads(answer)),
        lambda server, run: int(json.loads(_tensorboard_points(server, run))[-1][1]),
        "scalars, told to keep a million, and to look for new ones each second",
        page="/#timeseries",
    ),
    "mlflow": Kind(
        _mlflow,
        _mlflow_points,
        lambda answer: len(json.loads(answer)["metrics"]),
        _mlflow_newest,
        "get-history of `mlflow ui` with one worker",
    ),
    # Aim's search answers in a binary form of its own: sixteen bytes a point, and a little more around them.
    "aim": Kind(_aim, _aim_points, lambda answer: len(answer) // 16, _aim_newest, "search of 100,000 points"),
    "swanlab": Kind(
        _swanlab,
        _swanlab_points,
        lambda answer: len(json.loads(answer)["data"]["list"]),
        lambda server, run: int(json.loads(_swanlab_points(server, run))["data"]["list"][-1]["index"]),
        "tag, which it decimates by itself",
    ),
}


@contextlib.contextmanager
def serving(peer: str, environment: Environment | None, folder: str) -> Iterator[Answering]:
    """Start a peer's server on what lies in `folder`, and end it with all that it has started. Raises RuntimeError."""
    kind, port = SERVERS[peer], free_port()
    env = {**os.environ, **QUIET, "TRACKIO_DIR": f"{folder}/trackio", "PYTHONUNBUFFERED": "1"}
    env.pop("GLADIUS_RUN_DIR", None)
    start = time.perf_counter()
    with (Path(folder) / "server.log").open("wb") as told:
        process = subprocess.Popen(
            kind.command(environment or _HERE, folder, port), cwd=folder, env=env, stdout=told, stderr=subprocess.STDOUT
        )
    server = Answering(port, process, 0.0, {})
    try:
        _wait(server, kind, Path(folder) / "server.log")
        server.started_in_s = time.perf_counter() - start
        if peer == "gladius":
            facts = json.loads((Path(folder) / "server.json").read_text(encoding="utf-8"))
            server.headers = {"Authorization": f"Bearer {facts['token']}"}
        yield server
    finally:
        _end(process)


def _wait(server: Answering, kind: Kind, told: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if server.status(kind.first) < 500:
                return
        if server.process.poll() is not None:
            raise RuntimeError("the server ended: " + told.read_text(errors="replace")[-300:])
        time.sleep(0.005)
    raise RuntimeError(f"no answer within {_START_S:g} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        for one in family:
            with contextlib.suppress(psutil.Error):
                one.kill()
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
