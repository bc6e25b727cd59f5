"""Torn and damaged streams: whole lines are never lost, what is damaged is told by its line, and the rest is used."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from written_run import Written

from gladius.alerts.book import Book
from gladius.alerts.tracker import Tracker
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.rundir import Home
from gladius.store.commands import command_records
from gladius.store.history import read_history
from gladius.store.record import Steering, record
from gladius.store.stream import EventStream
from gladius.store.view import RunView
from gladius.supervise.record import append_history
from gladius.wire.settings import Thresholds


def lines_of(steps: int, attempt: int = 1) -> list[bytes]:
    head = [{"type": "hello", "run_id": "r", "pid": 1, "host": "h"}, {"type": "state", "state": "running"}]
    told: list[dict[str, Any]] = [
        *head, *({"type": "metrics", "step": n, "values": {"train/loss": 1.5}} for n in range(steps)),
    ]  # fmt: skip
    return [
        json.dumps({"seq": seq, "time": 1.0 + seq, "attempt": attempt, **one}, separators=(",", ":")).encode()
        for seq, one in enumerate(told)
    ]


def seqs(stream: EventStream) -> list[int]:
    stream.read_new(1 << 22)
    return [line.seq for line in stream.after(-1, limit=100_000, max_bytes=1 << 30).lines]


def test_a_stream_cut_at_any_byte_keeps_every_whole_line_and_goes_on(tmp_path: Path) -> None:
    lines, path = lines_of(1), tmp_path / "events.jsonl"
    data = b"".join(line + b"\n" for line in lines)
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = data[:size].count(b"\n")
        stream = EventStream(path)
        assert seqs(stream) == list(range(whole)), size
        assert (stream.damaged, len(EventReader(path).read_all())) == (0, whole)
        writer = EventWriter(path, 1)
        writer.write("log", {"level": "info", "message": "on"})
        writer.close()
        # A line that lacks nothing but its newline is whole as soon as the next one begins.
        after = seqs(EventStream(path))
        assert after[:whole] == list(range(whole)) and len(after) in (whole + 1, whole + 2), size


def test_every_flipped_bit_costs_at_most_its_lines_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    lines, path = (
        [b'{"seq":%d,"time":1.0,"attempt":1,"type":"log"}' % seq for seq in range(3)],
        tmp_path / "events.jsonl",
    )
    data = b"".join(line + b"\n" for line in lines)
    for bit in range(len(data) * 8):
        harmed = bytearray(data)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        line = data[: bit // 8].count(b"\n")
        stream = EventStream(path)
        found = seqs(stream)
        # A newline that is gone takes the next line with it; the last line of all has nobody to contradict it.
        mine = {line, line + 1} if data[bit // 8] == 0x0A else {line}
        assert set(range(len(lines))) - set(found) <= mine, (bit, found)
        assert all(number in (line + 1, line + 2) for number in stream.damage), (bit, stream.damage)
        lost = set(range(len(lines))) - set(found)
        torn = not bytes(harmed).endswith(b"\n")
        assert not lost or stream.damage or torn or line == len(lines) - 1, bit


@pytest.mark.parametrize("steps", [40, 9000])
@pytest.mark.parametrize(("field", "value"), [(b'"seq":', b"9"), (b'"attempt":', b"7")])
def test_a_line_that_runs_ahead_costs_itself_alone(tmp_path: Path, steps: int, field: bytes, value: bytes) -> None:
    for place in {10, 35, steps // 2, 4097 % steps, steps}:
        lines, path = lines_of(steps), tmp_path / "events.jsonl"
        begin = lines[place].index(field) + len(field)
        lines[place] = lines[place][:begin] + value + lines[place][begin:]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        stream = EventStream(path)
        while stream.read_new(100_000):
            pass
        assert stream.last_seq == steps + 1 and stream.damage == [place + 1], place


def test_random_bytes_in_a_file_leave_the_other_lines_and_are_an_alert_with_their_lines(
    written: Written, home: Home, tmp_path: Path
) -> None:
    run, rng = written.directory, random.Random(5)
    lines = lines_of(600)
    for place in (100, 300, 301):
        lines[place] = bytes(rng.choices(range(11, 256), k=60))
    lines[400] = lines[400].replace(b'"values"', b'"valuez"')
    lines[350] = lines[500].replace(b'"time":', b'"time":1' + b"0" * 400)
    run.events.write_bytes(b"".join(line + b"\n" for line in lines))
    view = RunView(run).load()
    assert len(view.table.series["train/loss"]) == 595
    book = Book(tmp_path / "alerts.jsonl")
    tracker = Tracker(view, book)
    (told,) = [one for one in tracker.read(view, Thresholds()) if one.code == "damaged_lines"]
    assert told.data == {"file": "events.jsonl", "count": 5, "lines": "101, 301, 302, 351, 401"}
    assert (
        told.message == "Damaged lines of events.jsonl are left out, the rest is used: 5 (line 101, 301, 302, 351, 401)"
    )
    with run.events.open("ab") as file:
        file.write(b"\xff\n")
    view.refresh()
    (more,) = [one for one in tracker.read(view, Thresholds()) if one.code == "damaged_lines"]
    assert (more.id, more.value, more.data["lines"]) == (told.id, 6, "101, 301, 302, 351, 401, 603")


def history(path: Path) -> bytes:
    for number in range(4):
        line = {"training_id": f"t{number}", "attempt": 1, "status": "done", "started_at": 1.0, "finished_at": 2.0}
        append_history(path, line)
    return path.read_bytes()


def test_a_history_cut_at_any_byte_or_with_any_flipped_byte_keeps_the_other_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "training_runs.jsonl"
    data = history(path)
    ids = [f"t{number}" for number in range(4)]
    for size in range(len(data)):
        path.write_bytes(data[:size])
        found = [one.training_id for one in reversed(read_history(path))]
        assert found[: data[:size].count(b"\n")] == ids[: data[:size].count(b"\n")], size
    path.write_bytes(data[: len(data) - 9])
    append_history(path, {"training_id": "t9", "attempt": 1, "status": "done"})
    assert [one.training_id for one in reversed(read_history(path))] == ["t0", "t1", "t2", "t9"]
    assert f"{path}, line 4 is damaged and left out" in caplog.text
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :])
        line = data[:place].count(b"\n")
        lost = set(ids) - {one.training_id for one in read_history(path)}
        assert lost <= ({ids[line], *ids[line + 1 : line + 2]} if data[place] == 0x0A else {ids[line]}), place


def test_a_flipped_bit_in_any_small_file_of_a_run_never_keeps_it_from_being_shown(written: Written) -> None:
    run = written.begin(1, capabilities=["pause"]).started().directory
    for id_, command in (("01-a", "pause"), ("02-b", "stop")):
        Mailbox(run.control).post(Command(id_, command, 1, {}, 1.0, "ada"))
    run.annotations.write_text(json.dumps({"name": "n", "tags": ["a"], "notes": "x", "bookmarks": []}))
    rng = random.Random(3)
    for path in (run.control / "01-a.json", run.attempt_json(1), run.annotations, run.status):
        data = path.read_bytes()
        for place in range(0, len(data), 2):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :])
            view = RunView(run).load()
            assert "02-b" in view.commands
            record(view, Steering(disabled={}, pause_modes=[], splits=[]))
            command_records(view)
        path.write_bytes(data)
