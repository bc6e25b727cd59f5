"""The home's settings, in a file that people may edit too. Upstream: the person. Downstream: watch, server."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from gladius.wire.settings import Thresholds
from pulse_wrapper import atomic_write_json, safe_read_json

_log = logging.getLogger("gladius.alerts")


class SettingsFile:
    """`state/settings.json`. A value that cannot be used is logged and its default holds; nothing of the file is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.thresholds = Thresholds()

    def read(self) -> None:
        """Take in what the file says now."""
        found = (safe_read_json(self.path) or {}).get("alerts")
        self.thresholds = _usable(found) if isinstance(found, dict) else Thresholds()

    def write(self, thresholds: Thresholds) -> None:
        """Replace the thresholds, in the file first; raises OSError."""
        rest = safe_read_json(self.path) or {}
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write_json(self.path, {**rest, "alerts": thresholds.model_dump(mode="json")})
        self.thresholds = thresholds


def _usable(found: dict[str, object]) -> Thresholds:
    try:
        return Thresholds.model_validate(found)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
        _log.warning("settings that cannot be used: %s; their defaults hold", ", ".join(sorted(wrong)))
        return Thresholds.model_validate({key: value for key, value in found.items() if key not in wrong})
