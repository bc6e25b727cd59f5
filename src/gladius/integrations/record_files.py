"""Read the rows of a dataset, whatever kind its file is, and go on behind a broken one. Upstream: files. Downstream: records, catalog.

A broken row is yielded as a flaw with its line; only what makes the rest unreadable (a list that breaks off) is the last
row. Memory stays that of one record and one piece of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Union

from gladius.integrations.record_json import json_list, jsonl
from gladius.integrations.record_rows import Flaw, Row, lines
from gladius.integrations.record_tables import arrow, csv_rows, parquet
from gladius.pulse.plain_file import Opener, regular

__all__ = ["KINDS", "Flaw", "Row", "kind_of", "parts", "rows"]

KINDS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".arrow": "arrow", ".txt": "text",
}  # fmt: skip


def kind_of(path: Path) -> str:
    """How a path is read: a kind of file, or `folder`; a name that tells nothing is taken for JSONL."""
    return "folder" if path.is_dir() else KINDS.get(path.suffix.lower(), "jsonl")


def rows(path: Union[str, Path], opener: Opener = regular) -> Iterator[Row]:
    """Yield every row of a file or of a Hugging Face dataset folder; blank lines are none. Raises OSError.

    `opener` is that of `open`: who does not trust the folder looks at what was opened.
    """
    path = Path(path)
    for part in parts(path):
        yield from _READERS[kind_of(part)](part, opener)


def parts(path: Path) -> List[Path]:
    """The files that are read for a path: itself, or those of a folder's training split, in their order."""
    if not path.is_dir():
        return [path]
    for folder in (path, path / "train", path / "data", *_splits(path)):
        found = _saved_to_disk(folder) or _of_one_kind(folder)
        if found:
            return found
    return []


def _splits(path: Path) -> List[Path]:
    """The splits of a saved DatasetDict, as its index orders them."""
    try:
        told = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))
        return [path / str(name) for name in told["splits"] if Path(str(name)).name == str(name)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _saved_to_disk(folder: Path) -> List[Path]:
    """What `Dataset.save_to_disk` wrote."""
    return sorted(folder.glob("*.arrow")) if (folder / "state.json").is_file() else []


def _of_one_kind(folder: Path) -> List[Path]:
    """A folder of data files: those named after the training split if there are such, all of one kind."""
    for suffix in (".parquet", ".arrow", ".jsonl", ".json", ".csv"):
        files = sorted(one for one in folder.glob("*" + suffix) if one.is_file() and one.name not in _NO_DATA)
        train = [one for one in files if one.name.startswith("train")]
        if files:
            return train or files
    return []


_NO_DATA = frozenset({"dataset_info.json", "dataset_dict.json", "dataset_infos.json", "state.json"})


def _text(path: Path, opener: Opener) -> Iterator[Row]:
    with open(path, "rb", opener=opener) as file:
        for number, _, text, flaw in lines(file):
            if flaw is not None or text.strip():
                yield Row(number, None if flaw else {"text": text.rstrip("\r\n")}, flaw)


_READERS: Dict[str, Callable[[Path, Opener], Iterator[Row]]] = {
    "jsonl": jsonl, "json": json_list, "csv": csv_rows, "text": _text, "parquet": parquet, "arrow": arrow,
}  # fmt: skip
