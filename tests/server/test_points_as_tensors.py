"""All points as safetensors: what JSON tells, as the bits that were logged, under names that are taken apart safely."""

from __future__ import annotations

import json
import math
import struct
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from console_server import ConsoleServer
from written_run import Written

from gladius.client import Client
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.points import Part
from gladius.wire.tensors import header_of, read_tensors

ODD = ["a/step", "a/step/value@1", "__metadata__", "", "/", '"\\\n\u2028', "потери/é🜲", "../../etc/passwd", "a" * 3000]
COUNT = 300


@pytest.fixture
def run(home: Home) -> Written:
    """Two attempts of which the second goes back; one metric has all that a place may lack, one an epoch below zero."""
    run = Written(home, Identity.current())
    run.begin(1, total_steps=COUNT).steps(0, 120, loss=3.0)
    run.begin(2, resumed_from={"checkpoint": "x", "step": 99})
    for step in range(100, COUNT):
        run.trainer.metrics({"train/loss": step / 3}, step, step / 10, step * 80)
    for value in (math.nan, math.inf, -math.inf, -0.0, 5e-324):
        run.trainer.metrics({"odd": value, **dict.fromkeys(ODD, 0.1 + 0.2)}, None, None, None)
    run.trainer.metrics({"odd": 1.5}, 7, None, None)
    for step in (7, 8):
        run.trainer.metrics({"before": 1.0}, step, -1.0, 0)
    return run


def test_they_are_what_json_tells(run: Written, serve: Callable[..., ConsoleServer]) -> None:
    server, path = serve(), f"/runs/{run.directory.run_id}/metrics"
    for asked in (
        {"max_points": 1000, "superseded": True},
        {"max_points": 50},
        {"name": ["train/loss", "no/such"], "from_step": 40, "to_step": 60},
        {"name": ["train/loss"], "max_points": 30, "superseded": True, "from_step": 60},
    ):
        told = server.get(path, **asked)
        answer = server.http.get(path, params={**asked, "format": "safetensors"})
        assert answer.headers["content-type"] == "application/octet-stream"
        found, facts = read_tensors(answer.content)
        assert {key: int(seq) for key, seq in facts.items()} == {key: told[key] for key in ("cursor", "supervisor")}
        expected = {f"{name}/{key}": numbers for name, one in told["series"].items() for key, numbers in one.items()}
        for name, attempts in (told["superseded"] or {}).items():
            for one in attempts:
                at = one.pop("attempt")
                expected |= {f"{name}/{key}@{at}": numbers for key, numbers in one.items()}
        assert set(found) == {key for key, numbers in expected.items() if numbers is not None}
        for key, numbers in found.items():
            assert [as_json(key, one) for one in numbers] == expected[key], key
    assert "train/loss/value@1" in found and "train/loss/min" in found and "no/such/value" not in found


def as_json(key: str, number: float) -> object:
    column = key.rpartition("/")[2].partition("@")[0]
    if column in ("value", "min", "max"):
        return number if math.isfinite(number) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")
    return None if number != number or (column in ("step", "log_offset") and number < 0) else number


def test_python_takes_them_as_lists_and_as_a_frame(
    run: Written, serve: Callable[..., ConsoleServer], home: Home
) -> None:
    serve()
    with Client(home=home) as client:
        handle = client.run(run.directory.run_id)
        lists = handle.metrics(frame=False)
        thinned = handle.metrics("train/loss", max_points=20, frame=False)["train/loss"]
        pytest.importorskip("pandas")
        frame = handle.metrics(frame=True)
    assert set(lists) == {"train/loss", "odd", "before", *ODD}
    assert lists["odd"]["step"] == [None] * 5 + [7] and lists["odd"]["epoch"] == [None] * 6
    assert lists["before"]["epoch"] == [-1.0, -1.0]
    assert repr(lists["odd"]["value"]) == "[nan, inf, -inf, -0.0, 5e-324, 1.5]" == repr(lists["odd"]["max"])
    assert lists["train/loss"]["log_offset"][98:102] == [None, None, 8000, 8080]
    assert any(low < high for low, high in zip(thinned["min"], thinned["max"], strict=True))
    assert list(frame) == ["name", "step", "epoch", "time", "log_offset", "value", "min", "max"]
    for name, columns in lists.items():
        part = frame[frame["name"] == name]
        for key, numbers in columns.items():
            known = [math.nan if one is None else one for one in numbers]
            assert bits(part[key]) == bits(known), (name, key)


def bits(numbers: Any) -> list[bytes]:
    return [struct.pack("d", one) for one in numbers]


def test_the_formats_own_library_reads_it_and_another_format_is_refused(
    run: Written, serve: Callable[..., ConsoleServer]
) -> None:
    library = pytest.importorskip("safetensors.numpy")
    server, path = serve(), f"/runs/{run.directory.run_id}/metrics"
    content = server.http.get(path, params={"format": "safetensors", "superseded": True}).content
    ours, _ = read_tensors(content)
    theirs = library.load(content)
    assert {name: one.tobytes() for name, one in theirs.items()} == {name: one.tobytes() for name, one in ours.items()}
    assert {str(one.dtype) for one in theirs.values()} == {"int64", "float64"}
    again, facts = read_tensors(library.save(theirs, {"who": "they"}))
    assert {name: one.tobytes() for name, one in again.items()} == {name: one.tobytes() for name, one in ours.items()}
    assert facts == {"who": "they"}
    refused = server.http.get(path, params={"format": "parquet"})
    assert refused.status_code == 422 and "'json' or 'safetensors'" in json.dumps(refused.json(), ensure_ascii=False)


@pytest.mark.parametrize("count", [0, 1, 2048, 30_000])
def test_numbers_begin_where_a_number_may_and_none_is_lost(count: int) -> None:
    columns = {"a/step": array("q", range(count)), "é/value": array("d", [math.nan] * count), "/": array("d")}
    header, size = header_of(((name, one.typecode, len(one)) for name, one in columns.items()), {"cursor": "9"})
    content = header + b"".join(piece.tobytes() for one in columns.values() for piece in Part(one).pieces())
    assert len(header) % 8 == 0 and len(content) == size
    found, facts = read_tensors(content)
    assert {name: one.tobytes() for name, one in found.items()} == {
        name: one.tobytes() for name, one in columns.items()
    }
    assert facts == {"cursor": "9"}
