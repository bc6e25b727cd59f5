"""Training records: what is one, and what is not."""

import json

import pytest

from gladius.errors import BadRecord
from gladius.integrations.records import read_conversations


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_alpaca_and_messages_become_the_same_conversation(tmp_path):
    path = write(
        tmp_path / "both.jsonl",
        {"instruction": "Add.", "input": "1 + 1", "output": "2"},
        {"messages": [{"role": "user", "content": "Add.\n\n1 + 1"}, {"role": "assistant", "content": "2"}]},
    )
    first, second = read_conversations(path)
    assert first == second == [{"role": "user", "content": "Add.\n\n1 + 1"}, {"role": "assistant", "content": "2"}]


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    path = tmp_path / "windows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"instruction": "Hi.", "output": "Hi."}\r\n\r\n')
    assert len(list(read_conversations(path))) == 1


def test_turns_after_the_last_answer_are_left_out(tmp_path):
    turns = [("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello."), ("user", "Bye.")]
    path = write(tmp_path / "open.jsonl", {"messages": [{"role": role, "content": text} for role, text in turns]})
    (conversation,) = read_conversations(path)
    assert [message["role"] for message in conversation] == ["system", "user", "assistant"]


def test_a_bad_record_carries_its_line(tmp_path):
    path = write(tmp_path / "bad.jsonl", {"instruction": "Hi.", "output": "Hi."}, {"instruction": "Hi.", "output": 3})
    with pytest.raises(BadRecord) as caught:
        list(read_conversations(path))
    assert caught.value.line == 2
    assert "'output'" in caught.value.problem


def test_a_named_format_is_not_guessed(tmp_path):
    path = write(tmp_path / "chat.jsonl", {"messages": [{"role": "assistant", "content": "Hi."}]})
    with pytest.raises(BadRecord, match="'instruction'"):
        list(read_conversations(path, "alpaca"))
