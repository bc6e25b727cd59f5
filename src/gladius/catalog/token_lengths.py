"""How many tokens the records of a dataset have. Upstream: a process of its own. Downstream: server.

The tokenizer's library is large, so that it never comes into the server: a process counts and ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from gladius.catalog.datasets import Dataset
from gladius.errors import ConfigError
from gladius.wire.datasets import TokenLengths

PATIENCE_S = 120.0
_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")
_ONE_AT_A_TIME = threading.Lock()


def token_lengths(
    dataset: Dataset, tokenizer: str, sample: int, limit: int | None = None, patience_s: float = PATIENCE_S
) -> TokenLengths:
    """Count up to `sample` records, spread evenly, with the tokenizer of a local model folder. Blocks: call from a thread.

    `limit`: say how many are longer than so many tokens. Raises ConfigError that says what is missing.
    """
    folder = Path(tokenizer).expanduser()
    if not folder.is_absolute() or not any((folder / name).is_file() for name in _FILES):
        hint = "Name the folder of a model, or of a run's checkpoint, with its tokenizer."
        raise ConfigError(f"There is no tokenizer in {tokenizer}.", hint, "tokenizer")
    request = {"path": str(dataset.path), "records": dataset.records, "tokenizer": str(folder), "sample": sample}
    request["limit"] = limit
    with _ONE_AT_A_TIME:
        told = _count(json.dumps(request), patience_s)
    if "error" in told:
        raise ConfigError(str(told["error"]), str(told.get("hint", "")), "tokenizer")
    return TokenLengths.model_validate(told)


def _count(request: str, patience_s: float) -> dict[str, object]:
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "USE_TORCH": "0"}
    command = [sys.executable, "-m", "gladius.recipes.token_lengths"]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=patience_s, check=False,
            env={**os.environ, **quiet},
        )  # fmt: skip
        told = json.loads(done.stdout.rpartition("\n")[2] or "null")
    except subprocess.TimeoutExpired as error:
        hint = "Ask for a smaller sample."
        raise ConfigError(f"Counting took more than {patience_s:g} s.", hint, "tokenizer") from error
    except ValueError:
        told = None
    if isinstance(told, dict):
        return told
    last = done.stderr.strip().rpartition("\n")[2][:300] or f"exit code {done.returncode}"
    raise ConfigError(
        f"Counting tokens failed: {last}.", "Look whether this tokenizer works with transformers.", "tokenizer"
    )
