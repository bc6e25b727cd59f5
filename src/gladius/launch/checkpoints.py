"""Choose the checkpoint that an attempt goes on from, without loading it. Upstream: store. Downstream: resume, preview.

Nothing is ever unpickled here: what a checkpoint holds is read from `gladius.json`, `manifest.json`, `trainer_state.json`
and the names of its files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gladius.errors import CheckpointDamaged, CheckpointNotFound
from gladius.pulse.checkpoints import MANIFEST, read_facts, verify
from gladius.pulse.course import checkpoints_of_the_course
from gladius.pulse.plain_file import read_bytes
from gladius.store.view import RunView

_TRAINER_STATE = "trainer_state.json"
_NOT_OURS = "is not what this run saved there: another run has put its own in that place"
_FILES = {
    "model": ("model*.safetensors", "pytorch_model*.bin", "adapter_model.*"),
    "optimizer": ("optimizer.pt", "optimizer.bin"),
    "scheduler": ("scheduler.pt",),
    "scaler": ("scaler.pt",),
    "random_states": ("rng_state*.pth",),
    "data_position": (_TRAINER_STATE,),
    "counters": (_TRAINER_STATE,),
}
"""What the files of a Hugging Face checkpoint hold, by their names."""


@dataclass(frozen=True)
class Origin:
    """A checkpoint as its readable files describe it; `notes` say what a person should know of the choice."""

    path: Path
    step: int | None = None
    epoch: float | None = None
    contents: tuple[str, ...] = ()
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    config_keys: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    attempt: int | None = None
    counts_in_steps: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """A checkpoint that the run's events or its launch tell of."""

    path: Path
    step: int | None
    epoch: float | None = None
    manifest: str | None = None


def choose(view: RunView, wanted: int | str | None) -> Origin | None:
    """The checkpoint `wanted` (a step, a folder), or the newest that verifies; None when the run has none at all.

    Raises CheckpointNotFound, CheckpointDamaged.
    """
    if wanted is None:
        return _newest(view)
    if isinstance(wanted, int) or wanted.isdigit():
        return _by_step(view, int(wanted))
    return _by_path(view, wanted)


def told(view: RunView) -> list[Told]:
    """The run's own checkpoints, newest first, without those that a resume superseded; then where it began."""
    return list(_told(view, everything=False))


def _told(view: RunView, everything: bool) -> Iterator[Told]:
    seen: set[Path] = set()
    numbers = sorted({*view.launched, *view.attempts}, reverse=True)
    began = {number: None if everything else _origin_step(view, number) for number in numbers}
    for event in checkpoints_of_the_course(view.checkpoints, began):
        path = _absolute(view, event["path"])
        if path not in seen:
            seen.add(path)
            step, manifest = event.get("step"), event.get("manifest")
            yield Told(
                path,
                step if isinstance(step, int) else None,
                manifest=manifest if isinstance(manifest, str) else None,
            )
    for number in numbers:
        launched_from = view.directory.read_attempt(number).get("checkpoint")
        if isinstance(launched_from, str) and (path := _absolute(view, launched_from)) not in seen:
            seen.add(path)
            yield Told(path, None)


def _origin_step(view: RunView, attempt: int) -> int | None:
    resumed = (view.attempt_facts(attempt).hello or {}).get("resumed_from")
    return None if resumed is None else resumed["step"]


def _newest(view: RunView) -> Origin | None:
    """The newest that is whole; weights that were saved while the loss was no number only where there are no others."""
    there = [one for one in told(view) if one.path.is_dir()]
    suspects = [one for one in there if read_facts(one.path).get("suspect")]
    trusted = [one for one in there if one not in suspects]
    notes = [f"{one.path.name} was saved while it was said: {read_facts(one.path)['suspect']}." for one in suspects[:1]]
    unproved: Path | None = None
    for one in [*trusted, *suspects]:
        if _replaced(view, one):
            notes.append(f"{one.path.name} is newer but {_NOT_OURS}; an older one is used.")
            continue
        problem = damage(one.path)
        if problem is None:
            return describe(one.path, tuple(notes))
        if not (one.path / MANIFEST).is_file() and unproved is None:
            unproved = one.path
            continue
        notes.append(f"{one.path.name} is newer but damaged ({problem}); an older one is used.")
    if unproved is None:
        if notes:
            raise CheckpointDamaged(
                f"No checkpoint of '{view.run_id}' is whole: {notes[0]}", "Start a run anew, or restore the files."
            )
        return None
    return describe(unproved, (*notes, f"{unproved.name} has no manifest: whether it is whole cannot be told."))


def _replaced(view: RunView, one: Told) -> bool:
    """Whether the folder holds another run's checkpoint by now: where several publish, the last one wins."""
    if one.manifest is None or read_facts(one.path).get("run_id") == view.run_id:
        return False
    try:
        return hashlib.sha256(read_bytes(one.path / MANIFEST)).hexdigest() != one.manifest
    except OSError:
        return False


