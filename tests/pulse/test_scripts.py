"""Whole scripts: what stays recorded when a process just ends, in each of the ways a process can end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gladius
import pulse_wrapper
from gladius.pulse.events import EventReader
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import RunDir
from pulse_wrapper import read_training_status

SOURCES = str(Path(pulse_wrapper.__file__).parent)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "run")


@pytest.fixture
def script(
    tmp_path: Path, run_dir: RunDir, spawn: Callable[..., subprocess.Popen[str]]
) -> Callable[..., subprocess.Popen[str]]:
    def start(body: str, **environment: str) -> subprocess.Popen[str]:
        path = tmp_path / "train.py"
        path.write_text("import os, sys, time\nimport gladius\n" + body)
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        names = {"PYTHONPATH": SOURCES, "GLADIUS_RUN_DIR": str(run_dir.root), "PYTHONDONTWRITEBYTECODE": "1"}
        return spawn(sys.executable, "-S", path, env={**kept, **names, **environment})

    return start


def events(directory: RunDir, type_: str) -> list[dict[str, Any]]:
    found = EventReader(directory.events).read_all()
    assert [event["seq"] for event in found] == list(range(len(found)))
    return [event for event in found if event["type"] == type_]


def states(directory: RunDir) -> list[str]:
    return [event["state"] for event in events(directory, "state")]


START = "run = gladius.start(total_epochs=1, steps_per_epoch=4)\nrun.log({'loss': 0.5})\n"
ENDS = [
    ("", 0, "done", "Training completed successfully"),
    ("sys.exit(0)", 0, "done", "Training completed successfully"),
    ("sys.exit()", 0, "done", "Training completed successfully"),
    ("sys.exit(3)", 3, "error", "SystemExit: 3"),
    ("sys.exit('no data')", 1, "error", "SystemExit: no data"),
    ("raise ValueError('bad batch')", 1, "error", "ValueError: bad batch"),
    ("raise KeyboardInterrupt", -signal.SIGINT, "cancelled", "Stopped by keyboard interrupt"),
    ("run.finish(); sys.exit(3)", 3, "done", "Training completed successfully"),
    (
        "try: sys.exit(3)\nexcept SystemExit: pass\nrun.log({'loss': 0.25})",
        0,
        "done",
        "Training completed successfully",
    ),
]


@pytest.mark.parametrize(("ending", "code", "state", "message"), ENDS, ids=[end[0] or "nothing" for end in ENDS])
def test_a_script_without_finish_ends_as_its_process_did(
    script: Callable[..., subprocess.Popen[str]], run_dir: RunDir, ending: str, code: int, state: str, message: str
) -> None:
    process = script(START + ending)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert states(run_dir)[-1] == state
    status = read_training_status(run_dir.status)
    assert (status["status"], status["message"]) == ("error" if state == "error" else "done", message)
    assert not is_held(run_dir.trainer_lock)
    if state == "error" and "raise" in ending:
        assert "Traceback" in events(run_dir, "state")[-1]["error"]["traceback"]
        assert "ValueError: bad batch" in errors, "Python's own report is still printed"


def test_a_script_that_was_started_by_hand_tells_how_to_start_it_again(
    script: Callable[..., subprocess.Popen[str]], run_dir: RunDir
) -> None:
    process = script(START)
    assert process.wait(timeout=30) == 0
    facts = json.loads(run_dir.attempt_json(1).read_text())
    assert facts["argv"][0] == sys.executable and facts["argv"][-1].endswith("train.py")
    assert facts["cwd"] == os.getcwd()


def test_another_excepthook_is_still_called(script: Callable[..., subprocess.Popen[str]], run_dir: RunDir) -> None:
    process = script("sys.excepthook = lambda *a: print('mine')\n" + START + "1/0")
    assert "mine" in process.communicate(timeout=30)[0]
    assert states(run_dir)[-1] == "error"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("leave", ["sys.exit(0)", "raise ValueError('child')", "os._exit(0)", "run.finish()"])
def test_a_forked_child_records_nothing_however_it_ends(
    script: Callable[..., subprocess.Popen[str]], run_dir: RunDir, leave: str
) -> None:
    body = f"""
if not os.fork():
    run.log({{'loss': 9.0}})
    run.boundary(3)
    run.alert('info', 'child', 'child')
    {leave}
    os._exit(0)
