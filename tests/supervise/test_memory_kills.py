"""A kill for lack of memory is named where the kernel counted one, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gladius.pulse.events import EventReader
from gladius.pulse.rundir import Home
from gladius.supervise.memory_kills import MemoryKills, oom_kills

_LIMIT = 512 << 20
_EATS = "import os; kept = []\nwhile True: kept.append(b'x' * (8 << 20))"
_SHELL = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'


def machine(root: Path, cgroup: str, mounts: str) -> Path:
    """A /proc whose process is in these groups."""
    (root / "self").mkdir(parents=True, exist_ok=True)
    (root / "self" / "cgroup").write_text(cgroup)
    (root / "self" / "mountinfo").write_text(mounts.format(root=root))
    return root


V2 = "30 24 0:26 / {root}/fs rw - cgroup2 cgroup2 rw\n"
V1 = "31 24 0:27 /docker/a {root}/fs rw,nosuid - cgroup cgroup rw,memory\n"


@pytest.mark.parametrize(
    ("cgroup", "mounts", "file", "text", "count"),
    [
        ("0::/user.slice/run\n", V2, "fs/user.slice/run/memory.events", "low 0\nmax 7\noom 1\noom_kill 3\n", 3),
        ("0::/\n", V2, "fs/memory.events", "oom_kill 0\n", 0),
        ("0::/\n", V2, "fs/other", "", None),
        ("4:memory:/docker/a\n0::/\n", V1, "fs/memory.oom_control", "under_oom 0\noom_kill 2\n", 2),
        ("4:memory:/docker/a/b\n0::/\n", V1 + V2, "fs/b/memory.oom_control", "oom_kill 5\n", 5),
        ("4:cpu,cpuacct:/x\n", V1, "fs/memory.oom_control", "oom_kill 5\n", None),
        ("0::/\n", V2, "fs/memory.events", "oom_kill many\n", None),
    ],
)
def test_the_counter_is_found_in_either_version(
    tmp_path: Path, cgroup: str, mounts: str, file: str, text: str, count: int | None
) -> None:
    proc = machine(tmp_path, cgroup, mounts)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert oom_kills(proc) == count


def test_what_was_killed_long_ago_is_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("gladius.supervise.memory_kills.time.monotonic", lambda: now[0])
    proc, events = machine(tmp_path, "0::/\n", V2), tmp_path / "fs" / "memory.events"
    events.parent.mkdir()
    events.write_text("oom_kill 1\n")
    kills = MemoryKills(proc)
    assert kills.recent == 0, "that was before"
    events.write_text("oom_kill 2\n")
    kills.look()
    for _ in range(10):
        now[0] += 2
        assert kills.recent == 1, "a large process takes its time to die"
    for _ in range(10):
        now[0] += 2
        kills.look()
    assert kills.recent == 0
    assert MemoryKills(tmp_path / "none").recent is None


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A cgroup with little memory and no swap; skips where it cannot be made."""
    for folder, limits in (
        ("/sys/fs/cgroup/memory", {"memory.limit_in_bytes": _LIMIT, "memory.memsw.limit_in_bytes": _LIMIT}),
        ("/sys/fs/cgroup", {"memory.max": _LIMIT, "memory.swap.max": 0}),
    ):
        group = Path(folder) / f"gladius-test-{os.getpid()}"
        made = False
        try:
            group.mkdir()
            made = True
            first, *others = limits.items()
            (group / first[0]).write_text(str(first[1]))
        except OSError:
            if made:
                group.rmdir()
            continue
        for name, value in others:
            if (group / name).exists():
                (group / name).write_text(str(value))
        yield group
        group.rmdir()
        return
    pytest.skip("no cgroup with a limit of memory can be made here (it takes root and the memory controller)")


def test_a_trainer_that_the_kernel_killed_for_memory_is_named_so(
    small_group: Path, home: Home, spawn: Callable[..., Any], until: Callable[..., Any]
) -> None:
    argv = [sys.executable, "-m", "gladius.cli.main", "run", "--", sys.executable, "-c", _EATS]
    done = subprocess.run(["sh", "-c", _SHELL, "sh", str(small_group), *argv], capture_output=True, text=True)
    assert done.returncode == 128 + 9, done.stderr
    (run,) = home.all_runs()
    (exited,) = [event for event in EventReader(run.supervisor_events).read_all() if event.get("event") == "exited"]
    assert (exited["verdict"], exited["signal"]) == ("out_of_memory", "SIGKILL")
    assert "the cgroup counted 1 out-of-memory kill(s)" in exited["evidence"]
    until(lambda: not (small_group / "cgroup.procs").read_text())
