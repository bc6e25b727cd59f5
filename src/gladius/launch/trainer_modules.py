"""Is what an engine needs installed where the trainer will run. Upstream: preflight. Downstream: that interpreter."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gladius.catalog.profiles import Profile
from gladius.errors import ConfigError
from gladius.launch.command import filled
from gladius.pulse.rundir import RunDir

_PATIENCE_S = 20
_ASK = """# NAME... -> JSON of those that are missing
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]))
"""
_NEEDS: dict[str, tuple[str, ...]] = {
    "transformers": ("torch", "transformers"), "llama_factory": ("torch", "llamafactory"), "lightning": ("torch",),
}  # fmt: skip
_FIELD = "profile_id"


class TrainerModules:
    """Asks an interpreter once, and again when its packages changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], tuple[float, list[str]]] = {}

    def check(self, profile: Profile, flat: Mapping[str, Any], nowhere: RunDir) -> str:
        """Where it will run. Raises ConfigError when it cannot; `nowhere` stands for the run's directory."""
        needed = [*_NEEDS.get(profile.engine, ()), *(("peft",) if flat.get("train.method") == "lora" else ())]
        python = profile.python or sys.executable
        if not needed:
            return _program(filled(profile.argv, nowhere, 1, {}, profile.python)[0] if profile.argv else python)
        _program(python)
        missing = self._missing(python, tuple(needed))
        if missing:
            what = f"The trainer needs {', '.join(missing)}, which {python} does not have."
            raise ConfigError(what, f"Install it there: {python} -m pip install {' '.join(missing)}", _FIELD)
        return python

    def _missing(self, python: str, names: tuple[str, ...]) -> list[str]:
        if Path(python) == Path(sys.executable):
            return [name for name in names if importlib.util.find_spec(name) is None]
        changed = _changed(Path(python))
        known = self._known.get((python, names))
        if known is None or known[0] != changed:
            known = self._known[python, names] = changed, _ask(python, names)
        return known[1]


def _ask(python: str, names: Sequence[str]) -> list[str]:
    try:
        asked = subprocess.run(
            [python, "-c", _ASK, *names], capture_output=True, text=True, timeout=_PATIENCE_S, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        found = json.loads(asked.stdout.strip().splitlines()[-1])
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        raise ConfigError(f"{python} does not work: {said[-1] if said else error}.", field=_FIELD) from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ConfigError(f"{python} does not work: {error}.", "Is it a Python?", _FIELD) from error
    return [str(name) for name in found]


def _program(word: str) -> str:
    found = shutil.which(word)
    if found is None:
        hint = "Mend 'python' or 'argv' of the profile."
        if Path(word).exists():
            raise ConfigError(f"The program {word} cannot be executed.", hint, _FIELD)
        raise ConfigError(f"The program {word} is not there.", hint, _FIELD)
    return found


def _changed(python: Path) -> float:
    """When packages were last put into the environment of an interpreter, or taken out."""
    times = [python.stat().st_mtime] if python.exists() else []
    times += [folder.stat().st_mtime for folder in python.parent.parent.glob("lib/python*/site-packages")]
    return max(times, default=0.0)
