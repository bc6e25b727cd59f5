"""Any double that a trainer logs comes out of every door as the same sixty-four bits: HTTP, socket, exports."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import struct
from collections.abc import Callable

from console_server import ConsoleServer
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.wire.tensors import read_tensors

COUNT = 2000
EDGES = (
    0.1 + 0.2,
    -0.0,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    1 / 3,
    2.0**53 + 2,
    1e22,
    123456789.12345679,
)


def doubles(seed: int) -> list[float]:
    """The awkward ones, then any bits that are a number."""
    chance = random.Random(seed)
    drawn = (struct.unpack("d", chance.randbytes(8))[0] for _ in range(COUNT))
    return [*EDGES, *filter(math.isfinite, drawn)]


def bits(values: list[float]) -> list[str]:
    return [struct.pack(">d", value).hex() for value in values]


def test_every_door_gives_the_same_bits(home: Home, serve: Callable[..., ConsoleServer]) -> None:
    seed = random.randrange(2**32)
    logged = doubles(seed)
    run = Written(home, Identity.current())
    run.begin(1, total_epochs=1)
    for step, value in enumerate(logged):
        run.trainer.metrics({"train/loss": value}, step, None, None)
    server, path = serve(), f"/runs/{run.directory.run_id}"
    asked = server.get(f"{path}/metrics", max_points=100_000)["series"]["train/loss"]
    tensors = server.http.get(f"{path}/metrics", params={"max_points": 100_000, "format": "safetensors"})
    document = server.http.get(f"{path}/export", params={"format": "json"}).json()
    table = csv.DictReader(io.StringIO(server.http.get(f"{path}/export", params={"format": "csv"}).text))
    subscribe = {"type": "subscribe", "runs": [run.directory.run_id], "topics": ["metrics"]}
    heard: list[float] = []
    with server.connect() as socket:
        socket.send(json.dumps(subscribe | {"cursors": {run.directory.run_id: {"events": -1}}}))
        while len(heard) < len(logged):
            told = json.loads(socket.recv(timeout=20))
            heard += [one["values"]["train/loss"] for one in told.get("events", ()) if one["type"] == "metrics"]
    doors = {
        "lines": [json.loads(line)["values"]["train/loss"] for line in run.directory.events.read_text().splitlines() if '"metrics"' in line],
        "metrics": asked["value"],
        "tensors": read_tensors(tensors.content)[0]["train/loss/value"].tolist(),
        "json": document["series"]["train/loss"]["value"],
        "csv": [float(row["train/loss"]) for row in table],
        "socket": heard,
    }  # fmt: skip
    for door, values in doors.items():
        assert bits(values) == bits(logged), f"{door}, seed {seed}"
