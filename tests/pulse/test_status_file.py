"""PULSE v1: what may be written, what stays when a write fails, what a reader makes of it."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest

import pulse_wrapper
from pulse_wrapper import (
    FIELDS,
    STALE_MESSAGE,
    TrainingStatus,
    atomic_write_json,
    progress_percent,
    read_training_status,
    safe_read_json,
    write_done_status,
    write_error_status,
    write_idle_status,
    write_running_status,
    write_training_status,
)

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training_status.json"


def leftovers(path: Path) -> list[str]:
    return [name for name in os.listdir(path.parent) if name != path.name]


# Writing


def test_each_writer_says_its_own_status(path: Path) -> None:
    write_idle_status(path)
    assert read_training_status(path) == {
        "status": "idle", "epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": "Waiting to start...",
        "timestamp": pytest.approx(time.time(), abs=2),
    }  # fmt: skip
    write_running_status(path, 2.5, 3.0, 0.342, "epoch 3/3")
    assert read_training_status(path) | {"timestamp": 0} == {
        "status": "running", "epoch": 2.5, "total_epochs": 3.0, "loss": 0.342, "message": "epoch 3/3", "timestamp": 0,
    }  # fmt: skip
    write_error_status(path, 2.5, 3.0, 0.342, "CUDA out of memory")
    assert read_training_status(path)["status"] == "error"
    assert (read_training_status(path)["epoch"], read_training_status(path)["loss"]) == (2.5, 0.342)
    write_done_status(path, 3, 3, 0.127)
    done = read_training_status(path)
    assert (done["status"], done["message"]) == ("done", "Training completed successfully")
    write_training_status(path, "idle", 0, 0, 0, "", 0)
    assert leftovers(path) == []


def test_the_file_has_exactly_six_fields_of_the_right_json_types(path: Path) -> None:
    write_training_status(path, "running", 1, 3, 2, "m", 1_700_000_000)
    text = path.read_text(encoding="utf-8")
    assert list(json.loads(text)) == list(FIELDS)
    types = {name: type(value) for name, value in json.loads(text).items()}
    assert types == {
        "status": str, "epoch": float, "total_epochs": float, "loss": float, "message": str, "timestamp": int,
    }  # fmt: skip


def test_numpy_and_other_number_types_become_plain_numbers(path: Path) -> None:
    write_training_status(path, "running", numpy.float32(0.5), numpy.int64(3), Fraction(1, 4), "m")
    status = read_training_status(path)
    assert (status["epoch"], status["total_epochs"], status["loss"]) == (0.5, 3.0, 0.25)


def test_a_zero_timestamp_is_a_value_and_not_now(path: Path) -> None:
    write_training_status(path, "done", timestamp=0)
    assert read_training_status(path)["timestamp"] == 0
    assert TrainingStatus.create("idle", timestamp=0)["timestamp"] == 0
    assert TrainingStatus.create("idle")["timestamp"] == pytest.approx(time.time(), abs=2)


@pytest.mark.parametrize("negative", [-0.25, -1e9])
def test_a_loss_may_be_negative(path: Path, negative: float) -> None:
    write_running_status(path, 0, 1, negative, "")
    assert read_training_status(path)["loss"] == negative


BAD_VALUES: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"status": "finished"}, ValueError),
    ({"status": "Running"}, ValueError),
    ({"status": ""}, ValueError),
    ({"status": None}, TypeError),
    ({"status": 1}, TypeError),
    ({"status": ["idle"]}, TypeError),
    *[
        ({name: bad}, error)
        for name in ("epoch", "total_epochs", "loss")
        for bad, error in [
            (True, TypeError), (False, TypeError), (None, TypeError), ("1.5", TypeError), (b"1", TypeError), ([1], TypeError),
            ({}, TypeError), (1j, TypeError), (numpy.bool_(True), TypeError),
            (NAN, ValueError), (INF, ValueError), (-INF, ValueError), (10**400, ValueError), (numpy.float32("nan"), ValueError),
        ]
    ],
    ({"epoch": -0.5}, ValueError),
    ({"epoch": -1}, ValueError),
    ({"total_epochs": -1}, ValueError),
    ({"message": None}, TypeError),
    ({"message": 5}, TypeError),
    ({"message": b"text"}, TypeError),
    ({"timestamp": True}, TypeError),
    ({"timestamp": 1.5}, TypeError),
    ({"timestamp": "now"}, TypeError),
    ({"timestamp": NAN}, TypeError),
    ({"timestamp": -1}, ValueError),
]  # fmt: skip


@pytest.mark.parametrize(("change", "error"), BAD_VALUES, ids=[repr(change) for change, _ in BAD_VALUES])
def test_a_value_outside_the_table_is_refused_by_name_and_the_old_file_stays(
    path: Path, change: dict[str, Any], error: type[Exception]
) -> None:
    write_running_status(path, 1.5, 3, 0.5, "before")
    before = path.read_bytes()
    fields = {"status": "running", "epoch": 2.0, "total_epochs": 3.0, "loss": 0.1, "message": "after", **change}
    (name,) = change
    with pytest.raises(error, match=name):
        write_training_status(path, **fields)
    with pytest.raises(error, match=name):
        TrainingStatus.create(**fields)
    assert path.read_bytes() == before
    assert leftovers(path) == []


MESSAGES = [
    "",
    "épochs écoulées",
    "训练完成",
    "🔥 loss 📉 👨‍👩‍👧",
    "שלום עולם ‏ rtl",
    "\ud800 lone \udfff",
    'a\x00b\x1b[31m\r\n\t"\\',
    "\u2028\u2029\ufeff",
    "x" * 100_000,
]


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_any_unicode_message_comes_back_as_it_was(path: Path, message: str) -> None:
    write_running_status(path, 0, 1, 0, message)
    assert read_training_status(path)["message"] == message
    assert TrainingStatus.from_file(path).message == message
    path.read_bytes().decode("ascii")


def test_the_paths_may_be_text_or_path_objects_relative_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    write_idle_status(str(path))
    write_done_status("training_status.json", 1, 1, 0)
    assert read_training_status(path)["status"] == "done"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_the_mode_of_the_old_file_is_kept_and_a_new_one_is_private(path: Path) -> None:
    write_idle_status(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o664)
    write_done_status(path, 1, 1, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_json_that_cannot_be_written_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    atomic_write_json(path, {"a": 1})
    circular: list[Any] = []
    circular.append(circular)
    for bad, error in ((NAN, ValueError), ({"x": INF}, ValueError), ({"x": {1}}, TypeError), (circular, ValueError)):
        with pytest.raises(error):
            atomic_write_json(path, {"good": 1, "bad": bad})
    assert safe_read_json(path) == {"a": 1}
    assert leftovers(path) == []


# Failing disks. As root permissions hide nothing, so the faults are real ones: no folder, a full file system.


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "training_status.json"
    with pytest.raises(FileNotFoundError, match="training_status.json"):
        write_idle_status(path)
    assert not path.parent.exists()


def test_a_parent_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"file/training_status\.json"):
        write_idle_status(tmp_path / "file" / "training_status.json")


def test_a_directory_in_the_files_place_is_named_and_no_temporary_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "training_status.json"
    path.mkdir()
    with pytest.raises(OSError, match=r"training_status\.json"):
        write_idle_status(path)
    assert leftovers(path) == []


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with an old status on a file system that has no byte left."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        write_running_status(folder / "training_status.json", 1.5, 3, 0.5, "before")
        with pytest.raises(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_reported_and_the_old_status_stays(full_disk: Path) -> None:
    path = full_disk / "training_status.json"
    with pytest.raises(OSError, match=r"training_status\.json.*No space left"):
        write_running_status(path, 2, 3, 0.1, "after " * 2000)
    assert read_training_status(path)["message"] == "before"
    assert sorted(os.listdir(full_disk)) == ["filler", "training_status.json"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX resource limits")
def test_a_file_size_limit_is_reported_like_a_full_disk(path: Path) -> None:
    write_running_status(path, 1.5, 3, 0.5, "before")
    script = textwrap.dedent("""
        import resource, signal, sys
        from pulse_wrapper import write_running_status
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        try:
            write_running_status(sys.argv[1], 2, 3, 0.1, "after " * 5000)
        except OSError as error:
            print(error)
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path(pulse_wrapper.__file__).parent)}
    said = subprocess.run(
        [sys.executable, "-c", script, path], env=environment, capture_output=True, text=True, check=True
    )
    assert str(path) in said.stdout
    assert read_training_status(path)["message"] == "before"
    assert leftovers(path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a read-only mount needs root")
def test_a_read_only_file_system_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        write_running_status(folder / "training_status.json", 1.5, 3, 0.5, "before")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with pytest.raises(OSError, match=r"training_status\.json.*Read-only"):
            write_done_status(folder / "training_status.json", 3, 3, 0.1)
        assert read_training_status(folder / "training_status.json")["message"] == "before"
        assert os.listdir(folder) == ["training_status.json"]
    finally:
        subprocess.run(["umount", folder], check=True)


# Reading


def test_unknown_fields_are_ignored(path: Path) -> None:
    write_running_status(path, 1, 2, 3, "m")
    path.write_text(json.dumps({**json.loads(path.read_text()), "gpu": "H100", "v": 9}))
    assert list(read_training_status(path)) == list(FIELDS)


def test_a_missing_file_is_none_without_a_word(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert safe_read_json(path) is None
    assert read_training_status(path) is None
    assert TrainingStatus.from_file(path) is None
    assert not caplog.records


BROKEN = [
    b"", b"{", b"null", b"[]", b'"running"', b"\xff\xfe", b"[" * 100_000, b'{"status": "running"}',
    b'{"status": "walking", "epoch": 1, "total_epochs": 2, "loss": 1, "message": "", "timestamp": 1}',
    b'{"status": "running", "epoch": NaN, "total_epochs": 2, "loss": 1, "message": "", "timestamp": 1}',
    b'{"status": "running", "epoch": 1, "total_epochs": 2, "loss": Infinity, "message": "", "timestamp": 1}',
    b'{"status": "running", "epoch": 1, "total_epochs": 2, "loss": true, "message": "", "timestamp": 1}',
    b'{"status": "running", "epoch": 1, "total_epochs": 2, "loss": 1, "message": "", "timestamp": null}',
    b'{"status": "running", "epoch": 1, "total_epochs": 2, "loss": 1, "message": "", "timestamp": 1e400}',
    b'{"status": "running", "epoch": 1, "total_epochs": 2, "loss": 1, "message": null, "timestamp": 1}',
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_none_and_warns_once_per_change(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    for _ in range(3):
        assert TrainingStatus.from_file(path) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(path) in caplog.text
    path.write_bytes(content + b" ")
    os.utime(path, ns=(1, 1))
    assert read_training_status(path) is None
    assert len(caplog.records) == 2
    write_idle_status(path)
    assert read_training_status(path)["status"] == "idle"
    assert len(caplog.records) == 2


def test_a_directory_in_the_files_place_reads_as_none(tmp_path: Path) -> None:
    assert read_training_status(tmp_path) is None


def test_running_goes_stale_after_sixty_seconds_and_keeps_its_other_fields(path: Path) -> None:
    write_training_status(path, "running", 2.5, 3, 0.342, "step 5", 1000)
    fresh = TrainingStatus.from_file(path, now=1060.0)
    assert (fresh["status"], fresh.stale, fresh.message) == ("running", False, "step 5")
    stale = TrainingStatus.from_file(path, now=1060.5)
    assert (stale.status, stale.stale, stale.message) == ("error", True, STALE_MESSAGE)
    assert (stale.epoch, stale.total_epochs, stale.loss, stale.timestamp) == (2.5, 3.0, 0.342, 1000)
    assert STALE_MESSAGE == "Process unresponsive (stale pulse)"
    assert read_training_status(path)["status"] == "running"


@pytest.mark.parametrize("status", ["idle", "done", "error"])
def test_only_running_goes_stale(path: Path, status: str) -> None:
    write_training_status(path, status, 1, 1, 1, "m", 0)
    seen = TrainingStatus.from_file(path)
    assert (seen.status, seen.stale, seen.message) == (status, False, "m")


@pytest.mark.parametrize("timestamp", [10**12, 10**400])
def test_a_timestamp_from_the_future_is_not_stale(path: Path, timestamp: int) -> None:
    write_training_status(path, "running", 1, 2, 1, "m", timestamp)
    assert TrainingStatus.from_file(path).stale is False


@pytest.mark.parametrize(
    ("epoch", "total", "percent"),
    [(0, 3, 0.0), (1.5, 3, 50.0), (2.5, 3, 83.3), (3, 3, 100.0), (4, 3, 100.0), (0, 0, 0.0), (5, 0, 0.0)],
)
def test_progress_is_epoch_over_total_and_zero_without_a_total(
    path: Path, epoch: float, total: float, percent: float
) -> None:
    write_running_status(path, epoch, total, 0, "")
    assert round(TrainingStatus.from_file(path).progress, 1) == percent
    assert round(progress_percent(epoch, total), 1) == percent


def test_a_status_has_no_other_attributes(path: Path) -> None:
    write_idle_status(path)
    with pytest.raises(AttributeError, match="colour"):
        _ = TrainingStatus.from_file(path).colour
