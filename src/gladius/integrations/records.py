"""Training records: alpaca, chat messages, ShareGPT or plain text. Upstream: record_files. Downstream: recipes, catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

from gladius.errors import BadRecord
from gladius.integrations.record_files import parts, rows

Message = Dict[str, str]
"""One turn: `role` and `content`."""

FORMATS = ("alpaca", "messages", "sharegpt", "text")
SPEAKERS = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "function_call": "assistant", "observation": "tool", "tool": "tool",
}  # fmt: skip
"""Who speaks in ShareGPT's words, and the role that it is."""
ROLES = ("system", "developer", "user", "assistant", "tool")
TEXT = "text"
"""The role of a plain text, which has no turns."""


def read_conversations(path: Union[str, Path], format: str = "auto") -> Iterator[List[Message]]:
    """Yield each record as a conversation, in the file's order; blank lines are skipped.

    `auto` takes each record for what its keys say. Raises BadRecord at the first line that is none, OSError where
    the file cannot be read.
    """
    for number, record in read_records(path):
        yield to_messages(record, format, path, number)


def read_records(path: Union[str, Path]) -> Iterator[Tuple[int, Dict[str, Any]]]:
    """Yield line number and record of every row that is not blank. Raises BadRecord where it is none."""
    for part in parts(Path(path)):
        for line, record, flaw in rows(part):
            if record is None:
                kind, problem, hint = flaw or ("bad_record", "not a JSON object", "")
                raise BadRecord(part, line, problem, hint, kind)
            yield line, record


def detect(record: Dict[str, Any]) -> Optional[str]:
    """Name the format by the record's keys; None where it is none of them."""
    if "messages" in record:
        return "messages"
    if "conversations" in record:
        return "sharegpt"
    if "instruction" in record and "output" in record:
        return "alpaca"
    return "text" if "text" in record else None


def to_messages(record: Dict[str, Any], format: str, path: Union[str, Path], line: int) -> List[Message]:
    """Turn one record into a conversation that ends with an assistant's answer. Raises BadRecord.

    Plain text is a conversation of one turn whose role is `text`: there is nobody who asks.
    """
    found = detect(record) if format == "auto" else format
    if found is None:
        keys = ", ".join(sorted(map(str, record))[:20]) or "none"
        problem = "neither alpaca nor messages nor conversations nor text (its keys: {})".format(keys)
        raise BadRecord(path, line, problem, _FORMAT_HINT, "missing_key" if record else "empty")
    kind, problem = _PROBLEMS[found](record) or ("", "")
    if problem:
        raise BadRecord(path, line, problem, _FORMAT_HINT, kind)
    if found == "text":
        return [{"role": TEXT, "content": record["text"]}]
    return _TURNS[found](record)


_FORMAT_HINT = 'Use {"instruction", "input", "output"}, {"messages": [{"role", "content"}]} or {"text"}.'
_Problem = Optional[Tuple[str, str]]


def _text_problem(record: Dict[str, Any]) -> _Problem:
    return _told(record, "text")


def _alpaca_problem(record: Dict[str, Any]) -> _Problem:
    for key in ("instruction", "output"):
        problem = _told(record, key)
        if problem:
            return problem
    for key in ("input", "system"):
        if not isinstance(record.get(key, ""), (str, type(None))):
            return "wrong_kind", "'{}' must be a text".format(key)
    return None


def _told(record: Dict[str, Any], key: str) -> _Problem:
    """What is wrong with a text that must be there."""
    if key not in record:
        return "missing_key", "the key '{}' is missing".format(key)
    if not isinstance(record[key], str) or not record[key].strip():
        kind = "empty" if record[key] is None or isinstance(record[key], str) else "wrong_kind"
        return kind, "'{}' must be a text that is not empty".format(key)
    return None


def _messages_problem(record: Dict[str, Any]) -> _Problem:
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        return "empty" if messages in (None, []) else "wrong_kind", "'messages' must be a list that is not empty"
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return "wrong_kind", "messages[{}] needs a 'role' out of {}".format(index, ", ".join(ROLES))
        if not isinstance(message.get("content"), str):
            return "wrong_kind", "messages[{}] needs a 'content' that is a text".format(index)
    if all(message["role"] != "assistant" for message in messages):
        return "no_answer", "no message of the assistant, so there is nothing to learn"
    return None


def _sharegpt_problem(record: Dict[str, Any]) -> _Problem:
    turns = record.get("conversations")
    if not isinstance(turns, list) or not turns:
        return "empty" if turns in (None, []) else "wrong_kind", "'conversations' must be a list that is not empty"
    for index, turn in enumerate(turns):
        if not isinstance(turn, dict) or turn.get("from") not in SPEAKERS:
            return "wrong_kind", "conversations[{}] needs a 'from' out of {}".format(index, ", ".join(SPEAKERS))
        if not isinstance(turn.get("value"), str):
            return "wrong_kind", "conversations[{}] needs a 'value' that is a text".format(index)
    if not isinstance(record.get("system", ""), (str, type(None))):
        return "wrong_kind", "'system' must be a text"
    if all(SPEAKERS[turn["from"]] != "assistant" for turn in turns):
        return "no_answer", "no answer of gpt, so there is nothing to learn"
    return None


_PROBLEMS: Dict[str, Callable[[Dict[str, Any]], _Problem]] = {
    "alpaca": _alpaca_problem, "messages": _messages_problem, "sharegpt": _sharegpt_problem,
    "text": _text_problem,
}  # fmt: skip


def _from_alpaca(record: Dict[str, Any]) -> List[Message]:
    asked = "\n\n".join(part for part in (record["instruction"], record.get("input")) if part)
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": record["output"]}]
    return [{"role": "system", "content": record["system"]}, *turns] if record.get("system") else turns


def _from_messages(record: Dict[str, Any]) -> List[Message]:
    turns = [{"role": message["role"], "content": message["content"]} for message in record["messages"]]
    while turns[-1]["role"] != "assistant":
        turns.pop()  # what follows the last answer is never answered: nothing to learn from it
    return turns


def _from_sharegpt(record: Dict[str, Any]) -> List[Message]:
    turns = [{"role": SPEAKERS[turn["from"]], "content": turn["value"]} for turn in record["conversations"]]
    system = [{"role": "system", "content": record["system"]}] if record.get("system") else []
    return _from_messages({"messages": system + turns})


_TURNS: Dict[str, Callable[[Dict[str, Any]], List[Message]]] = {
    "alpaca": _from_alpaca, "messages": _from_messages, "sharegpt": _from_sharegpt,
}  # fmt: skip
