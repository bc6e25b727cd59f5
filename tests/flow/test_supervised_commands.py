"""A command under its supervisor: output, environment, numbers, end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from gladius.errors import LaunchError
from gladius.launch.local import LocalLauncher
from gladius.pulse.identity import process_state
from gladius.pulse.rundir import RunDir
from gladius.wire.events import parse_event


def test_an_uninstrumented_command_is_recorded_whole(street: Any) -> None:
    argv = street.script(
        "for e in (1, 2):\n  for b in (1, 2, 3): print(f'Epoch {e}/2 | Batch {b}/3 | Loss: {1 / (e + b):.4f}')"
    )
    run = street.start(*argv, name="plain")
    report = street.wait_recorded(run)
    assert run.console_log.read_text() == "".join(
        f"Epoch {e}/2 | Batch {b}/3 | Loss: {1 / (e + b):.4f}\n" for e in (1, 2) for b in (1, 2, 3)
    )
    metrics = street.events(run, "metrics", supervisor=True)
    assert [(event["step"], event["values"]["train/loss"]) for event in metrics] == [
        (1, 0.5), (2, 0.3333), (3, 0.25), (4, 0.3333), (5, 0.25), (6, 0.2),
    ]  # fmt: skip
    assert [event["state"] for event in street.events(run, "state", supervisor=True)] == ["preparing", "running"]
    exited = street.exited(run)
    assert (exited["verdict"], exited["code"], exited["evidence"]) == ("finished", 0, "exit code 0")
    status = street.status(run)
    assert (status["status"], status["epoch"], status["total_epochs"], status["loss"]) == ("done", 2.0, 2.0, 0.2)
    assert (report["state"], report["verdict"], report["last_step"], report["exit_code"]) == ("done", "finished", 6, 0)
    assert report["train_loss"] == {"first": 0.5, "last": 0.2, "best": {"value": 0.2, "step": 6, "epoch": 2.0}}
    (line,) = street.history()
    assert {key: line[key] for key in ("training_id", "attempt", "status", "final_loss", "steps", "source", "name")} == {
        "training_id": run.run_id, "attempt": 1, "status": "done", "final_loss": 0.2, "steps": 6, "source": "cli", "name": "plain",
    }  # fmt: skip
    assert line["started_at"] <= line["finished_at"]
    text = run.report_md.read_text()
    assert "0.5 → 0.2" in text
    for event in street.events(run, supervisor=True):
        parse_event.validate_python(event)


def test_what_is_not_known_is_a_dash_and_never_zero(street: Any) -> None:
    run = street.start("true")
    report = street.wait_recorded(run)
    assert (report["epochs_completed"], report["last_step"], report["train_loss"], report["tokens_per_second"]) == (
        None,
    ) * 4
    (line,) = street.history()
    assert (line["final_loss"], line["epochs_completed"], line["steps"]) == (None, None, None)
    assert "| Epochs | — |" in run.report_md.read_text()


def test_files_are_private(street: Any) -> None:
    run = street.start("echo", "hi")
    street.wait_recorded(run)
    for path in [run.root, *run.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_output_is_kept_byte_for_byte(street: Any) -> None:
    body = "import os\nfor fd in (1, 2): os.write(fd, bytes(range(256)) * 100)\nos.write(1, b'\\rlast, no newline')"
    run = street.start(*street.script(body))
    street.wait_recorded(run)
    assert run.console_log.read_bytes() == bytes(range(256)) * 200 + b"\rlast, no newline"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_three_thousand_lines_that_nobody_reads_do_not_stall_a_command(street: Any, stream: str) -> None:
    body = f"import sys\nfor i in range(3000): print('line', i, 'x' * 200, file=sys.{stream}, flush=True)"
    run = street.start(*street.script(body))
    assert street.wait_recorded(run)["state"] == "done"
    assert run.console_log.read_text() == "".join(f"line {i} {'x' * 200}\n" for i in range(3000))


def test_a_command_that_prints_faster_than_it_is_read_still_obeys(street: Any) -> None:
    run = street.start("yes", "Epoch 1 | Batch 5 | Loss: 0.5")
    trainer = street.trainer(run)
    time_began = time.monotonic()
    street.until(lambda: run.console_log.stat().st_size > 20_000_000)
    suspended = street.steer(run, "suspend")
    street.until(lambda: street.acks(run, suspended) == ["accepted", "applied"])
    assert time.monotonic() - time_began < 15
    # What is left to read is not worth the minutes of this test.
    os.kill(street.supervisor_pid(run), signal.SIGKILL)
    os.kill(trainer.pid, signal.SIGKILL)
    street.until(lambda: trainer.alive() is False)


def test_a_trainer_gets_its_environment_and_nothing_on_stdin(street: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("COLUMNS", "77")
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    body = (
        "import json, os, sys\njson.dump({'env': dict(os.environ), 'in': sys.stdin.read(), 'sid': os.getsid(0), 'pid': os.getpid(),"
        " 'fds': sorted(os.listdir('/proc/self/fd')), 'cwd': os.getcwd()}, open('said.json', 'w'))"
    )
    monkeypatch.chdir(street.folder)
    run = street.start(*street.script(body))
    street.wait_recorded(run)
    said = json.loads((street.folder / "said.json").read_text())
    env = said["env"]
    assert (env["PYTHONUNBUFFERED"], env["OMP_WAIT_POLICY"], env["COLUMNS"]) == ("1", "PASSIVE", "77")
    assert (env["GLADIUS_RUN_DIR"], env["GLADIUS_ATTEMPT"]) == (str(run.root), "1")
    assert env["TENSORBOARD_LOGGING_DIR"] == str(run.tensorboard)
    assert (said["in"], said["cwd"]) == ("", str(street.folder))
    assert said["sid"] == said["pid"], "a session of its own"
    assert len(said["fds"]) <= 5, "no descriptor of the supervisor leaks"
    attempt = run.attempt_json(1).read_text()
    assert "SECRET_KEY" in attempt
    assert "s3cret" not in attempt


def test_a_folder_full_of_modules_named_like_pythons_own_does_no_harm(
    street: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = street.folder / "project"
    project.mkdir()
    for name in ("signal", "queue", "logging", "argparse", "select", "gladius", "psutil"):
        (project / f"{name}.py").write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(project)
    run = street.start("echo", "loss: 0.5")
    assert street.wait_recorded(run)["train_loss"]["last"] == 0.5


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["no-such-command-anywhere"], 127, "Could not start no-such-command-anywhere: No such file or directory"),
        (["/etc"], 126, "Could not start /etc: Permission denied"),
        (["sh", "-c", "exit 3"], 3, "Exit code 3"),
    ],
)
def test_a_command_that_fails_is_an_error_with_its_code(
    street: Any, command: list[str], code: int, message: str
) -> None:
    run = street.start(*command)
    report = street.wait_recorded(run)
    assert (report["state"], report["exit_code"], report["verdict"]) == ("error", code, "failed")
    assert street.status(run)["message"] == message
    assert street.history()[0]["status"] == "error"


def test_a_command_killed_by_a_signal_is_killed_with_its_last_numbers(street: Any) -> None:
    run = street.start(*street.script("import time\nprint('Epoch 2/4 | Batch 1/2 | Loss: 0.75')\ntime.sleep(60)"))
    street.until(lambda: street.events(run, "metrics", supervisor=True))
    os.kill(street.trainer(run).pid, signal.SIGKILL)
    report = street.wait_recorded(run)
    assert (report["state"], report["verdict"], report["signal"], report["evidence"]) == (
        "killed", "killed", "SIGKILL", "ended by SIGKILL of unknown origin",
    )  # fmt: skip
    status = street.status(run)
    assert (status["status"], status["epoch"], status["total_epochs"], status["loss"]) == ("error", 1.5, 4.0, 0.75)
    assert status["message"] == "Ended by SIGKILL of unknown origin at step 1"
    assert street.history()[0]["status"] == "error"


def test_workers_of_a_killed_trainer_are_ended(street: Any) -> None:
    body = "import os, time\nif os.fork(): time.sleep(60)\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    run = street.start(*street.script(body))
    worker = int(street.until(lambda: run.console_log.read_text().strip()))
    assert process_state(worker) == "S"
    os.kill(street.trainer(run).pid, signal.SIGKILL)
    street.wait_recorded(run)
    street.until(lambda: process_state(worker) in (None, "Z"))


def test_suspend_and_continue_and_terminate(street: Any) -> None:
    body = "import time\ni = 0\nwhile True: i += 1; print('loss:', 1 / i, flush=True); time.sleep(0.01)"
    run = street.start(*street.script(body))
    trainer = street.trainer(run)
    street.until(lambda: street.events(run, "metrics", supervisor=True))
    suspend = street.steer(run, "suspend")
    street.until(lambda: street.acks(run, suspend) == ["accepted", "applied"])
    size = run.console_log.stat().st_size
    began = time.monotonic()
    street.until(lambda: time.monotonic() - began > 0.3)
    assert run.console_log.stat().st_size == size
    resume = street.steer(run, "continue")
    street.until(lambda: run.console_log.stat().st_size > size)
    street.until(lambda: street.acks(run, resume) == ["accepted", "applied"])
    bad = street.steer(run, "terminate", grace_s="soon")
    street.until(lambda: street.acks(run, bad) == ["rejected"])
    assert trainer.alive()
    again = street.steer(run, "suspend")
    street.until(lambda: street.acks(run, again) == ["accepted", "applied"])
    stop = street.steer(run, "terminate", grace_s=5)
    report = street.wait_recorded(run)
    assert street.acks(run, stop) == ["accepted", "applied"]
    assert (report["state"], report["signal"]) == ("cancelled", "SIGTERM")
    status = street.status(run)
    assert (status["status"], status["message"]) == ("done", "Stopped by ada")
    assert street.history()[0]["status"] == "cancelled"


def test_what_ignores_sigterm_is_killed_after_the_grace(street: Any) -> None:
    body = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\nwhile True: time.sleep(1)"
    run = street.start(*street.script(body))
    street.until(lambda: run.console_log.read_text() == "deaf\n")
    began = time.monotonic()
    street.steer(run, "terminate", grace_s=0.5)
    report = street.wait_recorded(run)
    assert 0.5 <= time.monotonic() - began < 8
    assert (report["state"], report["signal"]) == ("cancelled", "SIGKILL")


def test_a_command_that_was_never_accepted_is_rejected_at_the_end(street: Any) -> None:
    run = street.start("sleep", "0.5")
    id_ = street.command(run, "pause")
    street.wait_recorded(run)
    assert street.acks(run, id_) == ["rejected"]


def test_machine_samples_come_with_the_processes_of_the_run(street: Any) -> None:
    run = street.start("sleep", "3.5")
    street.wait_recorded(run)
    samples = street.events(run, "system", supervisor=True)
    assert 1 <= len(samples) <= 3
    for sample in samples:
        parse_event.validate_python(sample)
        assert sample["ram"]["used"] > 0
        assert sample["group"]["processes"] == 1
        assert sample["group"]["rss"] > 0


def test_a_second_supervisor_is_refused(street: Any) -> None:
    run = street.start("sleep", "30")
    with pytest.raises(LaunchError, match="is held by pid"):
        LocalLauncher(street.home).adopt(run, 1)
    os.kill(street.trainer(run).pid, signal.SIGTERM)
    street.wait_recorded(run)
    assert len(street.events(run, "process", supervisor=True)) == 2


def test_a_home_that_cannot_be_used_is_told_with_the_reason(street: Any) -> None:
    run = RunDir(street.folder / "no-such-run")
    with pytest.raises(LaunchError):
        LocalLauncher(street.home).start(run, 1)


def test_a_run_directory_deleted_under_a_command_does_not_stop_it(street: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "import sys, time\nprint('up', flush=True)\nwhile not __import__('os').path.exists('go'): time.sleep(0.01)\nopen('finished', 'w')"
    monkeypatch.chdir(street.folder)
    run = street.start(*street.script(body))
    street.until(lambda: run.console_log.exists() and run.console_log.read_text() == "up\n")
    supervisor = street.supervisor_pid(run)
    gone = run.root.with_name("gone")
    run.root.rename(gone)
    shutil.rmtree(gone)
    (street.folder / "go").write_text("")
    street.until(lambda: (street.folder / "finished").exists())
    street.until(lambda: not Path(f"/proc/{supervisor}").exists())
