"""Following one stream: in order, once each, from memory or from the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.pulse.events import EventWriter
from gladius.store import stream as module
from gladius.store.stream import EventStream


def write(path: Path, count: int) -> EventWriter:
    writer = EventWriter(path, 1)
    for step in range(count):
        writer.metrics({"train/loss": 1.0 / (step + 1)}, step, None, None)
        if step % 10 == 0:
            writer.write("log", {"level": "info", "message": f"step {step}"})
    return writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.mark.parametrize("remembered", [1, 7, 4096])
def test_every_place_is_found_again_from_memory_or_file(
    path: Path, remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECENT_LINES", remembered)
    monkeypatch.setattr(module, "_INDEX_EVERY", 16)
    write(path, 300).close()
    stream = EventStream(path)
    while stream.read_new(limit=1000):
        pass
    assert stream.last_seq == 329
    for seq in (-1, 0, 15, 16, 17, 200, 327, 328, 329, 999):
        assert [line.seq for line in stream.after(seq).lines] == list(range(seq + 1, 330))


def test_a_limit_says_that_there_is_more(path: Path) -> None:
    write(path, 100).close()
    stream = EventStream(path)
    stream.read_new()
    seqs, cursor, more = [], -1, True
    while more:
        lines, cursor, more = stream.after(cursor, lambda type_: type_ == "log", limit=3)
        seqs += [line.seq for line in lines]
        assert {line.type for line in lines} <= {"log"}
    assert len(seqs) == 10 and cursor == stream.last_seq


def test_a_large_event_passes_whatever_the_byte_limit(path: Path) -> None:
    writer = EventWriter(path, 1)
    writer.write("log", {"level": "info", "message": "x" * 5000})
    writer.write("log", {"level": "info", "message": "y"})
    stream = EventStream(path)
    stream.read_new()
    first = stream.after(-1, max_bytes=100)
    assert [line.seq for line in first.lines] == [0] and first.more
    writer.close()


def test_a_half_written_line_waits_for_its_newline(path: Path) -> None:
    stream = EventStream(path)
    with path.open("ab", buffering=0) as file:
        file.write(b'{"seq":0,"time":1.0,"attempt":1,"type":"log","lev')
        assert stream.read_new() == []
        file.write(b'el":"info","message":""}\n')
    assert [event["seq"] for event in stream.read_new()] == [0]


def test_damaged_and_repeated_lines_are_left_out_and_counted(path: Path) -> None:
    good = '{"seq":%d,"time":1.0,"attempt":1,"type":"log"}'
    lines = [
        good % 0,
        "no json",
        "[1]",
        '{"seq":"1","type":"log"}',
        good % 1,
        good % 1,
        good % 0,
        good % 5,
        '{"seq":6,"x":NaN}',
    ]
    path.write_text("\n".join(lines) + "\n")
    stream = EventStream(path)
    assert [event["seq"] for event in stream.read_new()] == [0, 1, 5]
    assert stream.damaged == 6
    assert [line.seq for line in stream.after(-1).lines] == [0, 1, 5]


def test_a_replaced_file_is_noticed(path: Path) -> None:
    write(path, 20).close()
    stream = EventStream(path)
    stream.read_new()
    path.unlink()
    write(path, 3).close()
    stream.read_new()
    assert stream.restarted == 1
