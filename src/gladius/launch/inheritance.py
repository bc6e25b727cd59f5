"""Give a fork its parent's checkpoint for its own, before the parent's retention takes it. Upstream: checkpoints. Downstream: resume."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

from gladius.errors import CheckpointNotFound
from gladius.launch.checkpoints import Origin
from gladius.pulse.checkpoints import SAVING
from gladius.pulse.rundir import RunDir

_log = logging.getLogger("gladius.launch")


def inherit(origin: Origin, child: RunDir) -> Origin:
    """The same checkpoint in the child's folder: hard links, which cost nothing; copies on another file system.

    It is not called `step-N`, for the child did not save it: neither its retention nor its curves count it. Where there
    is no room for a copy, the parent's folder is used as it is. Raises CheckpointNotFound when that is gone by now.
    """
    name = "origin" if origin.step is None else f"origin-step-{origin.step}"
    target, part = child.checkpoints / name, child.checkpoints / f"{SAVING}{name}-{os.getpid()}"
    try:
        shutil.copytree(origin.path, part, copy_function=_link)
        part.replace(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if _is_whole_no_more(origin.path, error):
            raise CheckpointNotFound(
                f"{origin.path} was deleted in this moment: its run keeps only the newest.",
                "Choose another checkpoint.",
            ) from error
        _log.warning("%s stays where it is: %s", origin.path, error)
        return origin
    return replace(origin, path=target)


def _link(source: str, target: str) -> str:
    try:
        os.link(os.path.realpath(source), target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target)
    return target


def _is_whole_no_more(path: Path, error: OSError) -> bool:
    """Whether files vanished under us; `copytree` collects what went wrong as texts."""
    return not path.is_dir() or isinstance(error, FileNotFoundError) or "[Errno 2]" in str(error)
