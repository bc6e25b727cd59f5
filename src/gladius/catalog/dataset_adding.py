"""A dataset that comes over the wire: to the disk as it comes, seen when it is whole. Upstream: server. Downstream: the home's folder."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from gladius.errors import ConfigError, DatasetExists, DatasetTooLarge, DiskFull
from gladius.integrations.record_files import KINDS

LIMIT = 4 * 2**30
"""Bytes of an upload, at most, where GLADIUS_UPLOAD_MIB says nothing else."""
_ROOM = 64 * 2**20
"""What an upload leaves free for the runs that write to the same disk."""
_PART = ".upload-"
_STALE_S = 24 * 3600.0
_LONGEST_NAME = 120


def upload_limit() -> int:
    """Bytes that this server takes."""
    told = os.environ.get("GLADIUS_UPLOAD_MIB", "")
    return int(told) * 2**20 if told.isdecimal() else LIMIT


def safe_name(filename: str, kinds: Iterable[str] = KINDS) -> str:
    """The last part of a name, without what a path, a terminal or a URL takes for more. Raises ConfigError."""
    last = PurePosixPath(filename.replace("\\", "/"))
    if last.suffix.lower() not in kinds:
        raise ConfigError(
            f"'{last.name[:80]}' is of no kind that is read.", f"Read are {', '.join(kinds)}.", "filename"
        )
    stem = re.sub(r"[^\w.-]+", "-", last.stem).strip("-.")
    while len(stem.encode()) > _LONGEST_NAME:
        stem = stem[:-1]
    return f"{stem or 'dataset'}{last.suffix.lower()}"


class Upload:
    """One file on its way into a folder. Until `finish` it has a hidden name; `abort` leaves nothing.

    `expected` is what the sender says that comes, None where it does not say. Raises ConfigError, DatasetExists,
    DatasetTooLarge, DiskFull.
    """

    def __init__(
        self,
        folder: Path,
        filename: str,
        expected: int | None,
        limit: int | None = None,
        kinds: Iterable[str] = KINDS,
    ) -> None:
        self._limit = upload_limit() if limit is None else limit
        self._folder = folder
        self.target = folder / safe_name(filename, kinds)
        if self.target.exists() or self.target.is_symlink():
            raise DatasetExists(self.target.name)
        self._check_size(expected or 0)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        if shutil.disk_usage(folder).free < (expected or 0) + _ROOM:
            raise DiskFull(str(folder))
        descriptor, name = tempfile.mkstemp(prefix=_PART, dir=folder)
        self._part = Path(name)
        self._file = cast(BinaryIO, os.fdopen(descriptor, "wb"))
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._size += len(piece)
        self._check_size(self._size)
        try:
            self._file.write(piece)
        except OSError as error:
            raise self._told(error) from error

    def finish(self) -> Path:
        """Make it visible, whole and lasting; a file that came there meanwhile stays. Return its path."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.link(self._part, self.target)
        except FileExistsError as error:
            raise DatasetExists(self.target.name) from error
        except OSError as error:
            raise self._told(error) from error
        finally:
            self.abort()
        return self.target

    def abort(self) -> None:
        """Take away what came."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise DatasetTooLarge(self._limit, str(self._folder))

    def _told(self, error: OSError) -> Exception:
        return DiskFull(str(self._folder)) if error.errno in (errno.ENOSPC, errno.EDQUOT) else error


def _sweep(folder: Path) -> None:
    """Take away what a server that was killed left of uploads."""
    for part in folder.glob(f"{_PART}*"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink()
