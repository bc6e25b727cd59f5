"""Datasets: the built-in one and JSONL files, counted once."""

import json
import os
import platform

import pytest

from gladius.catalog.datasets import Datasets
from gladius.errors import DatasetNotFound

ALPACA = {"instruction": "Say hi.", "input": "", "output": "Hi."}
CHAT = {"messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "Hi."}]}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "datasets"
    folder.mkdir()
    return folder


@pytest.fixture
def datasets(tmp_path, root):
    return Datasets(tmp_path / "state", [root])


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def test_stdlib_docs_has_no_counts_until_it_is_built(datasets, tmp_path):
    info = datasets.get("stdlib-docs").info()
    assert (info.records, info.bytes, info.builtin) == (None, None, True)
    cache = tmp_path / "state" / "datasets"
    cache.mkdir(parents=True)
    write(cache / f"stdlib-docs-{platform.python_version()}.jsonl", ALPACA, ALPACA)
    assert datasets.get("stdlib-docs").records == 2
    assert datasets.get("stdlib-docs").config() == {"id": "stdlib-docs", "builtin": "stdlib-docs", "cache": str(cache)}


@pytest.mark.parametrize(("record", "name"), [(ALPACA, "alpaca"), (CHAT, "messages")])
def test_format_and_counts_come_from_the_file(datasets, root, record, name):
    write(root / "small.jsonl", record, record, record)
    info = datasets.get("small").info()
    assert (info.format, info.records, info.bytes) == (name, 3, (root / "small.jsonl").stat().st_size)
    assert datasets.get("small").config() == {"id": "small", "path": str(root / "small.jsonl"), "format": name}


def test_a_mixed_file_is_left_to_the_recipe(datasets, root):
    write(root / "both.jsonl", ALPACA, CHAT)
    assert datasets.get("both").format == "mixed"
    assert datasets.get("both").config()["format"] == "auto"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('{"instruction": "x"', "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"words": "x"}', "its keys: words"),
        ('{"instruction": "x", "output": ""}', "'output'"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "nothing to learn"),
        ('{"messages": [{"role": "bot", "content": "x"}]}', "'role'"),
    ],
)
def test_the_first_bad_line_is_named(datasets, root, line, word):
    (root / "bad.jsonl").write_text(json.dumps(ALPACA) + "\n\n" + line + "\n", encoding="utf-8")
    dataset = datasets.get("bad")
    assert "bad.jsonl, line 3:" in dataset.problem
    assert word in dataset.problem
    assert dataset.records is None


def test_an_empty_file_has_a_problem(datasets, root):
    (root / "empty.jsonl").touch()
    assert "no records" in datasets.get("empty").problem


def test_a_file_is_read_again_only_when_it_changed(tmp_path, root):
    path = root / "kept.jsonl"
    write(path, ALPACA, ALPACA)
    stat = path.stat()
    assert Datasets(tmp_path / "state", [root]).get("kept").records == 2
    path.write_bytes(b"x" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert Datasets(tmp_path / "state", [root]).get("kept").records == 2  # remembered on the disk by another object
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert Datasets(tmp_path / "state", [root]).get("kept").problem is not None


def test_the_same_name_in_two_folders_is_two_datasets(tmp_path, root):
    other = tmp_path / "other"
    other.mkdir()
    for folder in (root, other):
        write(folder / "my data.jsonl", ALPACA)
    ids = [dataset.id for dataset in Datasets(tmp_path / "state", [root, other]).all()]
    assert ids == ["stdlib-docs", "my-data", "other-my-data"]


def test_an_unknown_dataset_is_an_error_with_the_next_step(datasets):
    with pytest.raises(DatasetNotFound, match="gladius dataset ls"):
        datasets.get("nope")
