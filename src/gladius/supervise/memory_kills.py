"""How often the kernel killed for lack of memory where a process lives. Upstream: cgroups. Downstream: supervisor, verdict."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

WINDOW_S = 30.0
"""How far back a kill counts for an end: a large process takes seconds to die, and what was long ago killed somebody else."""


class MemoryKills:
    """The cgroup's counter, looked at now and then; `recent` is by how much it has just risen."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._seen: deque[tuple[float, int]] = deque()
        self.look()

    def look(self) -> None:
        """Read the counter, and forget what is too long ago but for the last reading before that."""
        count, now = oom_kills(self._proc), time.monotonic()
        if count is not None:
            self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] < now - WINDOW_S:
            self._seen.popleft()

    @property
    def recent(self) -> int | None:
        """Kills since the oldest reading that counts; None where the kernel does not tell."""
        self.look()
        return self._seen[-1][1] - self._seen[0][1] if self._seen else None


def oom_kills(proc: Path = Path("/proc")) -> int | None:
    """Kills for lack of memory in this process's cgroup, of version 2 or 1, since it was made; None where nothing tells."""
    try:
        groups = [line.split(":", 2) for line in (proc / "self/cgroup").read_text().splitlines()]
        mounts = (proc / "self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    counts = []
    for _, controllers, group in groups:
        if "memory" in controllers.split(","):
            counts.append(_count(mounts, group, "cgroup", "memory.oom_control"))
        elif not controllers:
            counts.append(_count(mounts, group, "cgroup2", "memory.events"))
    return next((count for count in counts if count is not None), None)


def _count(mounts: list[str], group: str, kind: str, name: str) -> int | None:
    for line in mounts:
        mount, _, system = line.partition(" - ")
        root, point = mount.split()[3:5]
        type_, _, options = system.split(" ", 2)
        if type_ != kind or (kind == "cgroup" and "memory" not in options.split()[-1].split(",")):
            continue
        inside = group[len(root) :] if group.startswith(root) else ""
        try:
            lines = (Path(point) / inside.strip("/") / name).read_text().splitlines()
        except OSError:
            continue
        told = dict(line.split(" ", 1) for line in lines if " " in line)
        if told.get("oom_kill", "").isdigit():
            return int(told["oom_kill"])
    return None
