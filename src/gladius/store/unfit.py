"""What in a run's directory is no plain file in its place, and so is not read. Upstream: the directory. Downstream: view, health."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gladius.pulse.rundir import RunDir


def unfit(directory: RunDir) -> str | None:
    """The first name in it that is a link, a pipe, a device, or a folder instead of a file; None where all are well.

    Checkpoints and TensorBoard's files may lie on another disk: nothing of them is read by way of the run's folder.
    """
    files = (
        directory.events, directory.supervisor_events, directory.console_log, directory.status, directory.annotations,
        directory.report_json, directory.report_md,
    )  # fmt: skip
    folders = (directory.attempts, directory.control, directory.supervisor_control)
    wrong = next((path for path in files if not _is(path, stat.S_IFREG)), None)
    wrong = wrong or next((path for path in folders if not _is(path, stat.S_IFDIR)), None)
    return None if wrong is None else wrong.relative_to(directory.root).as_posix()


def _is(path: Path, kind: int) -> bool:
    """Whether it is of that kind, or not there."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode) == kind
    except OSError:
        return True
