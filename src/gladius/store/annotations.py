"""Names, tags and notes that people give to runs: `annotations.json`. Upstream: API. Downstream: the file, view.

run.json never changes: what a run was started with stays there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gladius.errors import FieldErrors, NotesChanged
from gladius.pulse.rundir import RunDir
from gladius.wire.runs import RunPatch
from pulse_wrapper import atomic_write_json

MOST_TAGS = 32
LONGEST_TAG = 64


def annotate(directory: RunDir, patch: RunPatch) -> None:
    """Change what the patch names and keep the rest; nothing is written where nothing changes.

    Raises FieldErrors, NotesChanged when the notes are others than `notes_before`, OSError.
    """
    before = directory.read_annotations()
    run = directory.read_run()
    now = dict(before)
    if "name" in patch.model_fields_set:
        _set(now, "name", _clean(patch.name or "") or None)
    if patch.tags is not None or patch.add_tags or patch.remove_tags:
        now["tags"] = _tags(before.get("tags", run.get("tags")), patch)
    if "notes" in patch.model_fields_set:
        if patch.notes_before is not None and patch.notes_before != (before.get("notes") or ""):
            raise NotesChanged(directory.run_id)
        _set(now, "notes", patch.notes or None)
    if now != before:
        atomic_write_json(directory.annotations, now)


def _set(annotations: dict[str, Any], key: str, value: str | None) -> None:
    if value is None:
        annotations.pop(key, None)
    else:
        annotations[key] = value


def _tags(held: Any, patch: RunPatch) -> list[str]:
    """The tags from now on, each once, in the order in which they were given."""
    began = patch.tags if patch.tags is not None else held if isinstance(held, list) else []
    added = [
        *(_checked("tags", patch.tags) if patch.tags is not None else began),
        *_checked("add_tags", patch.add_tags),
    ]
    taken = {_clean(tag) for tag in patch.remove_tags}
    tags = [tag for tag in dict.fromkeys(added) if tag not in taken]
    if len(tags) > MOST_TAGS:
        raise FieldErrors([{"field": "tags", "message": f"A run carries at most {MOST_TAGS} tags."}])
    return tags


def _checked(field: str, tags: Iterable[str]) -> list[str]:
    found = [_clean(tag) for tag in tags]
    for tag in found:
        if not tag or len(tag) > LONGEST_TAG or "," in tag:
            message = f"A tag has 1 to {LONGEST_TAG} characters and no comma."
            raise FieldErrors([{"field": field, "message": message}])
    return found


def _clean(text: str) -> str:
    """One line without what cannot be seen."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
