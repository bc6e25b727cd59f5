"""Streams: what was written stays readable whatever happens to the process, the disk or the file."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gladius.pulse import events as events_module
from gladius.pulse.events import EventReader, EventWriter, events_of_type
from gladius.pulse.lines import LineFollower


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def writer(path: Path) -> Iterator[EventWriter]:
    writer = EventWriter(path, attempt=1, clock=lambda: 1_700_000_000.25)
    yield writer
    writer.close()


def read(path: Path) -> list[dict]:
    return EventReader(path).read_all()


def seqs(path: Path) -> list[int]:
    return [event["seq"] for event in read(path)]


# Plain writing and reading


def test_an_event_is_one_line_with_its_place_in_the_stream(path: Path, writer: EventWriter) -> None:
    assert writer.write("log", {"level": "info", "message": "ünïcode\n🔥"})
    assert writer.metrics({"train/loss": 2.5, "train/grad_norm": float("nan")}, 7, 0.5, 120)
    assert writer.metrics({}, None, None, None)
    assert writer.write("restart", {})
    lines = path.read_bytes().splitlines(keepends=True)
    assert all(line.endswith(b"}\n") for line in lines)
    assert [json.loads(line) for line in lines] == [
        {"seq": 0, "time": 1_700_000_000.25, "attempt": 1, "type": "log", "level": "info", "message": "ünïcode\n🔥"},
        {"seq": 1, "time": 1_700_000_000.25, "attempt": 1, "type": "metrics", "step": 7, "epoch": 0.5, "log_offset": 120,
         "values": {"train/loss": 2.5, "train/grad_norm": "NaN"}},
        {"seq": 2, "time": 1_700_000_000.25, "attempt": 1, "type": "metrics", "values": {}},
        {"seq": 3, "time": 1_700_000_000.25, "attempt": 1, "type": "restart"},
    ]  # fmt: skip


def test_numbers_go_on_where_the_last_writer_ended(path: Path) -> None:
    for attempt in (1, 2, 3):
        writer = EventWriter(path, attempt)
        for _ in range(4):
            writer.write("log", {"message": "x" * 30_000})
        writer.close()
    assert seqs(path) == list(range(12))
    assert [event["attempt"] for event in read(path)] == [1] * 4 + [2] * 4 + [3] * 4


def test_numbers_go_on_after_a_last_line_longer_than_any_window(path: Path) -> None:
    first = EventWriter(path, 1)
    first.write("log", {"message": "x"})
    first.write("log", {"message": "y" * 3_000_000})
    first.close()
    second = EventWriter(path, 2)
    second.write("log", {"message": "z"})
    second.close()
    assert seqs(path) == [0, 1, 2]


def test_numbers_go_on_after_a_writer_of_another_language(path: Path) -> None:
    path.write_text('{"type": "log", "time": 1, "attempt": 1, "seq" : 41, "level": "info", "message": "hi"}\n')
    writer = EventWriter(path, 2)
    writer.write("log", {})
    writer.close()
    assert seqs(path) == [41, 42]


def test_a_closed_writer_writes_nothing(path: Path) -> None:
    writer = EventWriter(path, 1)
    writer.close()
    writer.close()
    assert not writer.write("log", {})
    writer.check_file()
    assert path.read_bytes() == b""


def test_what_cannot_be_encoded_is_left_out_and_counted(path: Path, writer: EventWriter) -> None:
    circular: dict[str, object] = {}
    circular["x"] = circular
    assert not writer.write("log", circular)
    assert not writer.metrics({"a": 1.0}, "seven", None, None)  # type: ignore[arg-type]
    assert not writer.metrics({"a": 1.0}, float("nan"), None, None)  # type: ignore[arg-type]
    assert writer.metrics({"a": 1.0}, 1, float("nan"), None)
    kept, alert = read(path)
    assert kept["values"] == {"a": 1.0}
    assert "epoch" not in kept
    assert (alert["code"], alert["value"]) == ("events_dropped", 3)


def test_concurrent_threads_never_interleave(path: Path, writer: EventWriter) -> None:
    def work(thread: int) -> None:
        for number in range(300):
            writer.metrics({f"t{thread}": number}, number, None, None)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = read(path)
    assert [event["seq"] for event in events] == list(range(2400))
    for thread in range(8):
        mine = [event["step"] for event in events if f"t{thread}" in event["values"]]
        assert mine == list(range(300))


# Readers


def test_a_half_written_line_waits_for_its_newline(path: Path) -> None:
    reader = EventReader(path)
    assert reader.read_new() == []
    whole = b'{"seq":0,"time":1.0,"attempt":1,"type":"log"}\n'
    for end in range(1, len(whole)):
        path.write_bytes(whole[:end])
        assert reader.read_new() == []
    path.write_bytes(whole)
    assert [event["seq"] for event in reader.read_new()] == [0]
    assert reader.read_new() == []
    assert reader.damaged == 0


def test_lines_that_are_no_events_are_skipped_and_counted(path: Path) -> None:
    good = '{"seq":%d,"time":1.0,"attempt":1,"type":"log"}\n'
    junk = ["{", "null", "[]", '"x"', "\x00\x00", "{}", '{"seq":"1","time":1,"attempt":1,"type":"log"}',
            '{"seq":1,"time":1,"attempt":1}', '{"seq":1,"attempt":1,"type":"log"}', '{"seq":1,"time":1,"type":"log"}', "[" * 50_000]  # fmt: skip
    path.write_text(good % 0 + "\n" + "\n".join(junk) + "\n\n" + good % 1)
    reader = EventReader(path)
    assert [event["seq"] for event in reader.read_all()] == [0, 1]
    assert reader.damaged == len(junk)


def test_a_reader_takes_a_long_line_and_small_blocks(path: Path, writer: EventWriter) -> None:
    for number in range(50):
        writer.write("log", {"message": "x" * (number * 400)})
    follower = LineFollower(path)
    lines = []
    while block := follower.read_new(limit=100):
        lines += block
    assert [json.loads(line)["seq"] for line in lines] == list(range(50))


def test_a_long_line_is_gathered_in_few_pieces_and_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"x" * (5 << 20) + b"\n" + b"short\n" * 100)
    asked, read = [], os.read
    monkeypatch.setattr(os, "read", lambda fd, size: asked.append(size) or read(fd, size))
    follower = LineFollower(path)
    assert [len(line) for line in follower.read_new(limit=256)] == [5 << 20]
    assert len(asked) < 20
    assert follower.read_new(limit=12) == [b"short"] * 2, "what follows a long line comes as its reader wants it"


def test_a_file_that_was_replaced_or_cut_is_read_again(path: Path, writer: EventWriter) -> None:
    for _ in range(3):
        writer.write("log", {})
    reader = EventReader(path)
    assert len(reader.read_new()) == 3
    line = path.read_bytes().splitlines(keepends=True)[0]
    other = path.with_name("other")
    other.write_bytes(line * 5)
    other.replace(path)
    assert len(reader.read_new()) == 5
    path.write_bytes(line)
    assert len(reader.read_new()) == 1
    assert reader.lines.restarted == 2


def test_events_of_one_type_are_found_among_all(path: Path, writer: EventWriter) -> None:
    for number in range(5):
        writer.metrics({"state": 1.0}, number, None, None)
        writer.write("state", {"state": "running", "reason": str(number)})
        writer.write("log", {"message": '"type":"state"'})
    with path.open("a") as file:
        file.write('null\n{"seq":99,"type":"state","state":"d')
    found = list(events_of_type(path, "state"))
    assert [event["reason"] for event in found] == list("01234")
    assert list(events_of_type(path.with_name("missing"), "state")) == []


# Torn tails


def test_a_tail_torn_at_any_byte_costs_that_line_alone_and_heals(path: Path) -> None:
    writer = EventWriter(path, 1)
    writer.write("state", {"state": "preparing"})
    writer.metrics({"train/loss": 2.5}, 0, 0.1, 99)
    writer.metrics({"train/loss": float("nan"), "é": 1.0}, 1, 0.2, 199)
    writer.close()
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        reader = EventReader(path)
        assert [event["seq"] for event in reader.read_all()] == list(range(kept))
        heir = EventWriter(path, 2)
        heir.write("log", {"message": "after"})
        heir.close()
        events = read(path)
        assert events[-1]["message"] == "after"
        # A line that lacked only its newline becomes whole.
        whole_lines = kept + (cut < len(whole) and whole[cut : cut + 1] == b"\n")
        assert len(events) == whole_lines + 1
        numbers = [event["seq"] for event in events]
        assert len(set(numbers)) == len(numbers)
        assert numbers == sorted(numbers)
        assert [event["seq"] for event in reader.read_all()] == numbers[kept:], "a reader that waited sees the rest"


# Faults of the disk; a short count and ENOSPC in the middle of a line cannot be had from a real disk on demand.


class FaultyDisk:
    """Stands in for os.write: each call takes at most the next count of `plan`; an errno fails it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plan: list[int | OSError] = []
        self._write = os.write
        monkeypatch.setattr(events_module.os, "write", self)

    def __call__(self, fd: int, data: bytes) -> int:
        step = self.plan.pop(0) if self.plan else len(data)
        if isinstance(step, OSError):
            raise step
        return self._write(fd, bytes(data)[:step])


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FaultyDisk:
    return FaultyDisk(monkeypatch)


