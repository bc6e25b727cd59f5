"""Look through a folder of documents; nothing is opened. Upstream: a folder. Downstream: job.

Names that begin with a dot are left alone, as are the files behind links: what a link leads to within the folder is found
where it lies, and what lies outside is nobody's business.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gladius.wire.knowledge import SkipReason

KINDS = {
    ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html",
    ".xhtml": "html", ".pdf": "pdf", ".docx": "docx", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
DEEPEST = 64
MOST = 500_000


@dataclass(frozen=True)
class Found:
    """One entry by its path from the folder, with slashes; `reason` says why it is not read."""

    path: str
    size: int | None = None
    mtime_ns: int = 0
    kind: str = ""
    reason: SkipReason | None = None
    detail: str = ""


def walk(root: Path, leave_out: Path) -> Iterator[Found]:
    """Every file below a folder in a stable order; `leave_out` is the dataset that is made of them. Raises OSError for the root."""
    real = os.path.realpath(root)
    for count, found in enumerate(_folder(real, real, os.path.realpath(leave_out))):
        if count == MOST:
            yield Found(".", reason="too_many", detail=f"{MOST:,}")
            return
        yield found


def _folder(real: str, root: str, leave_out: str) -> Iterator[Found]:
    # A stack instead of recursion: a folder may be nested deeper than Python likes.
    waiting: list[tuple[str, int]] = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if folder == root:
                raise
            yield _skipped(folder, root, "unreadable", error.strerror or "")
            continue
        inner = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth + 1 < DEEPEST:
                    inner.append((entry.path, depth + 1))
                else:
                    yield _skipped(entry.path, root, "too_deep", str(DEEPEST))
            else:
                yield _entry(entry, root, real, leave_out)
        waiting += reversed(inner)


def _entry(entry: os.DirEntry[str], root: str, real: str, leave_out: str) -> Found:
    if entry.is_symlink():
        target = os.path.realpath(entry.path)
        inside = Path(target).is_relative_to(real)
        return _skipped(
            entry.path, root, "link" if inside else "outside", os.path.relpath(target, real) if inside else ""
        )
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _skipped(entry.path, root, "vanished", error.strerror or "")
    if not stat.S_ISREG(status.st_mode):
        return _skipped(entry.path, root, "special")
    if entry.path == leave_out:
        return _skipped(entry.path, root, "own_dataset")
    path = _name(entry.path, root)
    reason: SkipReason | None = None
    if path is None:
        path, reason = _shown(entry.path, root), "name"
    kind = KINDS.get(Path(entry.name).suffix.lower(), "")
    if reason is None and not kind:
        reason = "kind"
    detail = Path(entry.name).suffix.lower()[:20] if reason == "kind" else ""
    return Found(path, status.st_size, status.st_mtime_ns, kind, reason, detail)


def _skipped(path: str, root: str, reason: SkipReason, detail: str = "") -> Found:
    return Found(_shown(path, root), reason=reason, detail=detail)


def _name(path: str, root: str) -> str | None:
    """The path from the root; None where no text can say it."""
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return relative


def _shown(path: str, root: str) -> str:
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    return os.fsencode(relative).decode("utf-8", "backslashreplace")
