"""The five end-to-end promises of PULSE v1, with a real training script under a real supervisor and a real poller."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from gladius.launch.local import LocalLauncher
from gladius.pulse.poller import StatusPoller
from gladius.pulse.rundir import RunDir
from pulse_wrapper import TrainingStatus, read_training_status

TRAIN = """
import os, sys, time
import gladius
folder = os.path.dirname(__file__)
def wait_for(name):
    while not os.path.exists(os.path.join(folder, name)):
        time.sleep(0.01)
wait_for("begin")
with gladius.start(total_epochs=3, steps_per_epoch=6) as run:
    for epoch in range(3):
        for step, _ in run.steps(range(6)):
            run.log({"train/loss": 3.0 / (step + 1)})
            if step in (2, 8, 14):
                run.boundary(step)
                wait_for("go-%d" % step)
            if step == 15 and os.path.exists(os.path.join(folder, "fail")):
                raise RuntimeError("CUDA out of memory")
"""


def watch(street: Any, run: RunDir, poller: StatusPoller, seen: list[tuple[str, float]]) -> None:
    update = poller.poll()
    if update is not None and not update.heartbeat:
        seen.append((update.status["status"], round(update.progress, 1)))


def test_idle_running_done_with_progress_on_the_way(street: Any) -> None:
    run = street.home.new_run("e2e", {"source": "cli"})
    poller, seen = StatusPoller(run.status), []
    watch(street, run, poller, seen)
    assert (read_training_status(run.status)["status"], seen) == ("idle", [("idle", 0.0)])
    run.write_attempt(1, {"argv": street.script(TRAIN), "cwd": str(street.folder), "total_epochs": 3})
    LocalLauncher(street.home).start(run, 1)
    for gate, progress in (("begin", 16.7), ("go-2", 50.0), ("go-8", 83.3), ("go-14", 100.0)):
        (street.folder / gate).write_text("")

        def arrived(progress: float = progress) -> bool:
            watch(street, run, poller, seen)
            return bool(seen) and seen[-1][1] == progress

        street.until(arrived)
    street.wait_recorded(run)
    watch(street, run, poller, seen)
    assert seen[-1] == ("done", 100.0)
    assert [word for word, _ in dict.fromkeys(seen)][0] == "idle"
    assert list(dict.fromkeys(word for word, _ in seen)) == ["idle", "running", "done"]
    done = TrainingStatus.from_file(run.status)
    assert (done.epoch, done.total_epochs, done.loss, done.progress) == (3.0, 3.0, 3.0 / 18, 100.0)
    progress = [percent for _, percent in seen]
    assert progress == sorted(progress)


def test_an_error_keeps_the_progress(street: Any) -> None:
    for gate in ("begin", "go-2", "go-8", "go-14", "fail"):
        (street.folder / gate).write_text("")
    run = street.start(*street.script(TRAIN), epochs=3)
    report = street.wait_recorded(run)
    status = TrainingStatus.from_file(run.status)
    assert (status.status, status.message) == ("error", "RuntimeError: CUDA out of memory")
    assert (round(status.progress, 1), status.loss) == (83.3, 3.0 / 16)
    assert (report["state"], report["exit_code"], report["evidence"]) == ("error", 1, "exit code 1")
    assert "RuntimeError: CUDA out of memory" in run.report_md.read_text()
    assert street.history()[0]["final_loss"] == 3.0 / 16


def test_a_hundred_reads_while_a_training_runs_are_all_valid(street: Any) -> None:
    body = "import gladius\nwith gladius.start(total_epochs=1, steps_per_epoch=400) as run:\n  for s, _ in run.steps(range(400)):\n    run.log({'train/loss': 1.0}); __import__('time').sleep(0.005)"
    run = street.start(*street.script(body), epochs=1)
    reads, last = 0, 0.0
    while reads < 100 or not run.report_json.exists():
        status = read_training_status(run.status)
        assert status is not None
        assert status["epoch"] >= last
        last = status["epoch"]
        reads += 1
        time.sleep(0.005)
    street.wait_recorded(run)
    assert read_training_status(run.status)["status"] == "done"


def test_a_frozen_training_goes_stale_and_is_not_called_failed(street: Any) -> None:
    (street.folder / "begin").write_text("")
    run = street.start(*street.script(TRAIN), epochs=3)
    street.until(lambda: street.events(run, "metrics"))
    street.until(lambda: read_training_status(run.status)["epoch"] > 0)
    os.kill(street.trainer(run).pid, signal.SIGSTOP)
    frozen = read_training_status(run.status)
    # The clocks are moved, not waited for.
    wall, steady = time.time(), time.monotonic()
    passed = 0.0
    poller = StatusPoller(run.status, clock=lambda: wall + passed, monotonic=lambda: steady + passed)
    assert poller.poll().stale is False
    while passed < 55.0:
        passed += 5.0
        poller.poll()
    assert poller.current.stale is False
    passed = 62.0
    update = poller.poll()
    assert (update.stale, update.status["status"]) == (True, "running")
    seen = TrainingStatus.from_file(run.status, now=wall + 62)
    assert (seen.status, seen.stale, seen.message) == ("error", True, "Process unresponsive (stale pulse)")
    assert (seen.epoch, seen.loss) == (frozen["epoch"], frozen["loss"])
    assert not [event for event in street.events(run, "process", supervisor=True) if event["event"] == "exited"]
    os.kill(street.trainer(run).pid, signal.SIGCONT)
    for gate in ("go-2", "go-8", "go-14"):
        (street.folder / gate).write_text("")
    assert street.wait_recorded(run)["state"] == "done"


@pytest.mark.parametrize("epochs", ["0", "None"])
def test_no_epochs_are_no_progress_and_no_nan(street: Any, epochs: str) -> None:
    body = f"import gladius\nwith gladius.start(total_epochs={epochs}) as run:\n  run.log({{'train/loss': 1.0}})"
    run = street.start(*street.script(body))
    street.wait_recorded(run)
    status = TrainingStatus.from_file(run.status)
    assert (status.status, status.epoch, status.total_epochs, status.progress) == ("done", 0.0, 0.0, 0.0)
