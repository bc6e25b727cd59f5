"""Notice changes in folders: inotify on Linux, else by looking again. Upstream: the kernel. Downstream: store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_log = logging.getLogger("gladius.store")

POLL_INTERVAL_S = 0.25
READ_INTERVAL_S = 0.005
"""A flood of changes is read this often, the first of it at once: many writes to one file are then one change."""
_NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "lustre", "fuse", "9p", "ceph", "gpfs", "beegfs", "afs", "glusterfs")

OnChange = Callable[[Path, str], None]
"""Called with the folder and the name of what changed in it; "" is "look at everything there"."""


class Watcher(Protocol):
    """Tells of changes in the folders it was given, in the event loop's thread."""

    def add(self, folder: Path) -> bool:
        """Watch a folder; False when that is impossible (gone, or the kernel's limit)."""

    def remove(self, folder: Path) -> None:
        """Watch it no more."""

    def close(self) -> None:
        """Watch nothing any more."""


def open_watcher(root: Path, on_change: OnChange) -> Watcher:
    """Choose the way that works for `root`; to be called within a running event loop."""
    if sys.platform == "linux" and not is_shared(root):
        try:
            return InotifyWatcher(on_change)
        except OSError as error:
            _log.warning("inotify is not available (%s); looking every %s s instead", error, POLL_INTERVAL_S)
    return PollingWatcher(on_change)


def is_shared(path: Path) -> bool:
    """Whether other machines may write there too: as GLADIUS_SHARED_HOME says (1 or 0), else by the kind of file system."""
    said = os.environ.get("GLADIUS_SHARED_HOME", "")
    return said == "1" if said in ("0", "1") else on_network(path)


def on_network(path: Path) -> bool:
    """Whether a path lies on a network file system, where the kernel tells nothing of other machines' writes."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        if len(point) >= len(best) and (target == point or target.startswith(point.rstrip("/") + "/")):
            best, kind = point, fields[2]
    return kind.startswith(_NETWORK_FILE_SYSTEMS)


class InotifyWatcher:
    """The kernel tells within a tenth of a millisecond. One descriptor for all folders."""

    def __init__(self, on_change: OnChange) -> None:
        import inotify_simple

        flags = inotify_simple.flags
        self._mask = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM | flags.DELETE | flags.ONLYDIR
        self._overflow = int(flags.Q_OVERFLOW)
        self._ignored = int(flags.IGNORED)
        self._on_change = on_change
        self._inotify = inotify_simple.INotify(nonblocking=True)
        self._folders: dict[int, Path] = {}
        self._watches: dict[Path, int] = {}
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def add(self, folder: Path) -> bool:
        """Watch a folder; False when it is gone or the kernel's limit is reached."""
        if folder in self._watches:
            return True
        try:
            watch = self._inotify.add_watch(folder, self._mask)
        except OSError:
            return False
        self._folders[watch] = folder
        self._watches[folder] = watch
        return True

    def remove(self, folder: Path) -> None:
        """Watch it no more."""
        watch = self._watches.pop(folder, None)
        if watch is not None:
            self._folders.pop(watch, None)
            with contextlib.suppress(OSError):
                self._inotify.rm_watch(watch)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._inotify.fileno())
        self._inotify.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._inotify.fileno(), self._read)

    def _read(self) -> None:
        self._loop.remove_reader(self._inotify.fileno())
        self._pause = self._loop.call_later(READ_INTERVAL_S, self._listen)
        changes: set[tuple[Path, str]] = set()
        for event in self._inotify.read(timeout=0):
            if event.mask & self._overflow:
                _log.info("too many file changes at once: looking at everything again")
                changes |= {(folder, "") for folder in self._watches}
            elif event.mask & self._ignored:
                self._watches.pop(self._folders.pop(event.wd, Path()), None)
            elif event.wd in self._folders:
                changes.add((self._folders[event.wd], event.name))
        for folder, name in changes:
            self._on_change(folder, name)


class PollingWatcher:
    """Compares each folder's listing with the last one, in a thread, for a network file system may make one wait."""

    def __init__(self, on_change: OnChange, interval: float = POLL_INTERVAL_S) -> None:
        self._on_change = on_change
        self._interval = interval
        self._seen: dict[Path, dict[str, tuple[int, int]]] = {}
        self._task = asyncio.get_running_loop().create_task(self._poll())

    def add(self, folder: Path) -> bool:
        """Watch a folder; what is in it already is no change."""
        if folder not in self._seen:
            listing = list_folder(folder)
            if listing is None:
                return False
            self._seen[folder] = listing
        return True

    def remove(self, folder: Path) -> None:
        """Watch it no more."""
        self._seen.pop(folder, None)

    def close(self) -> None:
        """Watch nothing any more."""
        self._task.cancel()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            for folder in list(self._seen):
                now = await asyncio.to_thread(list_folder, folder)
                before = self._seen.get(folder)
                if before is None:
                    continue
                if now is None:
                    del self._seen[folder]
                    self._on_change(folder, "")
                    continue
                self._seen[folder] = now
                for name in {name for name, _ in before.items() ^ now.items()}:
                    self._on_change(folder, name)


def list_folder(folder: Path) -> dict[str, tuple[int, int]] | None:
    """Name -> (size, time of change in ns) of everything in a folder; None when it is gone."""
    listing: dict[str, tuple[int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    info = entry.stat(follow_symlinks=False)
                    listing[entry.name] = (info.st_size, info.st_mtime_ns)
    except OSError:
        return None
    return listing