def _by_step(view: RunView, step: int) -> Origin:
    for one in _told(view, everything=True):
        if one.step == step and one.path.is_dir():
            if _replaced(view, one):
                raise CheckpointDamaged(f"{one.path} {_NOT_OURS}.", "Choose another checkpoint.")
            return _checked(one.path)
    steps = sorted({one.step for one in _told(view, everything=True) if one.step is not None and one.path.is_dir()})
    there = f"There are those of step {', '.join(map(str, steps))}." if steps else "It has none."
    raise CheckpointNotFound(f"Run '{view.run_id}' has no checkpoint of step {step}.", there)


def _by_path(view: RunView, wanted: str) -> Origin:
    path = _absolute(view, wanted)
    own = {one.path: one for one in _told(view, everything=True)}
    if not path.is_dir():
        raise CheckpointNotFound(f"There is no folder {path}.", "Give a step, or the folder of a checkpoint.")
    if path not in own and not (path / MANIFEST).is_file():
        raise CheckpointNotFound(
            f"{path} is no checkpoint of this run and has no {MANIFEST}.", "Give one that a run has published."
        )
    if path in own and _replaced(view, own[path]):
        return replace(_checked(path), notes=(f"{path.name} {_NOT_OURS}.",))
    return _checked(path)


def _checked(path: Path) -> Origin:
    """The checkpoint a person chose: whole, or refused; without a manifest it is taken with a word of warning."""
    if not (path / MANIFEST).is_file():
        return describe(path, (f"{path.name} has no manifest: whether it is whole cannot be told.",))
    problem = damage(path)
    if problem is not None:
        raise CheckpointDamaged(f"{path} is damaged: {problem}.", "Choose another checkpoint.")
    return describe(path)


_proved: dict[Path, tuple[object, ...]] = {}
_PROVED_AT_MOST = 64


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, None when it verifies. One that was proved is hashed again only when touched."""
    stamp = _stamp(path)
    if stamp is not None and _proved.get(path) == stamp:
        return None
    try:
        problems = verify(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read: {error}"
    if problems:
        return problems[0] + (f" and {len(problems) - 1} more" if len(problems) > 1 else "")
    if stamp is not None:
        while len(_proved) >= _PROVED_AT_MOST:
            _proved.pop(next(iter(_proved)))
        _proved[path] = stamp
    return None


def describe(path: Path, notes: tuple[str, ...] = ()) -> Origin:
    """Read what a checkpoint says of itself."""
    facts = read_facts(path)
    state = _trainer_state(path)
    contents = facts.get("contents")
    known = tuple(str(word) for word in contents) if isinstance(contents, list) and contents else _by_files(path)
    values, keys = facts.get("hyperparameters"), facts.get("config_keys")
    return Origin(
        path=path,
        step=_whole(facts.get("step"), state.get("global_step"), _step_in_name(path)),
        epoch=_float(facts.get("epoch"), state.get("epoch")),
        contents=known,
        hyperparameters=dict(values) if isinstance(values, dict) else {},
        config_keys={str(k): str(v) for k, v in keys.items()} if isinstance(keys, dict) else {},
        run_id=facts.get("run_id") if isinstance(facts.get("run_id"), str) else None,
        attempt=_whole(facts.get("attempt")),
        counts_in_steps=bool(state),
        notes=notes,
    )


def _by_files(path: Path) -> tuple[str, ...]:
    return tuple(word for word, globs in _FILES.items() if any(next(path.glob(glob), None) for glob in globs))


def _trainer_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(read_bytes(path / _TRAINER_STATE))
    except (OSError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _stamp(path: Path) -> tuple[object, ...] | None:
    """Sizes and times of all files; what was changed without a trace of these is found by the trainer's own load."""
    try:
        files = sorted(one for one in path.rglob("*") if one.is_file())
        return tuple((one.name, (info := one.stat()).st_size, info.st_mtime_ns, info.st_ino) for one in files)
    except OSError:
        return None


def _absolute(view: RunView, path: str) -> Path:
    """A checkpoint's folder; a bare name lies among the run's own."""
    given = Path(path).expanduser()
    if given.is_absolute():
        # A run's directory may have been moved or copied since.
        moved = view.directory.checkpoints / given.name
        return moved if not given.is_dir() and moved.is_dir() else given
    inside = view.directory.checkpoints / given
    return inside if inside.is_dir() else view.directory.root / given


def _step_in_name(path: Path) -> int | None:
    tail = path.name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else None


def _whole(*values: Any) -> int | None:
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)


def _float(*values: Any) -> float | None:
    return next((float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)), None)
