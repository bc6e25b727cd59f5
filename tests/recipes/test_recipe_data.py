"""Tokenizing: prompts are masked, splits repeat, nothing is lost silently."""

import json

import pytest

pytest.importorskip("transformers")
pytest.importorskip("datasets")

from gladius.errors import ConfigError
from gladius.recipes import data
from gladius.recipes.config import DataConfig
from gladius.recipes.tiny_moe import make_tokenizer

pytestmark = pytest.mark.training

CHAT = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1"},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "2"},
]


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(["Be short. One? 1 Two? 2 What is it? It is what it is."] * 4, 400, 512)


def conversations(count):
    asked = [{"role": "user", "content": f"What is {index}?"} for index in range(count)]
    return [[turn, {"role": "assistant", "content": f"It is {index}."}] for index, turn in enumerate(asked)]


def learned(row, tokenizer):
    return tokenizer.decode([label for label in row["labels"] if label != data.IGNORED])


def test_only_the_assistants_words_are_learned(tokenizer):
    (row,) = data.encode([CHAT], tokenizer)
    assert len(row["input_ids"]) == len(row["labels"])
    assert learned(row, tokenizer) == "1<|end|>2<|end|>"
    assert "<|assistant|>1<|end|><|user|>Two?" in tokenizer.decode(row["input_ids"])


def test_a_template_that_rewrites_earlier_turns_teaches_the_last_answer(tokenizer):
    before = tokenizer.chat_template
    tokenizer.chat_template = before.replace(
        "{{ message['content'] }}",
        "{{ message['content'] }}{% if loop.last and not add_generation_prompt %}!{% endif %}",
    )
    try:
        (row,) = data.encode([CHAT], tokenizer)
    finally:
        tokenizer.chat_template = before
    assert learned(row, tokenizer) == "2!<|end|>"


def test_a_base_model_without_a_template_gets_headings(tokenizer):
    before, tokenizer.chat_template = tokenizer.chat_template, None
    try:
        (row,) = data.encode([CHAT[1:3]], tokenizer)
    finally:
        tokenizer.chat_template = before
    assert tokenizer.decode(row["input_ids"]) == "### Instruction:\nOne?\n\n### Response:\n1<|end|>\n\n"
    assert learned(row, tokenizer) == "1<|end|>"


def test_the_same_seed_gives_the_same_split_and_no_record_is_in_both(tokenizer):
    config = DataConfig(path="x", eval_fraction=0.2)
    first, second, other = (data.prepare(conversations(20), tokenizer, config, seed) for seed in (1, 1, 2))
    assert (len(first.train), len(first.evaluation)) == (16, 4)
    assert first.evaluation["input_ids"] == second.evaluation["input_ids"]
    assert first.evaluation["input_ids"] != other.evaluation["input_ids"]
    assert not {*map(tuple, first.train["input_ids"])} & {*map(tuple, first.evaluation["input_ids"])}


def test_a_test_split_leaves_the_evaluation_as_it_was(tokenizer):
    without, with_test = (
        data.prepare(conversations(20), tokenizer, DataConfig(path="x", eval_fraction=0.2, test_fraction=share), 1)
        for share in (0.0, 0.3)
    )
    assert without.test is None
    assert (len(with_test.train), len(with_test.evaluation), len(with_test.test)) == (10, 4, 6)
    assert with_test.evaluation["input_ids"] == without.evaluation["input_ids"]
    rows = [*with_test.train["input_ids"], *with_test.evaluation["input_ids"], *with_test.test["input_ids"]]
    assert len(set(map(tuple, rows))) == 20


def test_sample_prompts_end_where_the_answer_begins(tokenizer):
    prepared = data.prepare(conversations(20), tokenizer, DataConfig(path="x", eval_fraction=0.2), 1)
    prompts = data.sample_prompts(prepared.evaluation, 3, tokenizer)
    assert len(prompts) == 3
    for prompt in prompts:
        number = tokenizer.decode(prompt["input_ids"]).removeprefix("<|user|>What is ").split("?")[0]
        assert tokenizer.decode(prompt["input_ids"]) == f"<|user|>What is {number}?<|end|><|assistant|>"
        assert prompt["reference"] == f"It is {number}."
    assert data.sample_prompts(prepared.evaluation, 0, tokenizer) == data.sample_prompts(None, 8, tokenizer) == []


def test_cut_and_dropped_records_are_counted(tokenizer):
    long_answer = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "It is " * 100}]
    long_question = [{"role": "user", "content": "What is " * 100}, {"role": "assistant", "content": "1"}]
    config = DataConfig(path="x", max_length=40, eval_fraction=0)
    prepared = data.prepare([*conversations(3), long_answer, long_question], tokenizer, config, 0)
    assert (len(prepared.train), prepared.evaluation, prepared.cut, prepared.dropped) == (4, None, 2, 1)
    with pytest.raises(ConfigError, match=r"data\.max_length"):
        data.prepare([long_question] * 3, tokenizer, config, 0)


def test_a_limit_takes_records_spread_over_the_file(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"instruction": str(n), "output": str(n)}) + "\n" for n in range(10)))
    taken = data.load_conversations(DataConfig(path=str(path), max_samples=5))
    assert [conversation[0]["content"] for conversation in taken] == ["0", "2", "4", "6", "8"]


def test_batches_are_padded_on_the_right_and_masked(tokenizer):
    batch = data.collate(tokenizer.pad_token_id)(
        [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [8], "labels": [8]}]
    )
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, tokenizer.pad_token_id, tokenizer.pad_token_id]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [8, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_missing_or_empty_dataset_is_an_error_with_the_next_step(tmp_path):
    with pytest.raises(ConfigError, match=r"Check data\.path"):
        data.load_conversations(DataConfig(path=str(tmp_path / "missing.jsonl")))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ConfigError, match="holds 0 records"):
        data.load_conversations(DataConfig(path=str(tmp_path / "empty.jsonl")))


def test_of_a_plain_text_everything_is_learned(tokenizer):
    (row,) = data.encode([[{"role": "text", "content": "Hello there."}]], tokenizer)
    assert row["labels"] == row["input_ids"] and len(row["labels"]) > 2
    assert tokenizer.decode(row["input_ids"]) == "Hello there." + (tokenizer.eos_token or "")
