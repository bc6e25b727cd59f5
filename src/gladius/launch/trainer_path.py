"""The part of Gladius that a training environment needs, as a folder for PYTHONPATH. Upstream: this package. Downstream: trainers.

A training environment needs no install: the folder holds only what runs inside a trainer.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sys
from pathlib import Path

import gladius
import pulse_wrapper
from gladius.pulse.rundir import Home

_PARTS = ("__init__.py", "errors.py", "pulse", "integrations", "recipes")


def trainer_path(home: Home, program: str) -> Path | None:
    """Return the folder for a command's `PYTHONPATH`; None for a program of the environment that has Gladius itself."""
    found = shutil.which(program)
    ours = found is not None and Path(found).parent == Path(sys.executable).parent
    return None if ours else build_trainer_path(home)


def build_trainer_path(home: Home) -> Path:
    """Return the folder, made anew when the sources changed."""
    package = Path(gladius.__file__).parent
    sources = {Path("pulse_wrapper.py"): Path(pulse_wrapper.__file__)}
    for part in _PARTS:
        for source in sorted((package / part).rglob("*.py")) if (package / part).is_dir() else [package / part]:
            sources[Path("gladius") / source.relative_to(package)] = source
    digest = hashlib.sha256()
    for name, source in sources.items():
        digest.update(str(name).encode() + b"\0" + source.read_bytes())
    folder = home.state / "trainer-path" / digest.hexdigest()[:16]
    if not folder.is_dir():
        _publish(folder, sources)
    return folder


def _publish(folder: Path, sources: dict[Path, Path]) -> None:
    """Fill a folder under another name, then rename it: a reader sees all of it or nothing."""
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    for name, source in sources.items():
        target = temporary / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    try:
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        if not folder.is_dir():
            raise
