"""Byte ranges and search of a console.log."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.errors import SearchInvalid
from gladius.store.logs import read_range, search, whole_characters


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "console.log"
    path.write_bytes(b"first\r\n\x1b[1;32mGreen\x1b[0m text\nlast \xff line without end")
    return path


def test_ranges_from_both_ends(log: Path, tmp_path: Path) -> None:
    size = log.stat().st_size
    assert read_range(log, 0, 5) == (0, b"first", size)
    assert read_range(log, -3, 100) == (size - 3, b"end", size)
    assert read_range(log, size + 5, 10) == (size, b"", size)
    assert read_range(log, -10_000, 5) == (0, b"first", size)
    assert read_range(tmp_path / "none", 0, 10) == (0, b"", 0)


def test_search_sees_no_colours_and_every_line(log: Path) -> None:
    assert [(hit.offset, hit.line, hit.text) for hit in search(log, "green TEXT")] == [(7, 2, "Green text")]
    assert [hit.line for hit in search(log, "without end")] == [3]
    assert [hit.text for hit in search(log, r"^f\w+$", regex=True)] == ["first"]
    assert search(log, "nowhere") == []


def test_case_does_not_matter_in_any_script(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("Ошибка: файл\nÉTÉ\nplain\n", encoding="utf-8")
    assert [hit.line for hit in search(path, "оШИБКА")] == [1]
    assert [hit.line for hit in search(path, "été")] == [2]


def test_search_ends_at_its_limit_and_knows_its_place_in_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.log"
    path.write_bytes(b"".join(b"line %d\n" % i for i in range(400_000)))
    assert len(search(path, "line", limit=5)) == 5
    hit = search(path, "line 399999")[0]
    assert hit.line == 400_000
    assert read_range(path, hit.offset, 11).data == b"line 399999"


@pytest.mark.parametrize("pattern", ["(", "(a+)+", "(a*)*b", "[", "(?P<x", "(.*.*)+x"])
def test_patterns_that_cannot_be_used_are_refused(log: Path, pattern: str) -> None:
    with pytest.raises(SearchInvalid):
        search(log, pattern, regex=True)


def test_a_cut_character_waits_for_its_rest() -> None:
    for text in ("é", "✓", "𝄞"):
        raw = b"ab" + text.encode()
        for cut in range(len(raw) + 1):
            whole = whole_characters(raw[:cut])
            assert raw[:whole].decode() == ("ab" + text)[: len(raw[:whole].decode())]
    assert whole_characters(b"\xff\xfe") == 2, "what no character begins with waits for nothing"
