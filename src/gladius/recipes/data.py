"""Turn records into token ids with the prompt masked. Upstream: records, stdlib_docs. Downstream: finetune."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius.errors import ConfigError
from gladius.integrations.records import TEXT, Message, read_conversations
from gladius.recipes import stdlib_docs
from gladius.recipes.config import DataConfig

IGNORED = -100
"""The label of a token that is no target: prompts and padding."""

_PLAIN_ROLES = {"user": "### Instruction:", "assistant": "### Response:"}


@dataclass(frozen=True)
class Prepared:
    """Token ids to train on. `dropped` records had no answer within `max_length` tokens, `cut` ones lost their end."""

    train: Any
    evaluation: Any | None
    test: Any | None
    dropped: int
    cut: int


def load_conversations(config: DataConfig) -> list[list[Message]]:
    """Read the records, at most `max_samples`, spread evenly over the file. Raises BadRecord, ConfigError."""
    path = stdlib_docs.build(cache_folder(config)) if config.builtin else Path(str(config.path)).expanduser()
    try:
        conversations = list(read_conversations(path, config.format))
    except OSError as error:
        hint = "Check data.path."
        raise ConfigError(f"Cannot read the dataset {path}: {error.strerror}.", hint, "data.path") from error
    if len(conversations) < 2:
        raise ConfigError(f"{path} holds {len(conversations)} records.", "Two at least are needed.", "data.path")
    if config.max_samples is None or config.max_samples >= len(conversations):
        return conversations
    stride = len(conversations) / config.max_samples
    return [conversations[int(index * stride)] for index in range(config.max_samples)]


def cache_folder(config: DataConfig) -> Path:
    """Where built-in datasets are kept: `data.cache`, else the Gladius home, else the user's cache."""
    if config.cache:
        return Path(config.cache).expanduser()
    home = os.environ.get("GLADIUS_HOME")
    return Path(home, "state", "datasets") if home else Path.home() / ".cache" / "gladius" / "datasets"


def texts(conversations: Iterable[list[Message]]) -> Iterable[str]:
    """Every turn's text, for a tokenizer to learn from."""
    return (message["content"] for conversation in conversations for message in conversation)


def prepare(conversations: list[list[Message]], tokenizer: Any, config: DataConfig, seed: int) -> Prepared:
    """Tokenize, mask all but the assistant's words, and split. The same input and seed give the same split."""
    from datasets import Dataset

    rows, dropped, cut = [], 0, 0
    for whole in encode(conversations, tokenizer):
        cut += len(whole["input_ids"]) > config.max_length
        row = {name: ids[: config.max_length] for name, ids in whole.items()}
        if any(label != IGNORED for label in row["labels"][1:]):  # the first token is never predicted
            rows.append(row)
        else:
            dropped += 1
    if len(rows) < 2:
        hint = f"Raise data.max_length (now {config.max_length})."
        raise ConfigError(f"{len(rows)} of {len(conversations)} records keep an answer.", hint, "data.max_length")
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
    columns["length"] = [len(row["input_ids"]) for row in rows]
    dataset = Dataset.from_dict(columns)
    dataset, evaluation = _hold_out(dataset, config.eval_fraction, len(rows), seed)
    dataset, test = _hold_out(dataset, config.test_fraction, len(rows), seed)
    return Prepared(dataset, evaluation, test, dropped, cut)


def _hold_out(dataset: Any, fraction: float, rows: int, seed: int) -> tuple[Any, Any | None]:
    """Take a share of all `rows` out of a dataset, at least one row, and leave at least one."""
    count = min(len(dataset) - 1, max(1, round(rows * fraction))) if fraction else 0
    if count < 1:
        return dataset, None
    parts = dataset.train_test_split(test_size=count, seed=seed)
    return parts["train"], parts["test"]


