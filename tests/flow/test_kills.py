"""Whoever is killed, at whatever moment: steps and output arrive, and the record says only what is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gladius.hub.happenings import Teller, read_tail
from gladius.launch.local import LocalLauncher
from gladius.pulse.events import EventWriter
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir
from gladius.store.view import RunView
from gladius.supervise.closing import close_earlier_attempts
from pulse_wrapper import read_training_status

INSTRUMENTED = """
import os, sys, time
import gladius
gate = os.path.join(os.path.dirname(__file__), "go")
with gladius.start(total_epochs=2, steps_per_epoch=100) as run:
    for epoch in range(2):
        for step, _ in run.steps(range(100)):
            run.log({"train/loss": 1.0 / (step + 1)})
            print("step", step, flush=True)
            while step == 60 and not os.path.exists(gate):
                time.sleep(0.01)
"""
PLAIN = """
import os, time
gate = os.path.join(os.path.dirname(__file__), "go")
for step in range(200):
    print("step=%d loss=%.4f" % (step, 1 / (step + 1)), flush=True)
    while step == 60 and not os.path.exists(gate):
        time.sleep(0.01)
"""


def lines(run: RunDir) -> list[str]:
    return run.console_log.read_text().splitlines() if run.console_log.exists() else []


def kill_supervisor(street: Any, run: RunDir) -> None:
    pid = street.supervisor_pid(run)
    os.kill(pid, signal.SIGKILL)
    street.until(lambda: not is_held(run.supervisor_lock))


def go(street: Any) -> None:
    (street.folder / "go").write_text("")


def test_a_killed_supervisor_costs_no_step_and_no_output(street: Any) -> None:
    run = street.start(*street.script(INSTRUMENTED))
    street.until(lambda: len(lines(run)) == 61)
    kill_supervisor(street, run)
    trainer = street.trainer(run)
    go(street)
    street.until(lambda: trainer.alive() is False)
    assert lines(run) == [f"step {step}" for step in range(200)]
    assert [event["step"] for event in street.events(run, "metrics")] == list(range(200))
    assert street.status(run)["status"] == "done"
    assert not run.report_json.exists()
    LocalLauncher(street.home).adopt(run, 1)
    report = street.wait_recorded(run)
    assert (report["state"], report["verdict"], report["exit_code"], report["last_step"]) == (
        "done",
        "finished",
        None,
        199,
    )
    assert "the trainer's own final state, done" in report["evidence"]
    assert [line["status"] for line in street.history()] == ["done"]
    assert street.status(run)["epoch"] == 2.0


def test_a_new_supervisor_adopts_a_living_trainer_and_sees_its_end(street: Any) -> None:
    run = street.start(*street.script(INSTRUMENTED))
    street.until(lambda: len(lines(run)) == 61)
    kill_supervisor(street, run)
    LocalLauncher(street.home).adopt(run, 1)
    command = street.command(run, "pause")
    street.until(lambda: street.acks(run, command) == ["accepted"])
    go(street)
    street.until(lambda: street.acks(run, command) == ["accepted", "applied"])
    street.command(run, "stop")
    report = street.wait_recorded(run)
    assert (report["state"], report["verdict"]) == ("cancelled", "finished")
    assert [line["status"] for line in street.history()] == ["cancelled"]
    assert len([e for e in street.events(run, "process", supervisor=True) if e["event"] == "started"]) == 1


def test_an_uninstrumented_command_that_ended_unobserved_is_unknown(street: Any) -> None:
    run = street.start(*street.script(PLAIN))
    street.until(lambda: len(lines(run)) == 61)
    kill_supervisor(street, run)
    trainer = street.trainer(run)
    LocalLauncher(street.home).adopt(run, 1)
    go(street)
    report = street.wait_recorded(run)
    assert trainer.alive() is False
    assert len(lines(run)) == 200
    assert (report["state"], report["verdict"], report["exit_code"]) == ("unknown", "unknown", None)
    assert report["evidence"] == "ended unobserved, exit code not known"
    steps = [event["step"] for event in street.events(run, "metrics", supervisor=True)]
    assert steps == list(range(200)), "numbers are parsed once, by whichever supervisor"
    assert street.history()[0]["status"] == "error"
    assert street.history()[0]["final_loss"] == 0.005


def test_suspend_works_through_an_adopting_supervisor(street: Any) -> None:
    run = street.start("sleep", "60")
    kill_supervisor(street, run)
    LocalLauncher(street.home).adopt(run, 1)
    stop = street.steer(run, "terminate", grace_s=5)
    report = street.wait_recorded(run)
    assert street.acks(run, stop) == ["accepted", "applied"]
    assert report["state"] == "cancelled"


def accepted_by_the_dead(street: Any, run: RunDir, command: str, **args: Any) -> str:
    """What a supervisor leaves that is killed right after it accepted a command."""
    kill_supervisor(street, run)
    id_ = street.steer(run, command, **args)
    stream = EventWriter(run.supervisor_events, 1)
    stream.write("ack", {"command_id": id_, "state": "accepted"}, durable=True)
    stream.close()
    return str(id_)


def test_an_end_that_was_asked_for_is_seen_through_by_the_next_supervisor(street: Any) -> None:
    run = street.start(*street.script("import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)"))
    stop = accepted_by_the_dead(street, run, "terminate", grace_s=0.3)
    LocalLauncher(street.home).adopt(run, 1)
    report = street.wait_recorded(run)
    assert street.acks(run, stop) == ["accepted", "applied"]
    assert (report["state"], street.status(run)["message"]) == ("cancelled", "Stopped by ada")
    assert [line["status"] for line in street.history()] == ["cancelled"]
    assert RunView(run).load().state == "cancelled"


@pytest.mark.parametrize("who", ["an adopting supervisor", "the next attempt"])
def test_an_end_that_was_asked_for_and_that_nobody_saw_is_no_failure(street: Any, who: str) -> None:
    run = street.start(*street.script(INSTRUMENTED))
    street.until(lambda: len(lines(run)) == 61)
    stop = accepted_by_the_dead(street, run, "terminate", grace_s=5)
    os.kill(street.trainer(run).pid, signal.SIGKILL)
    street.until(lambda: street.trainer(run).alive() is False)
    if who == "the next attempt":
        run.write_attempt(2, {"argv": ["true"]})
        close_earlier_attempts(run, street.home, 2)
    else:
        LocalLauncher(street.home).adopt(run, 1)
        assert street.wait_recorded(run)["state"] == RunView(run).load().state == "cancelled"
        assert street.acks(run, stop) == ["accepted", "applied"]
    assert "after a terminate that was accepted" in street.exited(run)["evidence"]
    assert [line["status"] for line in street.history()] == ["cancelled"]
    teller = Teller(run, run.read_run())
    told = [one for stream, event in read_tail(run) if (one := teller.tell(stream, event)) is not None]
    assert [one.data["state"] for one in told if one.kind == "ended"] == ["cancelled"], "and so on the overview"


def test_a_suspension_that_was_accepted_is_answered_by_what_can_be_seen(street: Any) -> None:
    run = street.start("sleep", "60")
    never = accepted_by_the_dead(street, run, "suspend")
    LocalLauncher(street.home).adopt(run, 1)
    street.until(lambda: street.acks(run, never) == ["accepted", "rejected"])
    os.kill(street.trainer(run).pid, signal.SIGSTOP)
    done = accepted_by_the_dead(street, run, "suspend")
    LocalLauncher(street.home).adopt(run, 1)
    street.until(lambda: street.acks(run, done) == ["accepted", "applied"])
    street.steer(run, "terminate", grace_s=5)
    assert street.wait_recorded(run)["state"] == "cancelled"


def test_adopting_a_complete_record_changes_nothing(street: Any) -> None:
    run = street.start("sh", "-c", "exit 4")
    first = street.wait_recorded(run)
    for _ in range(2):
        LocalLauncher(street.home).adopt(run, 1)
        assert street.wait_recorded(run) == first
    assert len(street.history()) == 1
    assert street.exited(run)["code"] == 4


def test_a_supervisor_killed_between_exit_and_report_leaves_a_record_that_can_be_completed(street: Any) -> None:
    run = street.start("sh", "-c", "echo loss: 0.5; exit 4")
    street.wait_recorded(run)
    run.report_json.unlink()
    run.report_md.unlink()
    street.home.history.unlink()
    LocalLauncher(street.home).adopt(run, 1)
    report = street.wait_recorded(run)
    assert (report["exit_code"], report["verdict"], report["train_loss"]["last"]) == (4, "failed", 0.5)
    assert len(street.history()) == 1


def test_a_killed_trainer_keeps_its_last_epoch_and_loss(street: Any) -> None:
    run = street.start(*street.script(INSTRUMENTED))
    street.until(lambda: len(lines(run)) == 61)
    os.kill(street.trainer(run).pid, signal.SIGKILL)
    report = street.wait_recorded(run)
    assert (report["state"], report["verdict"], report["signal"], report["last_step"]) == (
        "killed",
        "killed",
        "SIGKILL",
        60,
    )
    status = street.status(run)
    assert (status["status"], status["message"]) == ("error", "Ended by SIGKILL of unknown origin at step 60")
    assert (status["epoch"], status["total_epochs"], status["loss"]) == (0.6, 2.0, 1 / 61)
    (line,) = street.history()
    assert (line["status"], line["final_loss"], line["steps"]) == ("error", 1 / 61, 60)
    assert "ended by SIGKILL" in run.report_md.read_text()
    assert not is_held(run.trainer_lock)


def test_a_script_without_a_supervisor_is_adopted_by_the_next(
    street: Any, home: Home, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    process = spawn(*street.script(INSTRUMENTED), env={**os.environ, "GLADIUS_HOME": str(home.root)})
    (run,) = street.until(lambda: [r for r in home.all_runs() if len(street.events(r, "metrics")) == 61])
    LocalLauncher(home).adopt(run, 1)
    go(street)
    assert process.wait(30) == 0
    report = street.wait_recorded(run)
    assert (report["state"], report["last_step"]) == ("done", 199)
    assert street.history()[0]["source"] == "script"
    assert street.trainer(run).pid == process.pid


# `gladius run` itself


@pytest.fixture
def gladius(street: Any, spawn: Callable[..., subprocess.Popen[str]]) -> Callable[..., subprocess.Popen[str]]:
    def run(*argv: str) -> subprocess.Popen[str]:
        return spawn(sys.executable, "-m", "gladius.cli.main", "run", "--", *argv, cwd=street.folder)

    return run


def only_run(street: Any) -> RunDir:
    run: RunDir = street.until(lambda: next(iter(street.home.all_runs()), None))
    return run


def test_gladius_run_shows_the_output_and_returns_the_code(
    street: Any, gladius: Callable[..., subprocess.Popen[str]]
) -> None:
    process = gladius("sh", "-c", "echo out; echo err >&2; printf 'no newline'; exit 7")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (7, "out\nerr\nno newline")
    run = only_run(street)
    assert err == f"gladius: run {run.run_id}, recorded in {run.root}\n"
    assert run.report_json.exists(), "the record is complete when the command returns"
    assert street.history()[0]["status"] == "error"


def test_gladius_run_says_which_signal_and_which_command_was_not_there(
    street: Any, gladius: Callable[..., subprocess.Popen[str]]
) -> None:
    killed, missing = gladius("sh", "-c", "kill -KILL $$"), gladius("no-such-command-anywhere")
    killed.communicate(timeout=60)
    _, err = missing.communicate(timeout=60)
    assert (killed.returncode, missing.returncode) == (137, 127)
    assert "could not start no-such-command-anywhere: No such file or directory" in err


def test_ctrl_c_goes_to_the_command(street: Any, gladius: Callable[..., subprocess.Popen[str]]) -> None:
    body = "import time\nprint('up', flush=True)\ntry:\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('saved'); raise SystemExit(5)"
    process = gladius(*street.script(body))
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (5, "saved\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_killed_gladius_run_leaves_the_command_running_and_recorded(
    street: Any, gladius: Callable[..., subprocess.Popen[str]], number: int
) -> None:
    process = gladius(*street.script(INSTRUMENTED))
    run = only_run(street)
    street.until(lambda: len(lines(run)) == 61)
    os.killpg(process.pid, number)
    process.wait(20)
    go(street)
    assert street.wait_recorded(run)["state"] == "done"
    assert lines(run) == [f"step {step}" for step in range(200)]
    assert [event["step"] for event in street.events(run, "metrics")] == list(range(200))


@pytest.mark.slow
def test_gladius_run_replaces_a_killed_supervisor(street: Any, gladius: Callable[..., subprocess.Popen[str]]) -> None:
    process = gladius(*street.script(INSTRUMENTED))
    run = only_run(street)
    street.until(lambda: len(lines(run)) == 61)
    first = street.supervisor_pid(run)
    kill_supervisor(street, run)
    street.until(lambda: is_held(run.supervisor_lock), timeout=30)
    assert street.supervisor_pid(run) != first
    go(street)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "".join(f"step {step}\n" for step in range(200)))
    assert json.loads(run.report_json.read_text())["state"] == "done"


def test_output_that_nobody_reads_any_more_ends_gladius_run_and_not_the_command(
    street: Any, gladius: Callable[..., subprocess.Popen[str]]
) -> None:
    process = gladius(*street.script(INSTRUMENTED))
    run = only_run(street)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    street.until(lambda: len(lines(run)) == 61)
    go(street)
    assert street.wait_recorded(run)["state"] == "done"
    assert len(lines(run)) == 200
    assert process.wait(20) != 0


def test_nothing_is_left_over(street: Any, home: Home) -> None:
    runs = [street.start("sh", "-c", "echo loss: 1; exit 0") for _ in range(3)]
    for run in runs:
        street.wait_recorded(run)
        supervisor = json.loads(run.supervisor_lock.read_text())["pid"]
        street.until(lambda supervisor=supervisor: not Path(f"/proc/{supervisor}").exists())
        assert read_training_status(run.status)["status"] == "done"
        assert {path.name for path in run.root.iterdir()} == {
            "attempts", "checkpoints", "console.log", "control", "report.json", "report.md", "run.json", "supervisor.jsonl",
            "supervisor.lock", "training_status.json",
        }  # fmt: skip
    assert len(street.history()) == 3
