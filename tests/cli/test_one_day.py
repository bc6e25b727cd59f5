"""What a person does with a script of their own: run it, look, steer it, look back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import ARGV, gladius

from gladius.pulse.rundir import Home

# README's three lines, with a toy in the place of the training.
_SCRIPT = """
import time

loader = range({steps})

def train_one(batch):
    time.sleep({seconds})
    print("batch", batch, flush=True)
    return 1.0 / (batch + 1)

import gladius

with gladius.start(total_epochs=1, steps_per_epoch=len(loader)) as run:
    for step, batch in run.steps(loader):                   # pause, resume and stop happen between two steps
        run.log({{"train/loss": train_one(batch)}})
"""
Spawn = Callable[..., subprocess.Popen[str]]
Until = Callable[..., object]


def _script(folder: Path, steps: int, seconds: float = 0.0) -> Path:
    path = folder / "mine.py"
    path.write_text(_SCRIPT.format(steps=steps, seconds=seconds))
    return path


def test_a_script_is_the_same_run_with_and_without_gladius_run(server_home: Home, tmp_path: Path, until: Until) -> None:
    script = _script(tmp_path, steps=30)
    subprocess.run([sys.executable, script], check=True, capture_output=True, timeout=60)
    supervised = gladius("run", "--name", "supervised", "--", sys.executable, script)
    until(lambda: len(list(server_home.root.glob("runs/*/report.json"))) == 2)

    assert supervised.code == 0
    assert supervised.out.splitlines() == [f"batch {n}" for n in range(30)]
    for name in ("mine", "supervised"):
        series = gladius("metrics", name, "--json").json["train/loss"]
        assert series["value"] == [1.0 / (n + 1) for n in range(30)]
    last = gladius("metrics", "mine", "--json").json["train/loss"]["time"][-1]
    entries = {entry["name"]: entry for entry in gladius("history", "--json").json}
    assert {name: entry["status"] for name, entry in entries.items()} == {"mine": "done", "supervised": "done"}
    # Without a supervisor it ended when it said so, not when somebody looked.
    assert 0 <= entries["mine"]["finished_at"] - last < 1
    assert gladius("show", "mine", "--json").json["summary"]["finished_at"] == entries["mine"]["finished_at"]


def test_output_is_searched(server_home: Home) -> None:
    gladius("run", "--name", "talk", "--", "printf", "one\\ntwo\\nüno\\n")

    assert gladius("logs", "talk", "--search", "two").out == "2: two\n"
    assert [hit["line"] for hit in gladius("logs", "talk", "--search", "ü", "--json").json] == [3]
    assert gladius("logs", "talk").out == "one\ntwo\nüno\n"


def test_a_live_script_is_followed_paused_resumed_and_stopped(
    server_home: Home, tmp_path: Path, spawn: Spawn, until: Until
) -> None:
    runner = spawn(*ARGV, "run", "--name", "mine", "--", sys.executable, _script(tmp_path, 4000, 0.02))
    until(lambda: gladius("ls", "--status", "running", "--json").json)
    follower = spawn(*ARGV, "logs", "-f", "mine")

    assert gladius("pause", "mine").out.startswith("applied at step")
    assert gladius("resume", "mine", "--json").json["state"] == "applied"
    asked = gladius("pause", "mine", "--no-wait", "--json").json
    assert asked["run_id"] == next(server_home.root.glob("runs/*")).name
    assert gladius("stop", "mine").code == 0

    printed, _ = runner.communicate(timeout=20)
    followed, _ = follower.communicate(timeout=20)
    assert (runner.returncode, follower.returncode) == (0, 0)
    assert followed == printed != ""
    assert gladius("show", "mine", "--json").json["summary"]["state"] == "cancelled"
    late = gladius("pause", "mine")
    assert late.code == 1
    assert late.complains("has ended")


def test_a_command_that_was_asked_to_stop_is_cancelled_and_not_killed(
    server_home: Home, spawn: Spawn, until: Until
) -> None:
    runner = spawn(*ARGV, "run", "--name", "plain", "--", "sleep", "60")
    until(lambda: gladius("stop", "plain").code == 0)

    runner.communicate(timeout=20)
    assert runner.returncode == 128 + signal.SIGTERM
    run = gladius("show", "plain", "--json").json["summary"]
    assert run["state"] == "cancelled"
    assert gladius("history", "--json").json[0]["status"] == "cancelled"


def test_what_a_command_never_said_is_a_dash(server_home: Home) -> None:
    gladius("run", "--name", "quiet", "--", "true")

    facts = dict(line.split(maxsplit=1) for line in gladius("show", "quiet").out.splitlines() if line.strip())
    assert (facts["epoch"].strip(), facts["progress"].strip()) == ("—", "—")


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_commands(home: Home, command: str, code: int) -> None:
    assert gladius("run", "--", "sh", "-c", command).code == code


def test_a_command_that_cannot_be_started_is_said_so(home: Home) -> None:
    missing = gladius("run", "--", "nonexistent-program")

    assert missing.code == 127
    assert "could not start nonexistent-program" in missing.err


def test_in_a_vanished_folder_no_run_is_made(home: Home, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f'cd "{gone}" && rmdir "{gone}" && exec {sys.executable} -m gladius.cli.main run -- true'
    ended = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert "current folder is gone" in ended.stderr
    assert not list((home.root / "runs").glob("*"))


def test_binary_output_arrives_byte_by_byte(home: Home, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(range(256)) * 2000)
    ended = subprocess.run([*ARGV, "run", "--", "cat", blob], capture_output=True, timeout=60, check=True)

    assert ended.stdout == blob.read_bytes()


@pytest.mark.skipif(shutil.which("head") is None, reason="needs head")
def test_a_reader_that_leaves_early_hears_no_traceback(home: Home) -> None:
    line = f"{sys.executable} -m gladius.cli.main run -- seq 200000 | head -n 1"
    ended = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "1\n"
    assert "Traceback" not in ended.stderr


def test_one_home_has_one_server_and_a_killed_one_is_replaced(home: Home, spawn: Spawn) -> None:
    first = spawn(*ARGV, "up", "--port", "0", "--no-browser")
    assert first.stdout is not None
    line = first.stdout.readline()

    assert line.startswith("Gladius console: http://127.0.0.1:")
    again = gladius("up", "--port", "0", "--no-browser").out
    assert again.partition("?")[0] == line.partition("?")[0], "the same server"
    assert again != line, "a link signs in once, so this is another"
    first.kill()
    first.wait()
    assert home.server_json.exists()
    assert not any("one runs for this home" in found["detail"] for found in gladius("doctor", "--json").json)
    second = spawn(*ARGV, "up", "--port", "0", "--no-browser")
    assert second.stdout is not None
    assert second.stdout.readline().startswith("Gladius console: http://127.0.0.1:")
