"""Columns of numbers in the safetensors format, written and read. Upstream: store. Downstream: server, client.

Eight bytes with the length of a header; the header, JSON that says under each name where its numbers lie; the numbers, eight
bytes each, the lowest first as in the memory of every processor that this runs on. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

MEDIA_TYPE = "application/octet-stream"
"""The format has none of its own; this is what its files are sent as."""
_FACTS = "__metadata__"
_KINDS = {"d": "F64", "q": "I64"}
_CODES = {kind: code for code, kind in _KINDS.items()}
_LENGTH = 8


def header_of(columns: Iterable[tuple[str, str, int]], facts: Mapping[str, str]) -> tuple[bytes, int]:
    """What stands before the numbers of columns (name, type code, count), and how many bytes it is with them."""
    header: dict[str, Any] = {_FACTS: facts}
    end = 0
    for name, code, count in columns:
        begin, end = end, end + 8 * count
        header[name] = {"dtype": _KINDS[code], "shape": [count], "data_offsets": [begin, end]}
    told = msgspec.json.encode(header)
    told += b" " * (-len(told) % 8)  # so that the numbers begin where a number may
    return len(told).to_bytes(_LENGTH, "little") + told, _LENGTH + len(told) + end


def read_tensors(content: bytes) -> tuple[dict[str, array[Any]], dict[str, str]]:
    """The columns of an answer by name, and what was said beside them."""
    begin = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header = msgspec.json.decode(content[_LENGTH:begin])
    facts: dict[str, str] = header.pop(_FACTS, {})
    numbers = memoryview(content)[begin:]
    found = {}
    for name, one in header.items():
        first, end = one["data_offsets"]
        found[name] = array(_CODES[one["dtype"]])
        found[name].frombytes(numbers[first:end])
    return found, facts
