"""Read a training's configuration file flat, for `reload_config`. Upstream: a JSON or YAML file. Downstream: torch_loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Tuple

from gladius.errors import ConfigError


def read_config(path: Path) -> Dict[str, Any]:
    """Return dotted key -> value of a JSON or YAML file as it is now.

    Raises ConfigError for a file that is broken or cannot be read here, OSError where it cannot be opened.
    """
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except ImportError as error:
        raise ConfigError(f"{path} needs a YAML reader.", "pip install ruamel.yaml, or write it as JSON.") from error
    except Exception as error:
        # Each reader has its own errors, with line and column in their words.
        raise ConfigError(f"{path} cannot be read: {error}", "Mend the file.") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no keys.", "Write it as key: value.")
    return dict(flat(data))


def keys_by_name(config: Mapping[str, Any]) -> Dict[str, str]:
    """Map the last word of each key to the key, where that word stands in one key alone."""
    found: Dict[str, str] = {}
    twice = set()
    for key in config:
        name = key.rpartition(".")[2]
        if name in found:
            twice.add(name)
        found[name] = key
    return {name: key for name, key in found.items() if name not in twice}


def _yaml(text: str) -> Any:
    # YAML 1.2: PyYAML reads 1e-4 as text.
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """Nested settings as `section.key` and value."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
