"""Columns of numbers in the safetensors format, written and read. Upstream: store. Downstream: server, client.

Eight bytes with the length of a header; the header, JSON that says under each name where its numbers lie; the numbers, eight
bytes each, in the order of bytes of every processor that this runs on. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

MEDIA_TYPE = "application/octet-stream"
"""The format has none of its own; this is what its files are sent as."""
_FACTS = "__metadata__"
_KINDS = {"d": "F64", "q": "I64", "l": "I64"}
_CODES = {"F64": "d", "I64": "q"}
_LENGTH = 8
_PIECE = 1 << 16


def header_of(columns: Iterable[tuple[str, Any]], facts: Mapping[str, str]) -> tuple[bytes, int]:
    """What stands before the numbers, and how many bytes it is with them."""
    header: dict[str, Any] = {_FACTS: facts}
    end = 0
    for name, numbers in columns:
        view = memoryview(numbers)
        begin, end = end, end + view.nbytes
        header[name] = {"dtype": _KINDS[view.format], "shape": [len(view)], "data_offsets": [begin, end]}
    told = msgspec.json.encode(header)
    told += b" " * (-len(told) % 8)  # so that the numbers begin where a number may
    return len(told).to_bytes(_LENGTH, "little") + told, _LENGTH + len(told) + end


def pieces_of(numbers: Any) -> Iterator[memoryview]:
    """The bytes of a column, a little at a time."""
    if len(numbers):  # a view of nothing cannot be cast
        view = memoryview(numbers).cast("B")
        for begin in range(0, len(view), _PIECE):
            yield view[begin : begin + _PIECE]


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
