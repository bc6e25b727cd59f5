"""The folders that datasets may lie in, and what lies there. Upstream: folders. Downstream: datasets.

What leads out of them, be it by a link, by `..` or by an index file, is named and never opened.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gladius.errors import ConfigError
from gladius.integrations.record_files import KINDS, parts
from gladius.pulse.plain_file import real, settled

INDEX = "dataset_info.json"
"""LLaMA-Factory's list of datasets; in a folder that `datasets` saved a file of another meaning has the same name."""

_OUTSIDE = "Only these folders are read: {}. 'gladius up --datasets DIR' adds one."
_INDEX_HINT = 'It is an object of objects: {"name": {"file_name": "mine.jsonl"}}.'
_COLUMNS_HINT = "Name them so in the file, or give LLaMA-Factory its own dataset_dir."
_ALPACA = {"prompt": "instruction", "query": "input", "response": "output", "system": "system", "history": "history"}
_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


Origin = Literal["builtin", "home", "folder", "index", "added"]
_SHAREGPT = {
    "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt", "system_tag": "system",
    "observation_tag": "observation", "function_tag": "function_call",
}  # fmt: skip
"""What LLaMA-Factory takes where an entry says nothing else."""


@dataclass(frozen=True)
class Place:
    """One dataset's file or folder by the name that it has there; `problem` says why it is not read.

    `origin` says who put it there: `home` is a file or folder of the home's own, `folder` one of another folder, `index` an
    entry of LLaMA-Factory's index, `added` a path that was added.
    """

    path: Path
    name: str
    problem: str | None = None
    origin: Origin = "folder"


class Roots:
    """The folders; the first one is the home's, which takes what is added."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = [Path(folder).expanduser().absolute() for folder in folders]

    @classmethod
    def of(cls, home: Path, more: Sequence[Path] = ()) -> Roots:
        """The home's folder, those of GLADIUS_DATASETS (joined as in PATH), and more."""
        named = [Path(part) for part in os.environ.get("GLADIUS_DATASETS", "").split(os.pathsep) if part]
        return cls(list(dict.fromkeys([home, *named, *more])))

    def within(self, path: Path) -> Path:
        """The path without links; raises ConfigError where it leads out of the folders, or nowhere."""
        try:
            real = Path(os.path.realpath(path.expanduser()))
        except (OSError, ValueError, RuntimeError) as error:
            # A link that is exchanged while it is looked at, or a name that no file can have.
            raise self._outside(path) from error
        if not any(real.is_relative_to(os.path.realpath(root)) for root in self.folders):
            raise self._outside(path)
        if not real.exists():
            raise ConfigError(f"There is no {path}.", "Check the path.", "path")
        return real

    def opener(self, path: str, flags: int) -> int:
        """That of `open`: what was opened lies within the folders, whatever was put in its place since it was looked at."""
        try:
            return real(str(self.within(Path(path))), flags)
        except ConfigError as error:
            raise OSError(errno.ELOOP, "It leads out of the folders", path) from error

    def readable(self, path: Path) -> None:
        """Raise ConfigError where a dataset, or a file of its folder, leads out of the folders."""
        if self.within(path).is_dir():
            for part in parts(path):
                self.within(part)

    def _outside(self, path: Path) -> ConfigError:
        hint = _OUTSIDE.format(", ".join(map(str, self.folders)))
        return ConfigError(f"{path} leads out of the folders of datasets.", hint, "path")

    def places(self) -> Iterator[Place]:
        """Everything that looks like a dataset, folder by folder."""
        for root in self.folders:
            for place in self._in(root, nested=True):
                own = root == self.folders[0] and place.path.parent == root and place.origin == "folder"
                yield replace(place, origin="home") if own else place

    def lost(self, path: Path) -> bool:
        """Whether it is a path within the folders at which nothing lies."""
        if "\0" in str(path):
            return False
        place = Path(settled(path))
        return any(place.is_relative_to(os.path.realpath(root)) for root in self.folders) and not place.exists()

    def _in(self, folder: Path, nested: bool) -> Iterator[Place]:
        found = _entries(folder)
        indexed = list(self._indexed(folder / INDEX)) if folder / INDEX in found else []
        named = {place.path for place in indexed}
        for path in found:
            if path.name == INDEX or path in named or path.name.startswith("."):
                continue
            if path.suffix.lower() in KINDS and not path.is_dir():
                yield self._checked(Place(path, path.stem))
            elif nested and path.is_dir():
                yield from self._folder(path)
        yield from indexed

    def _folder(self, path: Path) -> Iterator[Place]:
        """A folder is a dataset, or LLaMA-Factory's with an index, or nothing."""
        if path.is_symlink() and self._checked(Place(path, path.name)).problem:
            yield self._checked(Place(path, path.name))
        elif (path / INDEX).is_file() and not (path / "state.json").is_file():
            yield from self._in(path, nested=False)
        elif parts(path):
            yield self._checked(Place(path, path.name))

    def _checked(self, place: Place) -> Place:
        if place.problem:
            return place
        try:
            self.readable(place.path)
        except ConfigError as error:
            return replace(place, problem=str(error))
        return place

    def _indexed(self, index: Path) -> Iterator[Place]:
        """The datasets that LLaMA-Factory's index names; one that is broken is one dataset with a problem."""
        try:
            self.within(index)
            told = json.loads(index.read_text(encoding="utf-8-sig"))
            if not isinstance(told, dict):
                raise ConfigError(f"{index}: it is no list of datasets.", _INDEX_HINT)
        except ConfigError as error:
            yield Place(index, index.stem, str(error), "index")
            return
        except json.JSONDecodeError as error:
            yield Place(index, index.stem, f"{index}, line {error.lineno}: {error.msg}. {_INDEX_HINT}", "index")
            return
        except (OSError, ValueError, RecursionError) as error:
            yield Place(index, index.stem, f"{index}: {error}. {_INDEX_HINT}", "index")
            return
        if "builder_name" in told or "features" in told:  # what `datasets` keeps of a dataset that is told elsewhere
            return
        for name, entry in told.items():
            file = index.parent / str(entry.get("file_name")) if isinstance(entry, Mapping) else index
            problem = _entry_problem(entry)
            told_wrong = f"{index}, '{name}': {problem}" if problem else None
            yield self._checked(Place(file, name, told_wrong, "index"))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _entry_problem(entry: Any) -> str | None:
    """Why an entry of LLaMA-Factory's index cannot be read here."""
    if not isinstance(entry, Mapping):
        return f"it is no object. {_INDEX_HINT}"
    file = entry.get("file_name")
    if not isinstance(file, str) or not file or "\0" in file:
        return "it names no file. Gladius reads files only: add 'file_name'."
    columns, tags = entry.get("columns") or {}, entry.get("tags") or {}
    if not isinstance(columns, Mapping) or not isinstance(tags, Mapping):
        return f"columns and tags are objects. {_INDEX_HINT}"
    if entry.get("formatting", "alpaca") == "alpaca":
        plain = dict(columns) == {"prompt": "text"}
        ours = plain or all(_ALPACA.get(key) == value for key, value in columns.items())
    else:
        chats = columns.get("messages") == "messages" and all(tags.get(key) == value for key, value in _TAGS.items())
        named = {"messages": "conversations", "system": "system"}
        theirs = all(named.get(key) == value for key, value in columns.items())
        ours = chats or (theirs and all(_SHAREGPT.get(key) == value for key, value in tags.items()))
    if not ours or entry.get("ranking"):
        return f"its columns are other than instruction, input, output, messages or conversations. {_COLUMNS_HINT}"
    return None
