"""Count tokens as the recipe would train on them. Upstream: a request on stdin. Downstream: one line of JSON on stdout.

`python -m gladius.recipes.token_lengths` with {"path", "tokenizer", "records", "sample", "limit"}.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gladius.errors import BadRecord
from gladius.integrations.record_files import rows
from gladius.integrations.records import Message, to_messages
from gladius.recipes.data import encode

_BARS = 20


def main() -> None:
    """Answer the request."""
    answer = _answer(json.loads(sys.stdin.read()))
    sys.stdout.write("\n" + json.dumps(answer))


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        hint = "There, type: pip install 'gladius-console[recipe]'"
        return {"error": "transformers is not installed where this console runs.", "hint": hint}
    try:
        tokenizer = AutoTokenizer.from_pretrained(request["tokenizer"], local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = str(error).strip().partition("\n")[0][:300]
        return {"error": f"The tokenizer cannot be read: {told}", "hint": "Save it anew with save_pretrained()."}
    seen, chosen = _chosen(Path(request["path"]), request.get("records"), request["sample"])
    if not chosen:
        return {"error": "There is no record to count.", "hint": "Look at what is wrong with the dataset first."}
    lengths = [len(one["input_ids"]) for one in encode(chosen, tokenizer)]
    return {
        "tokenizer": request["tokenizer"],
        "records": seen,
        **histogram(lengths),
        **_above(lengths, request.get("limit")),
    }


def _above(lengths: list[int], limit: int | None) -> dict[str, Any]:
    return {} if limit is None else {"limit": limit, "above": sum(length > limit for length in lengths)}


def _chosen(path: Path, records: int | None, sample: int) -> tuple[int, list[list[Message]]]:
    """How many good records there are, and some, spread evenly; of a dataset never counted the first ones."""
    stride = max(1, math.ceil((records or 0) / sample))
    seen = 0
    chosen: list[list[Message]] = []
    for conversation in _good(path):
        if seen % stride == 0 and len(chosen) < sample:
            chosen.append(conversation)
        seen += 1
    return seen, chosen


def _good(path: Path) -> Iterator[list[Message]]:
    for line, record, _ in rows(path):
        try:
            if record is not None:
                yield to_messages(record, "auto", path, line)
        except BadRecord:
            continue


def histogram(lengths: list[int]) -> dict[str, Any]:
    """Bars of one round width from the shortest to the longest, and what people ask of lengths."""
    ordered = sorted(lengths)
    width = _round_up((ordered[-1] - ordered[0] + 1) / _BARS)
    first = ordered[0] // width
    counts = [0] * (ordered[-1] // width - first + 1)
    for length in ordered:
        counts[length // width - first] += 1
    return {
        "counted": len(ordered), "total": sum(ordered), "min": ordered[0], "max": ordered[-1],
        "mean": round(statistics.fmean(ordered), 2), "median": int(statistics.median_low(ordered)),
        **{f"p{share}": ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)] for share in (25, 75, 95, 99)},
        "edges": [(first + bar) * width for bar in range(len(counts) + 1)], "counts": counts,
    }  # fmt: skip


def _round_up(width: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    unit = 1
    while True:
        for factor in (1, 2, 5):
            if factor * unit >= width:
                return factor * unit
        unit *= 10


if __name__ == "__main__":
    main()
