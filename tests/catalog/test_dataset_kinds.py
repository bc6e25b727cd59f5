"""Every kind of file that holds records, read alike by check, preview and trainer."""

import json
import sys

import pytest

from gladius.catalog.dataset_check import check
from gladius.catalog.dataset_preview import LONGEST_TEXT, preview
from gladius.catalog.datasets import Datasets
from gladius.integrations.records import read_conversations

ALPACA = [{"instruction": f"Say {n}.", "input": "", "output": f"{n}."} for n in range(3)]
CHAT = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": str(n)}]} for n in range(3)]
SHAREGPT = [
    {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": str(n)}], "system": "Be short."}
    for n in range(3)
]
TEXT = [{"text": f"Line {n}, \u00e4\u4e16."} for n in range(3)]


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def table(records, comma=","):
    head = comma.join(records[0])
    return "\n".join([head, *(comma.join(f'"{value}"' for value in record.values()) for record in records)]) + "\n"


WRITTEN = {
    "alpaca.jsonl": (lines(ALPACA), "alpaca"),
    "chat.jsonl": (lines(CHAT), "messages"),
    "sharegpt.json": (json.dumps(SHAREGPT), "sharegpt"),
    "text.jsonl": (lines(TEXT), "text"),
    "alpaca.json": (json.dumps(ALPACA, indent=1), "alpaca"),
    "chat.json": ("\ufeff" + json.dumps(CHAT), "messages"),
    "lines.json": (lines(ALPACA), "alpaca"),
    "alpaca.csv": (table(ALPACA), "alpaca"),
    "windows.csv": ("\ufeff" + table(TEXT).replace("\n", "\r\n"), "text"),
    "alpaca.tsv": (table(ALPACA, "\t"), "alpaca"),
    "plain.txt": ("".join(record["text"] + "\n\n" for record in TEXT), "text"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_is_counted_shown_and_trained_on_by_its_format(tmp_path, name):
    content, format_ = WRITTEN[name]
    path = tmp_path / name
    path.write_bytes(content.encode())
    report = check(path)
    assert (report.records, report.format, report.total) == (3, format_, 0), report.findings
    conversations = list(read_conversations(path))
    wanted = {"alpaca": "0.", "messages": "0", "sharegpt": "0", "text": TEXT[0]["text"]}[format_]
    assert conversations[0][-1]["content"] == wanted and len(conversations) == 3
    shown = preview(path, 0, 2)
    assert len(shown.records) == 2 and shown.next == 2
    assert preview(path, 2, 2).next is None


def test_parquet_and_folders_that_datasets_saved_are_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_list(ALPACA)
    made.to_parquet(tmp_path / "table.parquet")
    made.save_to_disk(tmp_path / "saved")
    datasets.DatasetDict({"test": made.select([0]), "train": made}).save_to_disk(tmp_path / "splits")
    hub = tmp_path / "hub" / "data"
    hub.mkdir(parents=True)
    made.to_parquet(hub / "train-00000-of-00001.parquet")
    made.select([0]).to_parquet(hub / "test-00000-of-00001.parquet")
    found = Datasets(tmp_path.with_suffix(".state"), [tmp_path]).all()
    told = {one.id: (one.records, one.format, one.problem) for one in found if not one.builtin}
    assert told == dict.fromkeys(("table", "saved", "splits", "hub"), (3, "alpaca", None))
    for name in ("table.parquet", "saved", "splits", "hub"):
        assert [turns[-1]["content"] for turns in read_conversations(tmp_path / name)] == ["0.", "1.", "2."]


def test_without_pyarrow_a_parquet_file_is_shown_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    datasets = Datasets(tmp_path.with_suffix(".state"), [tmp_path])
    assert "needs pyarrow" in datasets.get("table").problem
    assert "pip install pyarrow" in datasets.get("table").problem
    monkeypatch.undo()
    assert "needs pyarrow" not in datasets.get("table").problem  # installed since: looked at anew


def test_llama_factorys_index_names_its_datasets(tmp_path):
    folder = tmp_path / "factory"
    folder.mkdir()
    (folder / "one.jsonl").write_text(lines(ALPACA))
    (folder / "two.json").write_text(json.dumps(CHAT))
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    index = {
        "first": {"file_name": "one.jsonl", "columns": {"prompt": "instruction", "response": "output"}},
        "second": {
            "file_name": "two.json",
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": tags,
        },
    }
    (folder / "three.json").write_text(json.dumps(SHAREGPT))
    index["third"] = {"file_name": "three.json", "formatting": "sharegpt", "columns": {"messages": "conversations"}}
    (folder / "dataset_info.json").write_text(json.dumps(index))
    found = {one.id: one for one in Datasets(tmp_path.with_suffix(".state"), [tmp_path]).all()}
    assert (found["first"].format, found["first"].records) == ("alpaca", 3)
    assert (found["second"].format, found["second"].records) == ("messages", 3)
    assert (found["third"].format, found["third"].records) == ("sharegpt", 3)
    assert "one" not in found  # the same file under one name


def test_a_long_list_is_read_in_pieces_with_the_right_lines(tmp_path, monkeypatch):
    monkeypatch.setattr("gladius.integrations.record_json._PIECE", 7)
    path = tmp_path / "list.json"
    path.write_text("[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in [*TEXT, 12345]) + "\n]\n")
    report = check(path)
    assert report.records == 3
    assert [(one.line, one.kind) for one in report.findings] == [(5, "not_object")]


def test_a_preview_cuts_what_would_fill_the_page(tmp_path):
    path = tmp_path / "big.jsonl"
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    path.write_text(json.dumps({"text": "y" * 10_000, "many": list(range(1_000)), "deep": deep, "n": 10**400}))
    (record,) = preview(path, 0, 5).records
    assert record.problem is None
    assert len(record.record["text"]) == LONGEST_TEXT + 1 and len(record.record["many"]) == 101
    assert len(preview(path, 0, 5).model_dump_json()) < 20_000


def test_what_was_read_is_remembered_by_the_disk_and_read_once(tmp_path, monkeypatch):
    (tmp_path / "kept.json").write_text(json.dumps(ALPACA))
    assert Datasets(tmp_path.with_suffix(".state"), [tmp_path]).get("kept").records == 3

    def never(*_):
        raise AssertionError("read again")

    monkeypatch.setattr("gladius.catalog.dataset_memory.check", never)
    again = Datasets(tmp_path.with_suffix(".state"), [tmp_path])
    assert [one.records for one in again.all() if one.id == "kept"] == [3]
    assert again.report("kept").records == 3
