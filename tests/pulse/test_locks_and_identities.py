"""Who holds a lock and who a process is, also after its pid was given away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gladius.errors import LockHeld
from gladius.pulse.identity import Identity, process_state
from gladius.pulse.lock import FileLock, is_held, read_holder


def test_a_lock_has_one_holder_that_its_file_names(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not is_held(path)
    first, second = FileLock(path), FileLock(path)
    first.acquire()
    assert (first.held, is_held(path)) == (True, True)
    with pytest.raises(LockHeld, match=f"pid {os.getpid()}") as refused:
        second.acquire(patience=0)
    assert refused.value.holder["pid"] == os.getpid()
    first.release()
    first.release()
    assert not is_held(path)
    second.acquire()
    second.release()


def test_a_lock_goes_with_its_holder(tmp_path: Path, spawn: Callable[..., subprocess.Popen[str]]) -> None:
    path = tmp_path / "a.lock"
    script = "import sys, time\nfrom gladius.pulse.lock import FileLock\nlock = FileLock(sys.argv[1]); lock.acquire(); print('held', flush=True); time.sleep(60)"
    process = spawn(sys.executable, "-c", script, path)
    assert process.stdout.readline() == "held\n"
    assert is_held(path)
    assert read_holder(path)["pid"] == process.pid
    process.kill()
    process.wait()
    assert not is_held(path)
    FileLock(path).acquire()


def test_a_probe_does_not_keep_a_lock_from_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    for _ in range(50):
        lock = FileLock(path)
        is_held(path)
        lock.acquire()
        assert is_held(path)
        assert is_held(path)
        lock.release()


def test_an_identity_is_a_process_and_not_a_pid() -> None:
    me = Identity.current()
    assert me.alive() is True
    assert Identity.from_dict(me.as_dict()) == me
    changed = dict(me.as_dict(), start_time=me.start_time - 1)
    assert Identity.from_dict(changed).alive() is False, "the pid was given to another process"
    assert Identity.from_dict(dict(me.as_dict(), boot_id="another boot")).alive() is False
    assert Identity.from_dict(dict(me.as_dict(), host="node17")).alive() is None
    assert Identity.from_dict({"pid": "7", "host": "x"}) is None
    assert Identity.from_dict({}) is None


def test_a_zombie_and_a_dead_process_do_not_live(
    spawn: Callable[..., subprocess.Popen[str]], until: Callable[..., object]
) -> None:
    process = spawn("sleep", "60")
    identity = Identity.of(process.pid)
    assert identity.alive()
    os.kill(process.pid, signal.SIGSTOP)
    until(lambda: process_state(process.pid) == "T")
    assert identity.alive(), "a stopped process lives"
    process.kill()
    until(lambda: process_state(process.pid) == "Z")
    assert identity.alive() is False
    process.wait()
    assert identity.alive() is False
    assert process_state(process.pid) is None


def test_a_process_name_may_hold_anything(
    tmp_path: Path, spawn: Callable[..., subprocess.Popen[str]], until: Callable[..., object]
) -> None:
    odd = tmp_path / "a) Z (b"
    odd.symlink_to("/bin/sleep")
    process = spawn(odd, "60")
    until(lambda: Path(f"/proc/{process.pid}/comm").read_text().startswith("a)"))
    assert Identity.of(process.pid).alive() is True
    assert process_state(process.pid) in ("S", "R")
