"""What an export holds: every point, as it was written, whatever became of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from written_run import Written

from gladius.errors import FieldErrors
from gladius.exchange.export import Export, check_format, export, file_name
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.record import Steering, record
from gladius.store.view import RunView


def made(written: Written, wanted: str) -> Export:
    view: RunView = written.view()
    return export(view.directory, record(view, Steering()), check_format(wanted))


def whole(written: Written, wanted: str) -> bytes:
    return b"".join(made(written, wanted).chunks)


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


@pytest.fixture
def written(home: Home) -> Written:
    return Written(home, Identity.current())


@pytest.fixture
def resumed(written: Written) -> Written:
    """Two attempts: the second went back to step 2 and trained 3 and 4 again."""
    written.begin(1, total_epochs=1).steps(0, 5, loss=2.0)
    written.begin(2, total_epochs=1, resumed_from={"step": 2, "checkpoint": "step-2"})
    return written.steps(3, 6, loss=1.0)


def test_a_table_has_every_point_in_full_precision(written: Written) -> None:
    values = [0.1 + 0.2, 1e-300, 123456789.12345679, 5e-324, -0.0]
    written.begin(1, total_epochs=1)
    for step, value in enumerate(values):
        written.trainer.metrics({"train/loss": value, "a, b": 2}, step, step / 10, None)
    rows = table(whole(written, "csv"))
    assert [float(row["train/loss"]).hex() for row in rows] == [value.hex() for value in values]
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert {(row["attempt"], row["superseded_by"], row["a, b"]) for row in rows} == {("1", "", "2")}
    assert all(float(row["time"]) > 1e9 for row in rows)


def test_numbers_that_are_none_keep_their_names_and_what_was_not_logged_is_empty(written: Written) -> None:
    written.begin(1, total_epochs=1)
    written.trainer.metrics({"train/loss": float("nan"), "train/grad_norm": float("-inf")}, 0, None, None)
    written.trainer.metrics({"train/loss": float("inf")}, 1, None, None)
    first, second = table(whole(written, "csv"))
    assert (first["train/loss"], first["train/grad_norm"], first["epoch"]) == ("NaN", "-Infinity", "")
    assert (second["train/loss"], second["train/grad_norm"]) == ("Infinity", "")


def test_a_step_that_was_logged_in_two_calls_is_one_row_unless_something_was_said_twice(written: Written) -> None:
    written.begin(1, total_epochs=1)
    for values in ({"train/loss": 1.0}, {"eval/loss": 2.0}, {"eval/loss": 3.0}):
        written.trainer.metrics(values, 7, 0.5, None)
    rows = table(whole(written, "csv"))
    assert [(row["train/loss"], row["eval/loss"]) for row in rows] == [("1.0", "2.0"), ("", "3.0")]


def test_points_that_a_later_attempt_trained_again_are_kept_and_told_apart(resumed: Written) -> None:
    rows = table(whole(resumed, "csv"))
    assert [(row["attempt"], row["step"], row["superseded_by"]) for row in rows] == [
        ("1", "0", ""), ("1", "1", ""), ("1", "2", ""), ("1", "3", "2"), ("1", "4", "2"),
        ("2", "3", ""), ("2", "4", ""), ("2", "5", ""),
    ]  # fmt: skip
    kept = [float(row["train/loss"]) for row in rows if not row["superseded_by"]]
    view = resumed.view()
    assert kept == view.table.column("train/loss", 100)["value"], "the page shows the same"


def test_parsed_numbers_count_until_the_trainer_speaks_for_itself(written: Written) -> None:
    written.begin(1)
    written.supervisor.metrics({"train/loss": 9.0}, 0, None, 0)
    assert [row["train/loss"] for row in table(whole(written, "csv"))] == ["9.0"]
    written.trainer.write("hello", {"run_id": written.directory.run_id, "pid": 1, "host": "here"})
    written.steps(0, 2)
    assert [row["train/loss"] for row in table(whole(written, "csv"))] == ["1.0", "1.0"]


def test_a_metric_that_is_called_like_a_column_has_one_of_its_own(written: Written) -> None:
    written.begin(1, total_epochs=1).trainer.metrics({"epoch": 4.0}, 0, 0.25, None)
    (row,) = table(whole(written, "csv"))
    assert (row["epoch"], row["values/epoch"]) == ("0.25", "4.0")


def test_a_document_holds_the_run_and_every_series(resumed: Written) -> None:
    resumed.trainer.metrics({"train/loss": float("nan")}, None, None, None)
    resumed.trainer.write("hyperparameters", {"name": "lr", "old": 1.0, "new": 0.5, "step": 5})
    resumed.trainer.write("checkpoint", {"step": 5, "path": "checkpoints/step-5", "kind": "auto"})
    found: dict[str, Any] = json.loads(whole(resumed, "json"))
    assert found["summary"]["run_id"] == resumed.directory.run_id and found["config"] == {"lr": 0.1}
    assert [one["new"] for one in found["hyperparameters"]] == [0.5]
    assert [one["step"] for one in found["checkpoints"]] == [5]
    assert len(found["attempts"]) == 2 and found["commands"] == [] and found["report"] is None
    losses = found["series"]["train/loss"]
    assert {len(column) for column in losses.values()} == {9}
    assert losses["value"] == [2.0] * 5 + [1.0] * 3 + ["NaN"]
    assert losses["superseded_by"] == [None, None, None, 2, 2, None, None, None, None]
    assert (losses["step"][-1], losses["epoch"][-1], losses["attempt"][-1]) == (None, None, 2)


def test_a_series_longer_than_what_waits_in_memory_is_whole(written: Written) -> None:
    written.begin(1, total_epochs=1)
    for step in range(1300):
        written.trainer.metrics(
            {"train/loss": step / 7, **({"eval/loss": step} if step % 500 == 0 else {})}, step, None, None
        )
    series = json.loads(whole(written, "json"))["series"]
    assert series["train/loss"]["value"] == [step / 7 for step in range(1300)]
    assert series["eval/loss"]["step"] == [0, 500, 1000]


def test_an_archive_holds_the_files_as_written_and_their_checksums(resumed: Written) -> None:
    run = resumed.directory
    run.console_log.write_bytes(b"\x1b[31mred\xff\r\n" * 100_000)
    run.report_md.write_text("# report\n")
    run.report_json.write_text("{}")
    run.attempt_config(2).write_text("lr: 0.1  # a comment\n")
    data = whole(resumed, "zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        contents = {name: archive.read(name) for name in names}
    assert set(names) == {
        "metrics.csv", "metrics.json", "config.yaml", "report.md", "report.json", "events.jsonl", "supervisor.jsonl",
        "console.log", "README.md", "SHA256SUMS",
    }  # fmt: skip
    for name in ("console.log", "events.jsonl", "supervisor.jsonl", "report.md"):
        assert contents[name] == (run.root / name).read_bytes()
    assert contents["config.yaml"] == b"lr: 0.1  # a comment\n"
    assert contents["metrics.csv"] == whole(resumed, "csv")
    sums = dict(line.split("  ")[::-1] for line in contents["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(contents[name]).hexdigest() for name in names if name != "SHA256SUMS"}
    readme = contents["README.md"].decode()
    assert all(f"`{name}`" in readme for name in names if name not in ("README.md", "SHA256SUMS"))


def test_a_log_alone_is_as_long_as_when_it_was_asked_for(written: Written) -> None:
    written.begin(1)
    written.directory.console_log.write_bytes(b"before\n")
    export_ = made(written, "log")
    with written.directory.console_log.open("ab") as log:
        log.write(b"after\n")
    assert (export_.size, b"".join(export_.chunks)) == (7, b"before\n")


def test_a_run_that_logged_nothing_gives_a_head_and_empty_series(written: Written) -> None:
    assert whole(written, "csv") == b"step,epoch,time,attempt,superseded_by\n"
    assert json.loads(whole(written, "json"))["series"] == {}


def test_damaged_lines_cost_themselves_alone(written: Written) -> None:
    written.begin(1, total_epochs=1).steps(0, 2)
    with written.directory.events.open("ab") as stream:
        stream.write(
            b'{"metrics": \n[1,2]\n{"seq":0,"time":1,"attempt":1,"type":"metrics","values":{"train/loss":5}}\n'
        )
        stream.write(
            b'{"seq":99,"time":1,"attempt":1,"type":"metrics","step":2,"values":{"train/loss":3,"x":true,"y":"z"}}\n'
        )
        stream.write(b'{"seq":100,"time":1,"attempt":1,"type":"metrics","values":{"train/loss":4')
    rows = table(whole(written, "csv"))
    assert [row["train/loss"] for row in rows if row["step"] == "2"] == ["3"] and len(rows) == 3
    assert "x" not in rows[0] and "y" not in rows[0]


@pytest.mark.parametrize("wanted", ["parquet", "tensorboard", "mlflow", "wandb"])
def test_what_comes_later_is_said_to_be_not_yet_there(wanted: str) -> None:
    with pytest.raises(FieldErrors) as refused:
        check_format(wanted)
    message = refused.value.errors[0]["message"]
    assert "not yet" in message and "csv, json, zip" in message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tiny-moe", "20261122-061500-tiny-moe-ab12.csv"),
        ("My run", "My run 20261122-061500-tiny-moe-ab12.csv"),
        ("../../etc/pass\nwd", "etc-pass-wd 20261122-061500-tiny-moe-ab12.csv"),
        ("Опыт №1", "Опыт №1 20261122-061500-tiny-moe-ab12.csv"),
        ("  ", "20261122-061500-tiny-moe-ab12.csv"),
    ],
)  # fmt: skip
def test_a_file_is_called_by_name_and_id(name: str, expected: str) -> None:
    assert file_name(name, "20261122-061500-tiny-moe-ab12", "csv") == expected


def test_a_header_carries_any_name_safely() -> None:
    said = Export('Опыт "1" 20261122-061500-run-ab12.csv', "text/csv", iter(())).disposition
    assert said.isascii() and "\n" not in said
    assert "filename*=UTF-8''%D0%9E%D0%BF%D1%8B%D1%82%20%221%22%20" in said


def test_memory_stays_as_it_is_however_long_the_run(written: Written) -> None:
    written.begin(1, total_epochs=1)
    _many_rows(written.directory.events, 8_000)
    with written.directory.console_log.open("wb") as log:
        log.truncate(24 << 20)
    everything = made(written, "zip")
    tracemalloc.start()
    try:
        sent = sum(len(chunk) for chunk in everything.chunks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent > 200_000 and peak < 8 << 20, f"{peak / 1e6:.1f} MB"


def _many_rows(path: Path, count: int) -> None:
    with path.open("a") as stream:
        for step in range(count):
            stream.write(
                f'{{"seq":{step + 1},"time":1760000000.5,"attempt":1,"type":"metrics","step":{step},"epoch":{step / 1000},'
                f'"values":{{"train/loss":{1 / (step + 1)!r},"train/grad_norm":0.5,"train/learning_rate":0.001}}}}\n'
            )
