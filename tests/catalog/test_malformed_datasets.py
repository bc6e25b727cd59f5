"""Datasets that are broken in every way that comes to mind: each names its file, place and mend; none stops another."""

import json
import struct

import pytest

from gladius.catalog.dataset_check import MOST_FINDINGS, check
from gladius.catalog.dataset_preview import preview
from gladius.catalog.datasets import Datasets

GOOD = {"instruction": "Say hi.", "output": "Hi."}
LINE = json.dumps(GOOD).encode() + b"\n"
INDEX = "dataset_info.json"

# File name, bytes, the line that is blamed (None: the whole file), a word of the problem, a word of the mend.
MALFORMED = {
    "nothing in it": ("a.jsonl", b"", None, "no records", "one JSON object"),
    "only a byte order mark": ("a.jsonl", b"\xef\xbb\xbf", None, "no records", "one JSON object"),
    "blank lines only": ("a.jsonl", b"\n \n\t\n", None, "no records", "one JSON object"),
    "bytes that are no UTF-8": ("a.jsonl", LINE + b'{"instruction": "\xff", "output": "x"}\n', 2, "not UTF-8", "UTF-8"),
    "UTF-16": ("a.jsonl", LINE.decode().encode("utf-16"), 1, "not UTF-8", "UTF-16"),
    "half a line": ("a.jsonl", LINE + LINE[:20], 2, "not JSON", "one JSON object"),
    "a number on a line": ("a.jsonl", LINE + b"42\n", 2, "not a JSON object", "one JSON object"),
    "nothing but null": ("a.jsonl", b"null\n", 1, "not a JSON object", "one JSON object"),
    "an empty object": ("a.jsonl", LINE + b"{}\n", 2, "its keys: none", "instruction"),
    "nested nulls": ("a.jsonl", b'{"messages": [null, {"role": null}]}\n', 1, "'role'", "messages"),
    "nested without end": ("a.jsonl", b'{"text": ' + b"[" * 100_000 + b"\n", 1, "nested", "flat"),
    "a key that stands twice": (
        "a.jsonl",
        b'{"instruction": "a", "output": "b", "output": "c"}',
        1,
        "'output'",
        "Leave",
    ),
    "half of a surrogate pair": ("a.jsonl", b'{"instruction": "\\ud800", "output": "b"}', 1, "half of a", "whole"),
    "a missing key": ("a.jsonl", LINE + b'{"instruction": "a", "answer": "b"}', 2, "its keys: answer", "output"),
    "an empty answer": ("a.jsonl", b'{"instruction": "a", "output": " "}', 1, "'output'", "instruction"),
    "an answer that is a number": ("a.jsonl", b'{"instruction": "a", "output": 3}', 1, "'output'", "instruction"),
    "nobody answers": (
        "a.jsonl",
        b'{"messages": [{"role": "user", "content": "x"}]}',
        1,
        "nothing to learn",
        "messages",
    ),
    "empty text": ("a.jsonl", b'{"text": ""}', 1, "'text'", "text"),
    "numbers in a list": ("a.json", b"[\n1, 2\n]", 2, "not a JSON object", "list of objects"),
    "no list": ("a.json", b'"records"', 1, "not a list", "list of objects"),
    "an empty list": ("a.json", b"[]", None, "no records", "list of objects"),
    "a list that breaks off": ("a.json", b"[\n" + LINE.strip() + b",\n" + LINE[:20], 3, "not JSON", "list of objects"),
    "a list that is not closed": ("a.json", b"[\n" + LINE.strip() + b"\n", 3, "breaks off", "list of objects"),
    "a list without a comma": ("a.json", b"[\n" + LINE + LINE + b"]", 3, "comma", "list of objects"),
    "a list of no UTF-8": ("a.json", b'[\n{"text": "\xff"}]', 2, "not UTF-8", "UTF-8"),
    "uneven rows": ("a.csv", b"instruction,output\na,b\na,b,c\n", 3, "3 cells", "quotes"),
    "a header with a hole": ("a.csv", b"instruction,,output\na,b,c\n", 1, "header", "Name every column"),
    "a header with a double": ("a.csv", b"text,text\na,b\n", 1, "header", "Name every column"),
    "a header alone": ("a.csv", b"instruction,output\n", None, "no records", "first line"),
    "an open quote": ("a.csv", b'instruction,output\na,"b\n', 2, "not a row", "quotes"),
    "a table of no UTF-8": ("a.csv", b"instruction,output\na,\xff\n", 2, "not UTF-8", "UTF-8"),
    "other columns": ("a.csv", b"question,answer\na,b\n", 2, "its keys: answer, question", "instruction"),
    "an empty text file": ("a.txt", b"\n\n", None, "no records", "one record a line"),
    "a text of no UTF-8": ("a.txt", b"fine\n\xc3\x28\n", 2, "not UTF-8", "UTF-8"),
    "no Parquet": ("a.parquet", b"PAR1 but no more", 1, "not readable", "anew"),
    "an empty Parquet file": ("a.parquet", b"", 1, "not readable", "anew"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_names_its_line_and_mend_and_stops_nothing_else(tmp_path, name):
    file, content, line, problem, mend = MALFORMED[name]
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / file).write_bytes(content)
    (tmp_path / "root" / "whole.jsonl").write_bytes(LINE)
    datasets = Datasets(tmp_path / "state", [tmp_path / "root"])
    found = {dataset.id: dataset for dataset in datasets.all()}
    assert found["whole"].records == 1 and found["whole"].problem is None

    bad = found["a"]
    assert bad.records is None
    assert str(tmp_path / "root" / file) in bad.problem and problem in bad.problem and mend in bad.problem
    assert line is None or f"line {line}:" in bad.problem
    finding = datasets.report("a").findings[0]
    assert finding.line == line and problem in finding.problem and mend in finding.hint
    assert preview(tmp_path / "root" / file, 0, 20).model_dump_json()


INDEXES = {
    "no JSON": (b"{", "line 1"),
    "no object": (b"[]", "object of objects"),
    "no UTF-8": (b"\xff", "object of objects"),
    "an entry that is a text": (b'{"mine": "a.jsonl"}', "'mine'"),
    "an entry without a file": (b'{"mine": {"hf_hub_url": "x/y"}}', "add 'file_name'"),
    "an entry whose file is gone": (b'{"mine": {"file_name": "gone.jsonl"}}', "gone.jsonl"),
    "an entry that leads out": (b'{"mine": {"file_name": "../secret.jsonl"}}', "leads out"),
    "an entry with a null byte": (b'{"mine": {"file_name": "a\\u0000b"}}', "add 'file_name'"),
    "other columns": (b'{"mine": {"file_name": "whole.jsonl", "columns": {"prompt": "question"}}}', "dataset_dir"),
    "columns that are a list": (b'{"mine": {"file_name": "whole.jsonl", "columns": []}, "x": 1}', "'x'"),
    "sharegpt": (
        b'{"mine": {"file_name": "whole.jsonl", "formatting": "sharegpt", "tags": {"role_tag": "who"}}}',
        "dataset_dir",
    ),
    "pairs": (b'{"mine": {"file_name": "whole.jsonl", "ranking": true}}', "dataset_dir"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_a_malformed_index_of_llama_factory_is_a_dataset_with_a_problem(tmp_path, name):
    content, word = INDEXES[name]
    root = tmp_path / "root"
    root.mkdir()
    (root / INDEX).write_bytes(content)
    (root / "other.jsonl").write_bytes(LINE)
    (root / "whole.jsonl").write_bytes(LINE)
    (tmp_path / "secret.jsonl").write_bytes(LINE)
    found = Datasets(tmp_path / "state", [root]).all()
    assert {dataset.id: dataset.records for dataset in found}["other"] == 1
    problems = [dataset.problem for dataset in found if dataset.problem]
    assert len(problems) == 1 and word in problems[0] and str(root) in problems[0]


def test_findings_are_bounded_and_all_are_counted(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_bytes(LINE + b"{}\n" * 5_000 + LINE * 3_000)
    report = check(path)
    assert (report.records, report.errors, report.total) == (3_001, 5_000, 8_000)
    assert report.counts == {"empty": 5_000, "duplicate": 3_000}
    assert len(report.findings) == MOST_FINDINGS


def test_doubles_and_endless_records_are_warnings_that_stop_no_start(tmp_path):
    path = tmp_path / "warned.jsonl"
    endless = json.dumps({"instruction": "x", "output": "y" * 1_000_000}).encode()
    path.write_bytes(LINE + b'{"output": "Hi.", "instruction": "Say hi."}\n' + endless + b"\n")
    report = check(path)
    assert report.problem is None and report.errors == 0 and report.records == 3
    assert [(one.line, one.kind, one.severity) for one in report.findings] == [
        (2, "duplicate", "warning"), (3, "long_record", "warning"),
    ]  # fmt: skip
    assert "line 1" in report.findings[0].problem


def test_a_line_beyond_all_bounds_is_skipped_and_the_next_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("gladius.integrations.record_rows.LONGEST", 1_000_000)
    path = tmp_path / "wide.jsonl"
    path.write_bytes(LINE + b'{"text": "' + b"x" * 3_000_000 + b'"}\n' + LINE[:-1])
    report = check(path)
    assert report.records == 2
    assert [(one.line, one.kind) for one in report.findings] == [(2, "too_long"), (3, "duplicate")]


def test_every_line_that_can_be_read_is_read_behind_broken_ones(tmp_path):
    path = tmp_path / "holes.jsonl"
    path.write_bytes(b"\xff\n{\n[]\n" + LINE)
    report = check(path)
    assert report.records == 1
    assert [(one.line, one.kind) for one in report.findings] == [
        (1, "broken_utf8"), (2, "broken_json"), (3, "not_object"),
    ]  # fmt: skip


def test_a_file_that_nobody_may_read_says_so(tmp_path, monkeypatch):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(LINE)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")
        yield

    monkeypatch.setattr("gladius.catalog.dataset_check.rows", refuse)
    datasets = Datasets(tmp_path.with_suffix(".state"), [tmp_path])
    assert "Permission denied" in datasets.get("mine").problem
    monkeypatch.undo()
    assert datasets.get("mine").records == 1  # not remembered: a right comes without a new time stamp


def test_a_parquet_file_that_breaks_off_is_told(tmp_path):
    path = tmp_path / "cut.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 64 + struct.pack("<I", 12) + b"PAR1")
    assert [one.kind for one in check(path).findings] == ["broken_file"]