def sample_prompts(dataset: Any | None, count: int, tokenizer: Any) -> list[dict[str, Any]]:
    """The first `count` questions of a prepared dataset: `input_ids` up to the first answer, `reference` the answer."""
    prompts = []
    for row in dataset.select(range(min(count, len(dataset)))) if dataset is not None else ():
        labels = row["labels"]
        start = next(index for index, label in enumerate(labels) if label != IGNORED)
        answer = list(itertools.takewhile(lambda label: label != IGNORED, labels[start:]))
        if start:
            text = tokenizer.decode(answer, skip_special_tokens=True).strip()
            prompts.append({"input_ids": row["input_ids"][:start], "reference": text})
    return prompts


def collate(pad_token_id: int) -> Any:
    """A collator that pads on the right to the longest row of the batch: tensors of [batch, longest]."""
    import torch

    def pad(rows: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in rows)

        def stack(name: str, filler: int) -> Any:
            return torch.tensor([[*row[name], *[filler] * (longest - len(row[name]))] for row in rows])

        mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
        return {
            "input_ids": stack("input_ids", pad_token_id),
            "labels": stack("labels", IGNORED),
            "attention_mask": torch.tensor(mask),
        }

    return pad


def encode(conversations: list[list[Message]], tokenizer: Any) -> Iterable[dict[str, list[int]]]:
    """Tokenize all pieces at once (the tokenizer is fast in bulk only), then join each conversation's."""
    pieces = [_pieces(conversation, tokenizer) for conversation in conversations]
    flat = [text for conversation in pieces for text, _ in conversation]
    encoded = iter(tokenizer(flat, add_special_tokens=False, return_attention_mask=False)["input_ids"])
    for conversation in pieces:
        ids: list[int] = []
        labels: list[int] = []
        for (_, is_answer), tokens in zip(conversation, itertools.islice(encoded, len(conversation))):  # noqa: B905 (Python 3.9)
            ids += tokens
            labels += tokens if is_answer else [IGNORED] * len(tokens)
        yield {"input_ids": ids, "labels": labels}


def _pieces(conversation: list[Message], tokenizer: Any) -> list[tuple[str, bool]]:
    """Cut a rendered conversation into texts that are to be learned (True) or not; of a plain text it is all."""
    if conversation[0]["role"] == TEXT:
        return [(conversation[0]["content"] + (tokenizer.eos_token or ""), True)]
    if not getattr(tokenizer, "chat_template", None):
        return _plain_pieces(conversation, tokenizer)
    whole = _render(conversation, tokenizer, False)
    pieces, done = [], 0
    for index, message in enumerate(conversation):
        if message["role"] != "assistant":
            continue
        before = _render(conversation[:index], tokenizer, True)
        after = _render(conversation[: index + 1], tokenizer, False)
        if not (whole.startswith(after) and after.startswith(before)):
            return _last_answer(conversation, whole, tokenizer)
        pieces += [(whole[done : len(before)], False), (whole[len(before) : len(after)], True)]
        done = len(after)
    return pieces


def _last_answer(conversation: list[Message], whole: str, tokenizer: Any) -> list[tuple[str, bool]]:
    """Some templates rewrite earlier turns (they drop old thoughts): then only the last answer is a sure target."""
    prompt = _render(conversation[:-1], tokenizer, True)
    start = len(os.path.commonprefix([whole, prompt]))  # noqa: RUF071 (characters are meant)
    return [(whole[:start], False), (whole[start:], True)]


def _render(conversation: Sequence[Message], tokenizer: Any, answer_next: bool) -> str:
    return str(tokenizer.apply_chat_template(list(conversation), tokenize=False, add_generation_prompt=answer_next))


def _plain_pieces(conversation: list[Message], tokenizer: Any) -> list[tuple[str, bool]]:
    """A base model knows no chat template: headings mark the turns, the end token closes each answer."""
    pieces = []
    for message in conversation:
        head = _PLAIN_ROLES.get(message["role"], "### {}:".format(message["role"].capitalize()))
        if message["role"] == "assistant":
            pieces += [(head + "\n", False), (message["content"] + (tokenizer.eos_token or ""), True), ("\n\n", False)]
        else:
            pieces.append(("{}\n{}\n\n".format(head, message["content"]), False))
    return pieces
