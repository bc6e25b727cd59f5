"""Start the attempt that a trainer asked for when its loss broke. Upstream: its last words. Downstream: supervisor, attempts/."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gladius.pulse.rundir import RunDir
from pulse_wrapper import safe_read_json

_log = logging.getLogger("gladius.supervise")

MOST_IN_A_ROW = 3
"""A training that breaks again and again needs a person."""


def prepare_rollback(directory: RunDir, attempt: int, asked: Mapping[str, Any] | None) -> int | None:
    """Record the attempt that goes on from a checkpoint with other settings, and return its number.

    `asked` is `{checkpoint, overrides}` of the trainer's error. None when nothing was asked, when somebody has launched
    a later attempt already, or when it was done `MOST_IN_A_ROW` times before. Raises OSError.
    """
    facts = safe_read_json(directory.attempt_json(attempt)) or {}
    done = int(facts.get("rollbacks") or 0)
    if not asked or done >= MOST_IN_A_ROW or max(directory.attempt_numbers(), default=attempt) != attempt:
        return None
    overrides = dict(asked.get("overrides") or {})
    old, new = directory.attempt_config(attempt), directory.attempt_config(attempt + 1)
    if old.exists():
        _copy_config(old, new, overrides)
    argv = [str(new) if word == str(old) else word for word in facts.get("argv", [])]
    directory.write_attempt(
        attempt + 1,
        {
            **facts, "attempt": attempt + 1, "argv": argv, "checkpoint": asked.get("checkpoint"),
            "overrides": {**(facts.get("overrides") or {}), **overrides}, "asked_by": "the loss policy",
            "rollbacks": done + 1,
        },
    )  # fmt: skip
    _log.info("attempt %d goes on from %s with %s", attempt + 1, asked.get("checkpoint"), overrides)
    return attempt + 1


def _copy_config(old: Path, new: Path, overrides: Mapping[str, Any]) -> None:
    """Copy the configuration with the settings that it has under these dotted keys changed."""
    yaml = YAML()
    config = yaml.load(old.read_text(encoding="utf-8"))
    for key, value in overrides.items():
        *parents, last = key.split(".")
        place: Any = config
        for parent in parents:
            place = place.get(parent) if isinstance(place, Mapping) else None
        if isinstance(place, dict) and last in place:
            place[last] = value
    text = io.StringIO()
    yaml.dump(config, text)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text.getvalue())
