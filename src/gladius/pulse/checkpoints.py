"""Make a saved folder a checkpoint that can be trusted. Upstream: a save. Downstream: saving, launch.

A checkpoint is sealed (every file on the disk and in `manifest.json`), read back, published by rename, only then told.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

from gladius.pulse.plain_file import read_bytes

MANIFEST = "manifest.json"
FACTS = "gladius.json"
"""What a checkpoint is, readable without loading it: run_id, attempt, step, epoch, kind, contents, hyperparameters."""

_CHUNK = 1 << 20
_DAY_S = 86_400.0
_REPLACED = ".replaced-"
SAVING = ".saving-"
"""How the folder of an unfinished save begins."""

Progress = Callable[[int, int], None]
"""Called with the bytes read back so far, and all there are."""


class Sealed(NamedTuple):
    """A checkpoint on the disk: its folder, the bytes of its files, and the SHA-256 (hex) of its manifest."""

    path: Path
    bytes: int
    manifest: str


def seal(folder: Path, progress: Optional[Progress] = None) -> Sealed:
    """Sync every file, read it back, and write `manifest.json`: name -> {bytes, sha256}. Raises OSError."""
    files = _files(folder)
    if not files:
        raise FileNotFoundError("no file was saved in {}".format(folder))
    for path in files:
        _sync(path)
    total, done = sum(path.stat().st_size for path in files), 0
    entries: Dict[str, Dict[str, object]] = {}
    for path in files:
        if progress is not None:
            progress(done, total)
        size = path.stat().st_size
        entries[path.relative_to(folder).as_posix()] = {"bytes": size, "sha256": _sha256(path)}
        done += size
    text = json.dumps(entries, indent=1, sort_keys=True).encode("utf-8")
    part = folder / (MANIFEST + ".part")
    part.write_bytes(text)
    _sync(part)
    part.replace(folder / MANIFEST)
    for inner in {path.parent for path in files} | {folder}:
        _sync(inner)
    return Sealed(folder, total, _new_digest(text).hexdigest())


def publish(sealed: Sealed, target: Path) -> Sealed:
    """Rename the folder, on the same file system; an older checkpoint of that name makes way. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        aside = target.with_name(".{}{}{}".format(target.name, _REPLACED, os.getpid()))
        target.replace(aside)
        try:
            sealed.path.replace(target)
        except OSError:
            aside.replace(target)
            raise
        remove_tree(aside)
    else:
        sealed.path.replace(target)
    _sync(target.parent)
    return Sealed(target, sealed.bytes, sealed.manifest)


def verify(folder: Path) -> List[str]:
    """Compare a folder with its manifest: a sentence for each problem, none when whole. Raises OSError, ValueError."""
    entries = json.loads(read_bytes(folder / MANIFEST))
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


def read_facts(folder: Path) -> Dict[str, Any]:
    """Return `gladius.json` of a checkpoint; empty where there is none that can be read."""
    try:
        facts = json.loads(read_bytes(folder / FACTS))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def published(parent: Path) -> List[Path]:
    """The `step-N` folders, lowest step first; empty where there are none."""
    try:
        found = [path for path in parent.iterdir() if path.name[:5] == "step-" and path.name[5:].isdigit()]
    except OSError:
        return []
    return sorted(found, key=step_of)


def step_of(folder: Path) -> int:
    """The step that a published folder is named after."""
    return int(folder.name[5:])


def keep(folders: Iterable[Path], newest: Optional[int], also: Iterable[Path] = ()) -> List[Path]:
    """Of these delete all but the `newest` (None: all, else at least 1) and those in `also`; return what was deleted.

    The newest are those saved last, not those of the highest step: after a training went back to an earlier checkpoint,
    what it saves now must not make way for what it left behind. Within one run attempt and step say which came last; a
    clock is asked where they are not known.
    """
    if newest is None:
        return []
    spared = set(also)
    doomed = [path for path in _in_order(list(folders))[: -max(1, newest)] if path not in spared]
    for path in doomed:
        remove_tree(path)
    return doomed


def _in_order(folders: List[Path]) -> List[Path]:
    """The one that was saved first comes first."""
    facts = {folder: read_facts(folder) for folder in folders}
    runs = {one.get("run_id") for one in facts.values()}
    if len(runs) == 1 and all(isinstance(one.get("attempt"), int) for one in facts.values()):
        return sorted(folders, key=lambda folder: (facts[folder]["attempt"], step_of(folder)))
    return sorted(folders, key=_saved_at)


def _saved_at(folder: Path) -> float:
    """Unix seconds, by the checkpoint's own word, else by its manifest's time stamp."""
    told = read_facts(folder).get("time")
    if isinstance(told, (int, float)):
        return float(told)
    try:
        return (folder / MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def recover(parent: Path, shared: bool = False) -> None:
    """Clear away what a killed save left: a half-written folder goes, one that was making way comes back.

    In a folder that other runs may be saving into (`shared`), a half-written one goes only after a day.
    """
    try:
        names = os.listdir(str(parent))
    except OSError:
        return
    for name in names:
        if name.startswith(SAVING):
            if shared and time.time() - (parent / name).stat().st_mtime < _DAY_S:
                continue
            remove_tree(parent / name)
        elif name.startswith(".step-") and _REPLACED in name:
            target = parent / name[1 : name.index(_REPLACED)]
            if target.exists():
                remove_tree(parent / name)
            else:
                with contextlib.suppress(OSError):
                    (parent / name).replace(target)


def remove_tree(folder: Path) -> None:
    """Remove a folder as far as that goes."""
    import shutil

    shutil.rmtree(str(folder), ignore_errors=True)


def _files(folder: Path) -> List[Path]:
    """Every file but the manifest, in a fixed order."""
    skipped = (folder / MANIFEST, folder / (MANIFEST + ".part"))
    return sorted(path for path in folder.rglob("*") if path.is_file() and path not in skipped)


def _new_digest(begin: bytes = b"") -> Any:
    import hashlib

    return hashlib.sha256(begin)


def _sha256(path: Path) -> str:
    digest = _new_digest()
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            # What was synced leaves the page cache, so that the disk is read and not our own memory.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return str(digest.hexdigest())


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no such thing for folders
    flags = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    descriptor = os.open(str(path), flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
