"""A script's own command, with the run's values in its places. Upstream: profiles. Downstream: start, resume."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gladius.catalog.profile_rules import PLACE, SCRIPTS
from gladius.catalog.profiles import Profile
from gladius.catalog.settings import flatten
from gladius.errors import ConfigError
from gladius.pulse.rundir import RunDir

_SCRIPT = "script.file"


def filled(
    words: Sequence[str], run: RunDir, attempt: int, config: Mapping[str, Any], python: str | None = None
) -> list[str]:
    """The command of an attempt: `{config}`, `{run_dir}`, `{python}`, `{dataset}` and keys of the configuration filled in.

    What is no place of ours stays as it is written.
    """
    flat = flatten(config)
    values = {
        **{key: value for key, value in flat.items() if "." in key},
        "config": run.attempt_config(attempt), "run_dir": run.root, "python": python or sys.executable,
        "dataset": flat.get("data.path"),
    }  # fmt: skip
    if isinstance(values.get(_SCRIPT), str):
        values[_SCRIPT] = Path(values[_SCRIPT]).expanduser()
    return [PLACE.sub(lambda found: _word(values, found[1], found[0]), word) for word in words]


def check_script(profile: Profile, config: Mapping[str, Any]) -> None:
    """Say before anything is created that a script is not there; raises ConfigError."""
    flat = flatten(config)
    named = flat.get(_SCRIPT)
    if profile.engine not in SCRIPTS:
        return
    if isinstance(named, str):
        path = Path(named).expanduser()
        if not path.is_absolute() or not path.is_file():
            hint = "Give its whole path, beginning with /."
            raise ConfigError(f"There is no script {named}.", hint, _SCRIPT)
    if any("{dataset}" in word for word in profile.argv) and not flat.get("data.path"):
        hint = "Choose a dataset that is a file."
        raise ConfigError(f"Profile '{profile.id}' hands a dataset's file to its command.", hint, "dataset_id")


def _word(values: Mapping[str, Any], place: str, written: str) -> str:
    if place not in values:
        return written
    value = values[place]
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
