"""A model's folder before it is loaded: is it whole, and how large is what is in it. Upstream: preflight. Downstream: files.

Only headers are read: a safetensors file begins with its length as 8 bytes and a JSON of names, types and shapes
(https://huggingface.co/docs/safetensors). What is too large to be a header is none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from gladius.errors import ConfigError

_LONGEST_HEADER = 100 << 20
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_FIELD = "model.name"


@dataclass(frozen=True)
class ModelShape:
    """What a model's files tell of it; 0 and empty are not known."""

    parameters: int = 0
    linear: tuple[tuple[int, int], ...] = ()
    """Rows and columns of each matrix that an adapter on all linear layers goes beside."""
    config: dict[str, Any] = field(default_factory=dict)

    def size(self, name: str, *others: str) -> int | None:
        """A positive whole number of the model's configuration, under the first of the names that has one."""
        for key in (name, *others):
            value = self.config.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        return None


def is_path(name: str) -> bool:
    """Whether a model's name means a place on this machine rather than a hub id."""
    return name.startswith(("/", "~", "./", "../")) or Path(name).expanduser().exists()


def examine(name: str) -> ModelShape:
    """Look whether a folder holds a model that can be loaded. Raises ConfigError that says what is missing."""
    folder = Path(name).expanduser()
    if not folder.is_absolute():
        raise _wrong(f"{name} is not a whole path.", "Give the model folder from the root, as /home/me/model.")
    if folder.is_file():
        return ModelShape()
    if not folder.is_dir():
        raise _wrong(f"There is no model folder {name}.", "Give the folder that holds config.json and the weights.")
    config = _json(folder / "config.json")
    if config is None:
        raise _wrong(f"{name} has no readable config.json.", "A model's folder holds config.json beside its weights.")
    files = _weights(folder)
    if not any((folder / one).is_file() for one in _TOKENIZERS):
        raise _wrong(f"{name} has no tokenizer.", "Put its tokenizer.json or tokenizer.model into the folder.")
    return _shape(files, config)


def _weights(folder: Path) -> list[Path]:
    """The files of weights; those that an index names must all be there."""
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        index = next(iter(sorted(folder.glob(f"{pattern}.index.json"))), None)
        named = _json(index) if index is not None else None
        shards = named.get("weight_map") if named is not None else None
        if isinstance(shards, dict):
            files = [folder / str(one) for one in sorted(set(map(str, shards.values())))]
            missing = [one.name for one in files if not one.is_file()]
            if missing:
                raise _wrong(
                    f"{folder} lacks {len(missing)} of {len(files)} files of weights: {missing[0]}.",
                    "Copy the model's folder anew.",
                )
            return files
        found = [one for one in sorted(folder.glob(pattern)) if one.stat().st_size]
        if found:
            return found
    raise _wrong(f"{folder} holds no weights.", "Put its *.safetensors or pytorch_model.bin into the folder.")


def _shape(files: list[Path], config: dict[str, Any]) -> ModelShape:
    parameters, linear = 0, list[tuple[int, int]]()
    for path in files:
        if path.suffix != ".safetensors":
            return ModelShape(config=config)
        for name, shape in _tensors(path):
            parameters += prod(shape)
            if len(shape) == 2 and not any(part in name for part in ("embed", "lm_head", "wte", "wpe")):
                linear.append((shape[0], shape[1]))
    return ModelShape(parameters, tuple(linear), config)


def _tensors(path: Path) -> list[tuple[str, list[int]]]:
    """Names and shapes in one safetensors file. Raises ConfigError for a file that is cut off or none."""
    damaged = _wrong(f"{path} is no whole safetensors file.", "Copy the model's folder anew.")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LONGEST_HEADER:
                raise damaged
            header = json.loads(file.read(length))
        found = [(name, one) for name, one in header.items() if name != "__metadata__"]
        end = max((one["data_offsets"][1] for _, one in found), default=0)
        if path.stat().st_size < 8 + length + end:
            raise damaged
        return [(name, [int(size) for size in one["shape"]]) for name, one in found]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise damaged from error


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _wrong(message: str, hint: str) -> ConfigError:
    return ConfigError(message, hint, _FIELD)
