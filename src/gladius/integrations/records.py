"""Read training records from JSONL, alpaca or chat. Upstream: a user's file. Downstream: recipes, catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from gladius.errors import BadRecord

Message = Dict[str, str]
"""One turn: `role` and `content`."""

FORMATS = ("alpaca", "messages")
ROLES = ("system", "developer", "user", "assistant", "tool")


def read_conversations(path: Union[str, Path], format: str = "auto") -> Iterator[List[Message]]:
    """Yield each record as a conversation, in the file's order; blank lines are skipped.

    `auto` takes each record for what its keys say. Raises BadRecord at the first line that is none, OSError where
    the file cannot be read.
    """
    for number, record in read_records(path):
        yield to_messages(record, format, path, number)


def read_records(path: Union[str, Path]) -> Iterator[Tuple[int, Dict[str, Any]]]:
    """Yield line number and JSON object of every line that is not blank. Raises BadRecord where it is no object."""
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig"))
            except ValueError as error:
                raise BadRecord(
                    path, number, "not JSON in UTF-8 ({})".format(error), "Each line is one JSON object."
                ) from error
            if not isinstance(record, dict):
                raise BadRecord(path, number, "not a JSON object", "Each line is one JSON object.")
            yield number, record


def detect(record: Dict[str, Any]) -> Optional[str]:
    """Name the format by the record's keys; None where it is neither."""
    if "messages" in record:
        return "messages"
    return "alpaca" if "instruction" in record and "output" in record else None


def to_messages(record: Dict[str, Any], format: str, path: Union[str, Path], line: int) -> List[Message]:
    """Turn one record into a conversation that ends with an assistant's answer. Raises BadRecord."""
    found = detect(record) if format == "auto" else format
    if found is None:
        keys = ", ".join(sorted(record)) or "none"
        raise BadRecord(path, line, "neither alpaca nor messages (its keys: {})".format(keys), _FORMAT_HINT)
    problem = _alpaca_problem(record) if found == "alpaca" else _messages_problem(record)
    if problem:
        raise BadRecord(path, line, problem, _FORMAT_HINT)
    return _from_alpaca(record) if found == "alpaca" else _from_messages(record)


_FORMAT_HINT = 'Use {"instruction", "input", "output"} or {"messages": [{"role", "content"}]}.'


def _alpaca_problem(record: Dict[str, Any]) -> Optional[str]:
    for key in ("instruction", "output"):
        if not isinstance(record.get(key), str) or not record[key].strip():
            return "'{}' must be a text that is not empty".format(key)
    for key in ("input", "system"):
        if not isinstance(record.get(key, ""), (str, type(None))):
            return "'{}' must be a text".format(key)
    return None


def _messages_problem(record: Dict[str, Any]) -> Optional[str]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        return "'messages' must be a list that is not empty"
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return "messages[{}] needs a 'role' out of {}".format(index, ", ".join(ROLES))
        if not isinstance(message.get("content"), str):
            return "messages[{}] needs a 'content' that is a text".format(index)
    if all(message["role"] != "assistant" for message in messages):
        return "no message of the assistant, so there is nothing to learn"
    return None


def _from_alpaca(record: Dict[str, Any]) -> List[Message]:
    asked = "\n\n".join(part for part in (record["instruction"], record.get("input")) if part)
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": record["output"]}]
    return [{"role": "system", "content": record["system"]}, *turns] if record.get("system") else turns


def _from_messages(record: Dict[str, Any]) -> List[Message]:
    turns = [{"role": message["role"], "content": message["content"]} for message in record["messages"]]
    while turns[-1]["role"] != "assistant":
        turns.pop()  # what follows the last answer is never answered: nothing to learn from it
    return turns
