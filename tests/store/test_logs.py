"""Byte ranges of a console.log."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.store.logs import read_range, whole_characters


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


def test_a_cut_character_waits_for_its_rest() -> None:
    for text in ("é", "✓", "𝄞"):
        raw = b"ab" + text.encode()
        for cut in range(len(raw) + 1):
            whole = whole_characters(raw[:cut])
            assert raw[:whole].decode() == ("ab" + text)[: len(raw[:whole].decode())]
    assert whole_characters(b"\xff\xfe") == 2, "what no character begins with waits for nothing"