def test_a_short_write_is_healed_by_the_same_writer(path: Path, writer: EventWriter, disk: FaultyDisk) -> None:
    for size in range(1, 40):
        disk.plan = [size, size, 1]
        assert writer.write("log", {"message": str(size)})
    assert seqs(path) == list(range(39))
    assert writer.dropped == 0


@pytest.mark.parametrize("written", [0, 1, 20])
def test_a_full_disk_loses_only_what_did_not_fit_and_says_so_once(
    path: Path, writer: EventWriter, disk: FaultyDisk, written: int, caplog: pytest.LogCaptureFixture
) -> None:
    writer.write("log", {"message": "before"})
    for _ in range(3):
        disk.plan = [written, full()] if written else [full()]
        assert not writer.write("log", {"message": "lost"})
    assert writer.dropped == 3
    assert len([r for r in caplog.records if "No space left" in r.message]) == 1
    disk.plan = []
    assert writer.write("log", {"message": "after"})
    before, after, alert = read(path)
    assert (before["message"], after["message"]) == ("before", "after")
    assert (after["seq"], alert["seq"]) == (4, 5), "the numbers of lost events are gaps"
    assert (alert["type"], alert["level"], alert["code"], alert["value"]) == ("alert", "warning", "events_dropped", 3)
    assert writer.dropped == 0


