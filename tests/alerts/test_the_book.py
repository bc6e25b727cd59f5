"""The book of alerts: what it keeps, what it survives, and how large it may get."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gladius.alerts import book as book_module
from gladius.alerts.book import Book
from gladius.wire.alerts import AlertRecord


def alert(number: int, run: str = "a", ended: bool = True, level: str = "warning") -> AlertRecord:
    return AlertRecord.model_validate(
        {
            "id": f"{run}~x~{number}", "run_id": run, "code": "x", "level": level, "message": f"number {number}",
            "data": {"n": number, "where": [1, "NaN"]}, "began_at": float(number), "ended_at": number + 0.5 if ended else None,
        }
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "alerts.jsonl"


def opened(path: Path) -> Book:
    book = Book(path)
    book.open()
    return book


def test_what_was_entered_is_there_after_a_restart(path: Path) -> None:
    book = opened(path)
    book.begin(alert(1, ended=False))
    book.begin(alert(2, ended=False))
    book.update("change", "a~x~1", value=3.5, message="worse")
    book.update("ack", "a~x~1", acknowledged_at=9.0, acknowledged_by="browser")
    book.update("end", "a~x~2", ended_at=7.0)
    again = opened(path)
    assert again.all() == book.all() and [one.id for one in again.all()] == ["a~x~2", "a~x~1"]
    first = again.get("a~x~1")
    assert first is not None and (first.value, first.acknowledged_by, first.ended_at) == (3.5, "browser", None)


def test_a_file_cut_at_any_byte_can_be_read_and_written_on(path: Path) -> None:
    book = opened(path)
    for number in (1, 2):
        book.begin(alert(number, ended=False))
        book.update("end", f"a~x~{number}", ended_at=9.0)
    book.close()
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        found = opened(path)
        lines = whole[:cut].count(b"\n") + (cut > 0 and whole[cut : cut + 1] == b"\n")
        assert len(found) == (lines + 1) // 2
        found.begin(alert(3))
        found.close()
        assert opened(path).get("a~x~3") == alert(3)


def test_lines_that_make_no_sense_cost_only_themselves(path: Path) -> None:
    book = opened(path)
    book.begin(alert(1))
    book.close()
    with path.open("a") as file:
        file.write(
            '[]\n{"op": "end"}\n{"op": "end", "id": "nobody", "ended_at": 1}\n{"op": "begin", "alert": {}}\nnull\n\x00\n'
        )
    book = opened(path)
    book.begin(alert(2))
    assert [one.id for one in opened(path).all()] == ["a~x~2", "a~x~1"]


def test_a_run_has_at_most_200_and_notices_go_first(path: Path) -> None:
    book = opened(path)
    book.begin(alert(0, ended=False))
    book.begin(alert(1))
    for number in range(2, 300):
        book.begin(alert(number, level="info"))
    kept = [one.data["n"] for one in book.of_run("a")]
    assert len(kept) == 200 and kept[-2:] == [1, 0] and kept[0] == 299
    assert not book.begin(alert(5, level="info")), "what would go first is not entered"
    assert [one.data["n"] for one in opened(path).of_run("a")] == kept


def test_all_runs_have_at_most_1000(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MOST", 20)
    book = opened(path)
    for number in range(30):
        book.begin(alert(number, run=f"run-{number % 7}", ended=number > 4))
    assert len(book) == 20 and [one.data["n"] for one in book.all()][-5:] == [4, 3, 2, 1, 0], "what lasts stays"


def test_a_long_file_is_written_anew_with_what_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MOST_LINES", 50)
    book = opened(path)
    book.begin(alert(1, ended=False))
    book.update("ack", "a~x~1", acknowledged_at=2.0, acknowledged_by="cli")
    for number in range(120):
        book.update("change", "a~x~1", value=number)
    lines = path.read_text().splitlines()
    assert len(lines) <= 50 and json.loads(lines[0])["op"] == "begin"
    assert opened(path).all() == book.all() and book.all()[0].value == 119
    assert [one.name for one in path.parent.iterdir()] == ["alerts.jsonl"] and path.stat().st_mode & 0o777 == 0o600


def test_a_run_that_is_gone_takes_its_alerts_along(path: Path) -> None:
    book = opened(path)
    book.begin(alert(1))
    book.begin(alert(2, run="b"))
    book.drop_run("a")
    assert [one.run_id for one in book.all()] == [one.run_id for one in opened(path).all()] == ["b"]


def test_a_disk_that_takes_nothing_leaves_the_book_in_memory(path: Path) -> None:
    book = opened(path)
    book.close()
    book._fd = os.open("/dev/full", os.O_WRONLY)
    assert book.begin(alert(1)) and book.get("a~x~1") == alert(1)
    book.close()
