"""Make a saved folder a checkpoint that can be trusted. Upstream: a save. Downstream: saving, integrations, launch.

A checkpoint is sealed (every file on the disk and in `manifest.json`), read back, published by rename, only then told.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Dict, List, NamedTuple

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


class Sealed(NamedTuple):
    """A checkpoint on the disk: its folder, the bytes of its files, and the SHA-256 (hex) of its manifest."""

    path: Path
    bytes: int
    manifest: str


def seal(folder: Path) -> Sealed:
    """Sync every file, read it back, and write `manifest.json`: name -> {bytes, sha256}. Raises OSError."""
    entries: Dict[str, Dict[str, object]] = {}
    for path in _files(folder):
        _sync(path)
        name = path.relative_to(folder).as_posix()
        entries[name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    if not entries:
        raise FileNotFoundError("no file was saved in {}".format(folder))
    text = json.dumps(entries, indent=1, sort_keys=True).encode("utf-8")
    part = folder / (MANIFEST + ".part")
    part.write_bytes(text)
    _sync(part)
    part.replace(folder / MANIFEST)
    _sync(folder)
    return Sealed(folder, sum(path.stat().st_size for path in _files(folder)), hashlib.sha256(text).hexdigest())


def publish(sealed: Sealed, target: Path) -> Sealed:
    """Rename the folder, on the same file system; an older checkpoint of that name makes way. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        aside = target.with_name(".{}.replaced-{}".format(target.name, os.getpid()))
        target.replace(aside)
        sealed.path.replace(target)
        shutil.rmtree(str(aside), ignore_errors=True)
    else:
        sealed.path.replace(target)
    _sync(target.parent)
    return Sealed(target, sealed.bytes, sealed.manifest)


def verify(folder: Path) -> List[str]:
    """Compare a folder with its manifest: a sentence for each problem, none when whole. Raises OSError, ValueError."""
    entries = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    problems = []
    for name, entry in sorted(entries.items()):
        path = folder / name
        if not path.is_file():
            problems.append("{} is missing".format(name))
        elif path.stat().st_size != entry["bytes"]:
            problems.append("{} has {} bytes, not {}".format(name, path.stat().st_size, entry["bytes"]))
        elif _sha256(path) != entry["sha256"]:
            problems.append("{} was changed".format(name))
    return problems


def keep_newest(parent: Path, count: int) -> List[Path]:
    """Delete all but the `count` (at least 1) newest `step-N` folders; return what was deleted."""
    steps = sorted((int(path.name[5:]), path) for path in parent.glob("step-*") if path.name[5:].isdigit())
    doomed = [path for _, path in steps[: -max(1, count)]]
    for path in doomed:
        shutil.rmtree(str(path), ignore_errors=True)
    return doomed


def _files(folder: Path) -> List[Path]:
    """Every file but the manifest, in a fixed order."""
    skipped = (MANIFEST, MANIFEST + ".part")
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in skipped)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no such thing for folders
    flags = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    descriptor = os.open(str(path), flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
