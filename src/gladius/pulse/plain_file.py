"""Open what lies in somebody else's folder: a plain file in its place, or nothing. Upstream: run directories. Downstream: every reader.

A run's directory may come from anywhere. A link in it could lead to any file that we may read, a pipe could hold us for
ever, a sparse file could fill the memory. So whoever reads there opens with these openers, which look at what was opened
and not at what stood there before: `open(path, "rb", opener=plain)`.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Union

from pulse_wrapper import safe_read_json

Opener = Callable[[str, int], int]
StrPath = Union[str, "os.PathLike[str]"]

SMALL = 16 << 20
"""Bytes of a file that is read whole, at most: what holds a run's facts has a thousandth of it."""

_LOOK_FIRST = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_STEP_BY_STEP = os.open in os.supports_dir_fd


def plain(path: str, flags: int) -> int:
    """Open a regular file. Raises OSError for a link, a folder, a pipe, a socket or a device, without waiting for any."""
    return _regular(os.open(path, flags | _LOOK_FIRST, 0o600), path)


def regular(path: str, flags: int) -> int:
    """As `plain`, by links too: for a path that a person chose."""
    return _regular(os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0), 0o600), path)


def small(path: str, flags: int) -> int:
    """As `plain`, for a file of at most `SMALL` bytes."""
    return _bounded(plain(path, flags), path)


def below(root: StrPath, bounded: bool = False) -> Opener:
    """As `plain` (or `small`), and none of the folders between `root` and the file may be a link."""

    def opener(path: str, flags: int) -> int:
        fd = _regular(_walk(os.fspath(root), path, flags), path)
        return _bounded(fd, path) if bounded else fd

    return opener


def real(path: str, flags: int) -> int:
    """As `plain`, for a path that was found to have no links in it: one that was put there since is noticed."""
    fd = plain(path, flags)
    found = place_of(fd) or os.path.realpath(path)
    # A file that was replaced in this very moment is still the one that lay there.
    if found not in (path, f"{path} (deleted)"):
        os.close(fd)
        raise OSError(errno.ELOOP, "It leads elsewhere now", path)
    return fd


def within(path: StrPath, root: StrPath) -> BinaryIO:
    """Open a plain file by a path that may hold links, as long as it lies below `root`. Raises OSError."""
    found, top = os.path.realpath(path), os.path.realpath(root)
    if os.path.commonpath((found, top)) != top:
        raise OSError(errno.ELOOP, "It leads out of its folder", os.fspath(path))
    return open(found, "rb", opener=real)


def settled(path: StrPath) -> str:
    """Return the path without links; as it was given where a link is exchanged in this very moment."""
    try:
        return os.path.realpath(path)
    except OSError:
        return os.path.abspath(path)


def private(path: str, flags: int) -> int:
    """Open a file of ours for writing, its owner's alone whatever the umask is."""
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)


def lay_down(path: StrPath) -> None:
    """Make an empty file of ours where none is: for a library that would make it readable by everyone. Raises OSError."""
    os.close(private(os.fspath(path), os.O_RDWR | os.O_CREAT))


def place_of(fd: int) -> Optional[str]:
    """Where an open file lies, as the kernel says; None where it does not say."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


def read_object(path: StrPath, root: Optional[StrPath] = None) -> Optional[Dict[str, Any]]:
    """Return the JSON object in a small plain file, None where there is none; `root` as for `below`."""
    return safe_read_json(path, opener=small if root is None else below(root, bounded=True))


def read_bytes(path: StrPath, root: Optional[StrPath] = None) -> bytes:
    """Return what a small plain file holds; `root` as for `below`. Raises OSError."""
    with open(path, "rb", opener=small if root is None else below(root, bounded=True)) as file:
        return file.read()


def open_plain(path: StrPath, root: Optional[StrPath] = None) -> BinaryIO:
    """Open a plain file of any size for reading; `root` as for `below`. Raises OSError."""
    return open(path, "rb", opener=plain if root is None else below(root))


def names_in(folder: StrPath) -> List[str]:
    """What lies in a folder that is none by way of a link. Raises OSError."""
    if not _STEP_BY_STEP:
        return os.listdir(folder)
    fd = os.open(folder, os.O_RDONLY | _FOLDER)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _walk(root: str, path: str, flags: int) -> int:
    inner = os.path.relpath(path, root).split(os.sep)
    if os.pardir in inner:
        raise OSError(errno.ELOOP, "It leads out of its folder", path)
    if not _STEP_BY_STEP or len(inner) == 1:
        return os.open(path, flags | _LOOK_FIRST, 0o600)
    at = os.open(root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        for name in inner[:-1]:
            at, before = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=at), at
            os.close(before)
        return os.open(inner[-1], flags | _LOOK_FIRST, 0o600, dir_fd=at)
    finally:
        os.close(at)


def _regular(fd: int, path: str) -> int:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "It is no plain file", path)
    return fd


def _bounded(fd: int, path: str) -> int:
    if os.fstat(fd).st_size > SMALL:
        os.close(fd)
        raise OSError(errno.EFBIG, "It is larger than such a file ever is", path)
    return fd
