"""A run downloaded from a real server: what it is called, what it costs, what is refused."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest
from console_server import ConsoleServer
from scripted_run import ScriptedRun
from written_run import Written

from gladius.client import Client
from gladius.errors import RequestRejected
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home

Serve = Callable[..., ConsoleServer]
ROWS = 25_000
LOG_BYTES = 64 << 20


def test_a_living_run_is_exported_in_every_format(serve: Serve, train: Callable[..., ScriptedRun]) -> None:
    run = train(name="Опыт 1")
    run.order(steps=50)
    server = serve()
    path = f"/runs/{run.run_id}/export"
    table = server.http.get(path, params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [float(row["train/loss"]) for row in rows] == [5.0 / (step + 1) for step in range(50)]
    said = table.headers["content-disposition"]
    assert unquote(said.partition("UTF-8''")[2]) == f"Опыт 1 {run.run_id}.csv" and said.startswith("attachment;")
    assert server.http.get(path).headers["content-type"].startswith("text/csv")
    document = server.http.get(path, params={"format": "json"}).json()
    assert document["summary"]["name"] == "Опыт 1" and len(document["series"]["train/loss"]["value"]) == 50
    log = server.http.get(path, params={"format": "log"})
    assert log.content == run.directory.console_log.read_bytes() and log.headers["content-length"] == str(
        len(log.content)
    )
    archive = zipfile.ZipFile(io.BytesIO(server.http.get(path, params={"format": "zip"}).content))
    assert archive.testzip() is None and json.loads(archive.read("metrics.json"))["summary"]["run_id"] == run.run_id


def test_a_log_is_sent_byte_for_byte_and_its_name_misleads_nobody(
    serve: Serve, train: Callable[..., ScriptedRun]
) -> None:
    run = train(name='модель \u202egnp.exe"; x')
    server, path = serve(), f"/runs/{run.run_id}/export"
    empty = server.http.get(path, params={"format": "log"})
    assert (empty.status_code, empty.content) == (200, b"")
    run.order(print="x" * 2_000_000 + "\udcff\n")
    answer = server.http.get(path, params={"format": "log"})
    assert answer.content == b"x" * 2_000_000 + b"\xff\n"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment;") and disposition.endswith(f"{run.run_id}.log")
    assert "%E2%80%AE" not in disposition and "%22" not in disposition


def test_an_unknown_format_is_refused_with_what_there_is(serve: Serve, train: Callable[..., ScriptedRun]) -> None:
    run, server = train(), serve()
    for wanted, words in (("xlsx", "no format"), ("parquet", "not yet"), ("", "no format")):
        answer = server.http.get(f"/runs/{run.run_id}/export", params={"format": wanted})
        (error,) = answer.json()["errors"]
        assert answer.status_code == 422 and error["field"] == "format"
        assert words in error["message"] and "csv, json, zip" in error["message"]
    assert server.http.get("/runs/nothing/export").status_code == 404


def test_the_client_writes_files_and_replaces_none_unasked(
    serve: Serve, train: Callable[..., ScriptedRun], tmp_path: Path
) -> None:
    run = train()
    run.order(steps=3)
    server = serve()
    with Client(url=server.url, token=server.token) as client:
        handle = client.run("latest")
        file = handle.export("csv", tmp_path)
        assert file == tmp_path / f"{run.run_id}.csv" and len(file.read_text().splitlines()) == 4
        with pytest.raises(FileExistsError):
            handle.export("csv", tmp_path)
        file.write_text("old")
        assert handle.export("csv", file, force=True) == file and file.read_text() != "old"
        assert json.loads(handle.export("json", tmp_path / "mine.json").read_text())["series"]
        with pytest.raises(RequestRejected, match="csv, json, zip"):
            handle.export("parquet", tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.slow
def test_a_long_run_is_sent_in_constant_memory_while_the_server_answers_others(serve: Serve, home: Home) -> None:
    written = Written(home, Identity.current())
    written.begin(1, total_epochs=1)
    values = {"train/loss": 0.1, "train/learning_rate": 1e-4, "train/grad_norm": 0.5}
    for step in range(ROWS):
        written.trainer.metrics(values, step, step / 1000, None)
    with written.directory.console_log.open("wb") as log:
        for _ in range(LOG_BYTES >> 20):
            log.write(b"step loss lr\n" * ((1 << 20) // 13))
    server = serve()
    server.get("/runs/latest")
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    sizes: list[int] = []

    def download() -> None:
        with Client(url=server.url, token=server.token) as client:
            sizes.append(client.run("latest").export("zip", home.root).stat().st_size)

    thread = threading.Thread(target=download)
    thread.start()
    peak, waits = before, []
    while thread.is_alive():
        began = time.monotonic()
        server.get("/health")
        waits.append(time.monotonic() - began)
        peak = max(peak, process.memory_info().rss)
        thread.join(0.05)
    grown = peak - before
    assert sizes and grown < 40 << 20, f"{grown / 1e6:.0f} MB more"
    assert sorted(waits)[len(waits) // 2] < 0.1, f"median answer after {sorted(waits)[len(waits) // 2]:.3f} s"
