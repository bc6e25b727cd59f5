"""A text is the old one or the new one, a line on the disk or not there. Upstream: whoever keeps a file. Downstream: the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write under another name, sync, rename: a reader sees the old file or the new one. Its owner alone may read it.

    Raises OSError; then the old file is there and nothing else.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(".{}-{}-{}.tmp".format(path.name, os.getpid(), os.urandom(4).hex()))
    try:
        # New for certain: a link that somebody put there is not written through.
        descriptor = os.open(str(temporary), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def append_line(path: Path, line: bytes) -> None:
    """Add a line, which ends with a newline, and have it on the disk when this returns. For a file with one writer.

    Raises OSError; then the line is not there. A failed fsync is not tried again: the kernel may have given up the bytes
    and would call the next one good. So they are taken back, and whoever tries again writes them anew.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = not path.exists()
    descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        # A power cut may have left half a line; it is ended, so that ours begins a new one.
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            line = b"\n" + line
        try:
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
            if new:
                sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError; Windows has no such thing."""
    if os.name == "nt":
        return
    descriptor = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
