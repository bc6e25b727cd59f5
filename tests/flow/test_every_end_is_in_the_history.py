"""Whatever ends a run, the history has exactly one line of each attempt, also when nobody was there to write it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer

from gladius.errors import LockHeld
from gladius.pulse.rundir import RunDir
from gladius.store import adoption
from gladius.store.view import RunView
from gladius.supervise import closing
from gladius.supervise.closing import close_attempt, close_earlier_attempts
from gladius.supervise.observe import Observed
from gladius.supervise.verdict import Verdict

_TRAINER = "import sys, time\nfor i in range(3): print(f'step {i} loss: {1 / (i + 1)}', flush=True)\n"
_WAITS = _TRAINER + "time.sleep(600)\n"


def has_a_line(street: Any, run: RunDir) -> Any:
    return [line for line in street.history() if line["training_id"] == run.run_id]


def test_done_error_cancelled_killed_and_lost_each_have_one_line(
    street: Any, spawn: Callable[..., Any], until: Callable[..., Any]
) -> None:
    done = street.start(*street.script(_TRAINER, "done.py"))
    error = street.start(*street.script(_TRAINER + "sys.exit(3)\n", "error.py"))
    waiting = street.script(_WAITS, "waits.py")
    cancelled, killed, lost = (street.start(*waiting) for _ in range(3))
    street.steer(cancelled, "terminate", grace_s=5)
    os.killpg(street.trainer(killed).pid, signal.SIGKILL)
    # The machine goes down: nobody lives to write a word.
    trainer = street.trainer(lost)
    os.kill(street.supervisor_pid(lost), signal.SIGKILL)
    os.killpg(trainer.pid, signal.SIGKILL)
    for run in (done, error, cancelled, killed):
        street.wait_recorded(run)
    assert {line["training_id"] for line in street.history()} == {
        run.run_id for run in (done, error, cancelled, killed)
    }
    server = ConsoleServer(spawn, street.home)
    until(lambda: has_a_line(street, lost), timeout=30)
    ends = {line["training_id"]: line["status"] for line in street.history()}
    assert ends == {
        done.run_id: "done", error.run_id: "error", cancelled.run_id: "cancelled", killed.run_id: "error",
        lost.run_id: "error",
    }  # fmt: skip
    assert len(street.history()) == 5
    until(lambda: server.get("/runs", status="live")["total"] == 0)
    shown = {run["run_id"]: run for run in server.get("/runs")["runs"]}
    for line in street.history():
        summary = shown[line["training_id"]]
        assert summary["loss"] == line["final_loss"]
        assert summary["state"] == {"error": summary["state"]}.get(line["status"], line["status"])
        assert summary["finished_at"] == pytest.approx(line["finished_at"])
    server.terminate()


def test_an_attempt_that_nobody_recorded_has_its_line_when_the_next_one_begins(street: Any) -> None:
    run = street.start(*street.script(_WAITS))
    trainer = street.trainer(run)
    os.kill(street.supervisor_pid(run), signal.SIGKILL)
    os.killpg(trainer.pid, signal.SIGKILL)
    run.write_attempt(2, {"argv": ["true"]})
    status = run.status.read_bytes()
    for _ in range(2):
        close_earlier_attempts(run, street.home, 2)
    assert [(line["attempt"], line["status"]) for line in street.history()] == [(1, "error")]
    assert run.status.read_bytes() == status and not run.report_json.exists(), "those are the newest attempt's"


def test_a_line_that_could_not_be_written_is_owed(
    street: Any, monkeypatch: pytest.MonkeyPatch, until: Callable[..., Any]
) -> None:
    run = street.start("true")
    street.wait_recorded(run)
    street.home.history.unlink()

    def locked(history: Path, entry: object) -> bool:
        raise LockHeld(history)

    def conclude() -> None:
        observed = Observed(run, 1)
        observed.read()
        close_attempt(run, street.home, 1, observed, Verdict("finished", "exit code 0", 0), None)

    with monkeypatch.context() as patch:
        patch.setattr(closing, "append_history", locked)
        conclude()
    view = RunView(run).load()
    assert run.report_md.exists() and not adoption._recorded(view), "an adoption will complete it"
    conclude()
    assert adoption._recorded(view) and len(street.history()) == 1
