"""See to it that a resumed Trainer really has its checkpoint's weights. Upstream: a checkpoint. Downstream: the model.

`save_pretrained` writes some weights in another shape than the model holds them (transformers 5 stores each expert by
itself and fuses them in memory). `from_pretrained` turns them back, but a Trainer that goes on from a checkpoint does
not: it warns of missing keys, keeps the untrained experts, and trains on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List, Set

from gladius.pulse.randomness import preserved

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"


def lost_on_resume(model: Any, folder: Path) -> List[str]:
    """Names of the model's weights that the files of `folder` do not hold under that name; tied ones count as held.

    Empty for what cannot be judged: adapters, and checkpoints that are not safetensors. Raises OSError, ValueError.
    """
    stored = _stored_names(folder)
    weights = model.state_dict()
    if not stored or not hasattr(model, "config"):
        return []
    held = {weights[name].data_ptr() for name in stored if name in weights}
    return [name for name, weight in weights.items() if name not in stored and weight.data_ptr() not in held]


def load(model: Any, folder: Path) -> None:
    """Fill the model's own tensors from `folder`, turned into its shape. Raises what transformers raises."""
    with preserved():
        loaded = type(model).from_pretrained(str(folder), dtype=model.dtype)
        model.load_state_dict(loaded.state_dict())


def _stored_names(folder: Path) -> Set[str]:
    if (folder / _INDEX).is_file():
        return set(json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"])
    if not (folder / _WHOLE).is_file():
        return set()
    from safetensors import safe_open

    with safe_open(str(folder / _WHOLE), framework="pt") as file:
        return set(file.keys())
