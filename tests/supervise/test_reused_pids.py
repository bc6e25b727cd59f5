"""A pid that was given away is never signalled: shown with real reuse, in a pid namespace where numbers can be chosen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROUNDS = int(os.environ.get("GLADIUS_PID_REUSES", "30"))
_SCRIPT = Path(__file__).with_name("pid_reuse.py")


def namespace() -> list[str]:
    """How a process becomes pid 1 of a namespace here; skips where that is not allowed."""
    said = ""
    for user in ([], ["--user", "--map-root-user"]):
        argv = ["unshare", *user, "--pid", "--fork", "--mount-proc", "--kill-child"]
        try:
            tried = subprocess.run(
                [*argv, "test", "-w", "/proc/sys/kernel/ns_last_pid"], capture_output=True, text=True
            )
        except FileNotFoundError:
            pytest.skip("there is no 'unshare' here")
        if tried.returncode == 0:
            return argv
        said = tried.stderr.strip()
    pytest.skip(f"pid namespaces are not allowed here: {said}")


def test_no_signal_reaches_whoever_has_the_number_now(tmp_path: Path) -> None:
    done = subprocess.run(
        [*namespace(), sys.executable, str(_SCRIPT), str(tmp_path), str(_ROUNDS)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == _ROUNDS
