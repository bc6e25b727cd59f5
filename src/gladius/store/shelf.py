"""Summaries of ended runs, kept between servers. Upstream: store. Downstream: lists of runs.

Only an index: each entry is valid as long as the files that it was made from are the same, and deleting the folder loses
nothing but time.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from pydantic import ValidationError

from gladius import __version__
from gladius.pulse.rundir import RunDir
from gladius.wire.runs import RunSummary
from pulse_wrapper import safe_read_json


class SummaryShelf:
    """One small file per ended run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, directory: RunDir) -> RunSummary | None:
        """The summary, if it was kept and its run has not changed since."""
        kept = safe_read_json(self._path(directory))
        if kept is None or kept.get("made_from") != _signature(directory):
            return None
        try:
            return RunSummary.model_validate(kept.get("summary"))
        except ValidationError:
            return None

    def put(self, directory: RunDir, summary: RunSummary) -> None:
        """Keep a summary; a disk that is full only costs time later, so nothing waits for the disk either."""
        content = f'{{"made_from":"{_signature(directory)}","summary":{summary.model_dump_json()}}}'
        temporary = self._folder / f".{directory.run_id}.tmp"
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(self._path(directory))

    def drop(self, run_id: str) -> None:
        """Forget a run that is gone."""
        with contextlib.suppress(OSError):
            (self._folder / f"{run_id}.json").unlink()

    def _path(self, directory: RunDir) -> Path:
        return self._folder / f"{directory.run_id}.json"


def _signature(directory: RunDir) -> str:
    """Sizes and times of all files that a summary is made from, and the version that made it."""
    parts: list[object] = [__version__, *_SHAPE]
    for path in (
        directory.run_json, directory.annotations, directory.status, directory.events, directory.supervisor_events,
        directory.attempts,
    ):  # fmt: skip
        try:
            info = path.stat()
            parts += [info.st_size, info.st_mtime_ns]
        except OSError:
            parts.append(None)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


_SHAPE = sorted(RunSummary.model_fields)