os.wait()
assert run.active
run.log({{'loss': 0.25}})
"""
    process = script(START + body)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert [event["values"]["train/loss"] for event in events(run_dir, "metrics")] == [0.5, 0.25]
    assert states(run_dir) == ["preparing", "running", "done"]
    assert read_training_status(run_dir.status)["loss"] == 0.25


def test_workers_that_outlive_a_killed_trainer_do_not_hold_its_lock(
    script: Callable[..., subprocess.Popen[str]], run_dir: RunDir, until: Callable[..., Any]
) -> None:
    process = script(START + "child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(60)")
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    try:
        assert is_held(run_dir.trainer_lock)
        process.kill()
        process.wait()
        os.kill(worker, 0)
        until(lambda: not is_held(run_dir.trainer_lock))
    finally:
        os.kill(worker, signal.SIGKILL)


def test_every_log_that_returned_survives_sigkill(
    script: Callable[..., subprocess.Popen[str]], run_dir: RunDir
) -> None:
    process = script("run = gladius.start()\nfor i in range(10**9):\n    run.log({'i': i}); os.write(1, b'%d\\n' % i)")
    assert process.stdout is not None
    last = [int(process.stdout.readline()) for _ in range(500)][-1]
    process.kill()
    last = max([last, *map(int, process.stdout.read().split("\n")[:-1])])
    logged = [event["values"]["i"] for event in events(run_dir, "metrics")]
    assert logged[: last + 1] == list(range(last + 1))
    assert len(logged) <= last + 2


def test_a_script_goes_on_when_its_run_directory_is_deleted(
    script: Callable[..., subprocess.Popen[str]], run_dir: RunDir
) -> None:
    process = script(
        "run = gladius.start()\nprint('up', flush=True)\nsys.stdin = open(os.environ['GO'])\nsys.stdin.read()\n"
        "for i in range(1000): run.log({'i': i}); run.boundary(i)\ntime.sleep(1.2)\nprint('finished')",
        GO=str(_fifo(run_dir.root.parent / "go")),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    gone = run_dir.root.with_name("gone")
    run_dir.root.rename(gone)
    shutil.rmtree(gone)
    (run_dir.root.parent / "go").write_text("")
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "finished\n")
    assert errors.count("\n") < 6


def _fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_importing_gladius_loads_next_to_nothing() -> None:
    show = """
import os, sys  # a Python that was started without -S has loaded both
before = set(sys.modules)
import gladius
print(sorted(set(sys.modules) - before))
gladius.start, gladius.init, gladius.log, gladius.finish
print(sorted(set(sys.modules) - before))
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCES}
    answer = subprocess.run(
        [sys.executable, "-S", "-c", show], env=environment, capture_output=True, text=True, check=True
    )
    verbs = ["__future__", "atexit", "gladius", "gladius.pulse", "gladius.pulse.start", "gladius.pulse.warn"]
    assert answer.stdout == f"['gladius']\n{verbs}\n"


def test_editors_and_type_checkers_find_what_is_loaded_late() -> None:
    assert set(gladius.__all__) <= set(dir(gladius))
    assert (Path(gladius.__file__).parent / "py.typed").is_file()


def test_a_run_loads_the_standard_library_only_and_its_log_nothing_more(tmp_path: Path) -> None:
    show = """
import sys
import gladius
with gladius.start(total_epochs=1) as run:
    begun = set(sys.modules)
    run.log({"loss": 0.5}, step=0)
    assert begun == set(sys.modules), set(sys.modules) - begun
    print("\\n".join(name for name in begun if name.split(".")[0] not in sys.stdlib_module_names))
    heavy = ("asyncio", "multiprocessing", "http", "xml", "sqlite3", "unittest", "logging", "inspect", "tempfile", "hashlib", "shutil")
    print("\\n".join("heavy " + name for name in heavy if name in begun))
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCES, "GLADIUS_RUN_DIR": str(tmp_path / "run")}
    answer = subprocess.run(
        [sys.executable, "-S", "-c", show], env=environment, capture_output=True, text=True, check=True
    )
    assert {name.split(".")[0] for name in answer.stdout.split()} == {"__main__", "gladius", "pulse_wrapper"}


@pytest.mark.parametrize(
    "module", ["events", "control", "heart", "identity", "lock", "poller", "rundir", "start", "opening", "reporter"]
)
def test_no_module_needs_posix_to_be_imported(module: str) -> None:
    """On Windows there is no fcntl, no os.fork, no os.register_at_fork."""
    show = f"""
import builtins, os, sys
real = builtins.__import__
def windows(name, *args, **kwargs):
    if name in ("fcntl", "pwd", "grp", "termios", "resource", "posix"):
        raise ImportError(name)
    return real(name, *args, **kwargs)
import tempfile, subprocess, socket, threading, logging, json, pathlib, random, secrets, shutil
builtins.__import__ = windows
for name in ("register_at_fork", "fork", "getsid", "O_DIRECTORY", "pidfd_open", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
import gladius.pulse.{module}
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCES}
    answer = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