def test_the_count_of_lost_events_survives_a_report_that_is_lost_too(
    path: Path, writer: EventWriter, disk: FaultyDisk
) -> None:
    disk.plan = [full()]
    writer.write("log", {"message": "lost"})
    disk.plan = [10_000, 5, full()]
    assert writer.write("log", {"message": "kept"})
    assert writer.write("log", {"message": "kept too"})
    report = f"1 events could not be written: {full().strerror}"
    assert [event.get("message", "") for event in read(path)] == ["kept", "kept too", report]


def test_a_torn_line_of_a_full_disk_heals_for_the_next_process(
    path: Path, writer: EventWriter, disk: FaultyDisk
) -> None:
    writer.write("log", {"message": "before"})
    disk.plan = [15, full()]
    writer.write("log", {"message": "torn"})
    writer.close()
    heir = EventWriter(path, 2)
    heir.write("log", {"message": "after"})
    heir.close()
    assert [event["message"] for event in read(path)] == ["before", "after"]


def test_a_real_full_file_system_never_raises_into_the_writer(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        path = folder / "events.jsonl"
        writer = EventWriter(path, 1)
        told = [writer.write("log", {"message": "x" * 1000}, durable=True) for _ in range(100)]
        assert not all(told)
        returned = [number for number, kept in enumerate(told) if kept]
        assert seqs(path) == returned
        lost = writer.dropped
        assert lost == told.count(False)
        path.rename(folder / "moved")
        (folder / "moved").unlink()
        writer.check_file()
        writer.check_file()
        writer.close()
    finally:
        subprocess.run(["umount", folder], check=True)


# The file under the writer


def test_a_deleted_file_is_noticed_and_laid_down_again_whole(
    path: Path, writer: EventWriter, caplog: pytest.LogCaptureFixture
) -> None:
    writer.write("log", {"message": "a"})
    path.unlink()
    writer.write("log", {"message": "b"})
    writer.check_file()
    writer.write("log", {"message": "c"})
    assert [event["message"] for event in read(path)] == ["a", "b", "c"]
    assert seqs(path) == [0, 1, 2]
    assert caplog.text.count("was deleted") == 1
    writer.check_file()
    assert caplog.text.count("was deleted") == 1


def test_a_torn_tail_stays_healed_when_the_file_is_laid_down_again(
    path: Path, writer: EventWriter, disk: FaultyDisk
) -> None:
    writer.write("log", {"message": "a"})
    disk.plan = [12, full()]
    writer.write("log", {"message": "torn"})
    path.unlink()
    writer.check_file()
    assert writer.write("log", {"message": "b"})
    assert [event.get("message") for event in read(path)][:2] == ["a", "b"]


def test_a_disk_too_full_to_lay_the_file_down_again_loses_nothing(
    path: Path, writer: EventWriter, disk: FaultyDisk
) -> None:
    writer.write("log", {"message": "a"})
    path.unlink()
    disk.plan = [5, full()]
    writer.check_file()
    assert not path.exists()
    writer.write("log", {"message": "b"})
    writer.check_file()
    assert [event["message"] for event in read(path)] == ["a", "b"]


def test_a_replaced_file_is_written_to_from_then_on(path: Path, writer: EventWriter) -> None:
    writer.write("log", {"message": "a"})
    other = path.with_name("edited")
    shutil.copy(path, other)
    with other.open("a") as file:
        file.write('{"seq":9,"tim')
    other.replace(path)
    writer.check_file()
    writer.write("log", {"message": "b"})
    assert [event["message"] for event in read(path)] == ["a", "b"]
    assert seqs(path) == [0, 10]


def test_a_deleted_directory_warns_once_and_comes_back_when_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = EventWriter(folder / "events.jsonl", 1)
    writer.write("log", {"message": "a"})
    shutil.rmtree(folder)
    for _ in range(5):
        writer.check_file()
        writer.write("log", {"message": "b"})
    assert len(caplog.records) <= 2
    folder.mkdir()
    writer.check_file()
    writer.close()
    assert [event["message"] for event in read(folder / "events.jsonl")] == ["a", "b", "b", "b", "b", "b"]


def test_a_path_that_cannot_be_opened_drops_and_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    writer = EventWriter(tmp_path / "file" / "events.jsonl", 1)
    assert not writer.write("log", {}, durable=True)
    writer.check_file()
    assert writer.dropped == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    writer.close()


# Children


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_writes_nothing(path: Path, spawn: Callable[..., subprocess.Popen[str]]) -> None:
    script = """
import os, sys
from gladius.pulse.events import EventWriter
writer = EventWriter(sys.argv[1], 1)
writer.write("log", {"message": "parent"})
child = os.fork()
if not child:
    ok = not writer.write("log", {"message": "child"}, durable=True)
    writer.check_file(); writer.sync(); writer.close()
    os._exit(0 if ok else 1)
status = os.waitpid(child, 0)[1]
writer.write("log", {"message": "parent again"})
sys.exit(status)
"""
    process = spawn(sys.executable, "-c", script, path)
    assert process.wait(20) == 0
    assert [event["message"] for event in read(path)] == ["parent", "parent again"]
