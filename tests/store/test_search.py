"""Search over the whole of a console.log."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gladius.errors import SearchInvalid
from gladius.store.grep import Search, answer
from gladius.store.logs import read_range
from gladius.store.search import search
from gladius.wire.runs import SearchPage


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "console.log"
    path.write_bytes(b"first\r\n\x1b[1;32mGreen\x1b[0m text\nlast \xff line without end")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "console.log"
    path.write_bytes(b"".join(b"line %d\n" % i for i in range(1, 400_001)))
    return path


def places(page: SearchPage) -> list[tuple[int, int, str]]:
    return [(hit.offset, hit.line, hit.text) for hit in page.hits]


def test_search_sees_no_colours_and_every_line(log: Path, tmp_path: Path) -> None:
    assert places(search(log, "green TEXT")) == [(7, 2, "Green text")]
    assert [hit.line for hit in search(log, "without end").hits] == [3]
    assert [hit.text for hit in search(log, r"^f\w+$", regex=True).hits] == ["first"]
    nothing = search(log, "nowhere")
    assert (nothing.hits, nothing.next, nothing.stopped, nothing.size) == ([], None, "end", log.stat().st_size)
    assert search(tmp_path / "none", "x").hits == []


def test_case_does_not_matter_in_any_script_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("Ошибка: файл\nÉTÉ\nplain\n", encoding="utf-8")
    assert [hit.line for hit in search(path, "оШИБКА").hits] == [1]
    assert [hit.line for hit in search(path, "été").hits] == [2]
    assert [hit.line for hit in search(path, r"фа\w+$", regex=True).hits] == [1]
    assert search(path, "оШИБКА", case=True).hits == []
    assert [hit.line for hit in search(path, "Ошибка", case=True).hits] == [1]


def test_whole_words_are_words_of_any_script(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("loss 1\nglossary\nпотеря\nпотери и потеря\n", encoding="utf-8")
    assert [hit.line for hit in search(path, "loss", word=True).hits] == [1]
    assert [hit.line for hit in search(path, "потери", word=True).hits] == [4]


def test_the_place_in_a_large_file_is_exact_from_both_ends(large: Path) -> None:
    for newest in (False, True):
        for number in (1, 123_456, 400_000):
            (hit,) = search(large, f"line {number}", word=True, newest=newest, limit=1).hits
            assert hit.line == number
            assert read_range(large, hit.offset, len(hit.text)).data == f"line {number}".encode()


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("regex", [False, True])
def test_pages_follow_each_other_without_gap_or_repetition(large: Path, newest: bool, regex: bool) -> None:
    lines, start = [], None
    while True:
        page = search(large, "99999", newest=newest, regex=regex, start=start, limit=2)
        lines += [hit.line for hit in page.hits]
        start = page.next
        if start is None:
            break
        assert page.stopped in ("limit", "time")
    assert lines == sorted([99_999, 199_999, 299_999, 399_999], reverse=newest)


def test_of_a_bar_that_was_drawn_over_and_over_the_matching_picture_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"\r{i}%|{'#' * i}" for i in range(101)) + "\ndone\n")
    assert places(search(path, "42%")) == [(0, 1, "42%|" + "#" * 42)]


def test_of_a_long_line_the_surroundings_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 1_000_000 + "needle" + "y" * 1_000_000 + "\nend\n")
    (hit,) = search(path, "needle").hits
    assert "needle" in hit.text
    assert len(hit.text) == 2000


@pytest.mark.parametrize("pattern", ["(", "[", "(?P<x", "*"])
def test_patterns_that_cannot_be_used_are_refused(log: Path, pattern: str) -> None:
    with pytest.raises(SearchInvalid):
        search(log, pattern, regex=True)


def test_a_pattern_that_explodes_is_interrupted_and_the_line_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("aab\n" + "a" * 60 + "!\nab\n")
    began = time.monotonic()
    page = search(path, "^(a+)+b$", regex=True, seconds=0.4)
    assert time.monotonic() - began < 3
    assert ([hit.line for hit in page.hits], page.stopped) == ([1], "pattern")
    assert [hit.line for hit in search(path, "^(a+)+b$", regex=True, start=page.next).hits] == [3]


def test_a_search_out_of_time_goes_on_where_it_stopped(large: Path) -> None:
    page = search(large, "^.*x$", regex=True, seconds=0.05)
    # A machine that is busy elsewhere may spend all of it on one line.
    assert page.stopped in ("time", "pattern")
    assert page.next is not None
    assert read_range(large, page.next.offset, 40).data.startswith(b"line %d\n" % page.next.line)


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("endless") / "console.log"
    path.write_bytes(b"first\n" + b"y" * (5 << 20) + b"needle" + b"z" * (5 << 20) + b"\nthird\nfourth")
    return path


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("regex", [False, True])
def test_beyond_a_line_of_megabytes_places_and_numbers_are_exact(endless: Path, newest: bool, regex: bool) -> None:
    data = endless.read_bytes()
    for number, word in enumerate(("first", "needle", "third", "fourth"), 1):
        (hit,) = search(endless, word, newest=newest, regex=regex).hits
        assert hit.line == number
        assert hit.offset == data.index(word.encode()) or (
            word == "needle" and 0 < data.index(b"needle") - hit.offset < 2 << 20
        )
        assert len(hit.text) <= 2000


def test_a_log_that_takes_too_long_to_count_is_searched_from_its_end_without_numbers(endless: Path) -> None:
    request = {"q": "fourth", "regex": False, "word": False, "case": True, "newest": True, "limit": 1}
    request |= {"path": str(endless), "offset": None, "line": None, "seconds": 0.0}
    found = answer(request, Search(request))
    assert [(hit["line"], hit["text"]) for hit in found["hits"]] == [(None, "fourth")]
    assert found["next"] == {"offset": endless.stat().st_size - len("fourth"), "line": None}
