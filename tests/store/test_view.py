"""What a run's files make of it: state, resume, numbers, health."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from scripted_run import ScriptedRun
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.commands import command_record
from gladius.store.health import judge_health
from gladius.store.record import Steering, record
from gladius.store.summary import summarize
from gladius.store.view import RunView

GONE = {**Identity.current().as_dict(), "pid": 4_000_000, "start_time": 1.0}


def test_a_run_without_an_attempt_is_queued(written: Written) -> None:
    summary = summarize(written.view())
    assert (summary.state, summary.health.code, summary.attempt) == ("queued", "queued", 0)
    assert summary.epoch is None and summary.loss is None and summary.best is None and summary.eta_seconds is None
    assert summary.elapsed is None and summary.step is None and summary.total_epochs is None


def test_a_launch_that_is_taken_back_leaves_no_attempt_though_somebody_looked(written: Written) -> None:
    written.directory.write_attempt(1, {"argv": ["true"]})
    view = written.view()
    assert view.state == "preparing" and [one.attempt for one in record(view, Steering()).attempts] == [1]
    written.directory.attempt_json(1).unlink()
    view.refresh()
    assert (view.state, view.attempt, record(view, Steering()).attempts) == ("queued", 0, [])


def test_the_trainers_word_counts_while_it_lives(written: Written) -> None:
    written.begin(1, total_steps=100).started()
    assert written.view().state == "preparing"
    written.trainer.write("state", {"state": "running"})
    view = written.view()
    assert view.state == "running" and judge_health(view).code == "healthy" and not view.ended


@pytest.mark.parametrize(
    ("verdict", "state", "level"),
    [("finished", "done", "good"), ("failed", "error", "trouble"), ("killed", "killed", "trouble"),
     ("out_of_memory", "out_of_memory", "trouble"), ("unknown", "unknown", "attention")],
)  # fmt: skip
def test_an_exit_is_its_verdict(written: Written, verdict: str, state: str, level: str) -> None:
    view = written.begin(1, total_steps=5).started(GONE).exited(verdict, evidence="exit code 7").view()
    assert (view.state, view.ended) == (state, True)
    assert judge_health(view).level == level


def test_a_trainers_last_word_beats_the_verdict(written: Written) -> None:
    written.begin(1, total_steps=5).trainer.write("state", {"state": "released"})
    assert written.exited("failed").view().state == "released"


def test_a_process_gone_without_an_exit_is_lost(written: Written) -> None:
    written.begin(1, total_steps=5).started(GONE).trainer.write("state", {"state": "running"})
    assert written.view().state == "lost"


def test_another_hosts_process_is_not_judged(written: Written) -> None:
    written.begin(1, total_steps=5).started({**GONE, "host": "node17"}).trainer.write("state", {"state": "running"})
    view = written.view()
    assert view.state == "running"
    health = judge_health(view, now=time.time() + 4)
    assert health.code == "remote" and health.message.startswith("On node17, last sign ")


def test_a_resume_supersedes_later_points_of_earlier_attempts(written: Written) -> None:
    written.begin(1, total_steps=100).steps(0, 30, loss=3.0)
    written.trainer.metrics({"eval/loss": 0.1}, 29, 2.9, None)
    written.begin(2, total_steps=100, resumed_from={"checkpoint": "c", "step": 10}).steps(11, 20, loss=1.0)
    column = written.view().table.column("train/loss", 100)
    assert column["step"] == list(range(20))
    assert column["value"] == [3.0] * 11 + [1.0] * 9
    summary = summarize(written.view())
    assert summary.best is not None and summary.best.name == "train/loss", "the superseded eval/loss does not count"


def test_a_second_attempt_from_the_start_supersedes_all(written: Written) -> None:
    written.begin(1, total_steps=100).steps(0, 30, loss=3.0)
    written.begin(2, total_steps=100).steps(0, 5, loss=1.0)
    assert written.view().table.column("train/loss", 100)["value"] == [1.0] * 5


def test_parsed_metrics_count_until_the_trainer_says_hello(home: Home, me: Identity) -> None:
    written = Written(home, me, engine="command").begin(1)
    written.supervisor.write("state", {"state": "running"})
    written.supervisor.metrics({"train/loss": 9.0}, 1, None, None)
    view = written.view()
    assert view.table.last("train/loss") == 9.0 and not view.current.instrumented and view.state == "running"
    written.trainer.write("hello", {"run_id": "x", "pid": me.pid, "host": me.host})
    written.supervisor.metrics({"train/loss": 8.0}, 2, None, None)
    written.trainer.metrics({"train/loss": 1.0}, 1, None, None)
    column = written.view().table.column("train/loss", 10)
    assert column["value"] == [1.0]


def test_a_loss_that_is_not_finite_needs_somebody(written: Written) -> None:
    written.begin(1, total_steps=5).started().trainer.write("state", {"state": "running"})
    written.trainer.metrics({"train/loss": float("nan")}, 812, None, None)
    view = written.view()
    assert judge_health(view).message == "Needs you: loss is NaN since step 812"
    assert summarize(view).loss == "NaN"
    written.steps(813, 814)
    assert judge_health(written.view()).code == "healthy"


def test_a_told_bad_loss_is_mended_by_two_finite_ones(written: Written) -> None:
    written.begin(1, total_steps=5).started().trainer.write("state", {"state": "running"})
    written.trainer.write(
        "alert", {"level": "critical", "code": "non_finite_loss", "message": "loss is NaN since step 5"}
    )
    assert judge_health(written.steps(6, 7).view()).message == "Needs you: loss is NaN since step 5"
    assert judge_health(written.steps(7, 8).view()).code == "healthy"


def test_dead_experts_are_no_health(written: Written) -> None:
    written.begin(1, total_steps=100).started().trainer.write("state", {"state": "running"})
    shares = {"moe/load/0/0": 0.5, "moe/load/0/1": 0.5, "moe/load/1/0": 1.0, "moe/load/1/1": 0.0}
    for step in range(4):
        written.trainer.metrics(shares, step, None, None)
    assert judge_health(written.view()).code == "healthy", "a few windows without a token kill no expert"
    written.trainer.metrics(shares, 4, None, None)
    health = judge_health(written.view())
    assert (health.level, health.code, health.data) == ("attention", "dead_experts", {"count": 1, "experts": 4})
    assert health.message == "Training, but no tokens reach 1 of 4 experts"
    written.trainer.metrics({**shares, "moe/load/1/1": 0.01}, 5, None, None)
    assert judge_health(written.view()).code == "healthy"
    written.trainer.write("state", {"state": "paused"})
    paused = judge_health(written.view())
    assert (paused.code, paused.level) == ("paused", "attention"), "amber, as its badge"


def test_a_stall_is_said_with_its_evidence(written: Written) -> None:
    written.begin(1, total_steps=5).started().trainer.write("state", {"state": "running"})
    written.supervisor.write("stall", {"event": "began", "seconds": 75.0, "limit": 60.0, "cpu": 3.0})
    view = written.view()
    assert view.stalled and judge_health(view).message == "No step for 75 s (CPU 3 %)"
    written.supervisor.write("stall", {"event": "ended", "seconds": 80.0, "limit": 60.0})
    assert not written.view().stalled


def test_best_is_the_lowest_evaluation_where_there_is_one(written: Written) -> None:
    written.begin(1, total_steps=50, total_epochs=5).steps(0, 30)
    for epoch, value in ((1.0, 2.0), (2.0, 1.5), (3.0, 1.7)):
        written.trainer.metrics({"eval/loss": value}, int(epoch * 10), epoch, None)
    summary = summarize(written.view())
    assert summary.best is not None
    assert (summary.best.name, summary.best.value, summary.best.epoch) == ("eval/loss", 1.5, 2.0)
    assert summary.eval_loss == 1.7 and summary.delta == 0.0 and summary.total_epochs == 5


def test_a_failed_save_is_no_last_checkpoint(written: Written) -> None:
    written.begin(1, total_steps=5)
    written.trainer.write("checkpoint", {"step": 3, "path": "checkpoints/3", "kind": "auto", "bytes": 10})
    written.trainer.write("checkpoint", {"step": 4, "failed": "disk full"})
    view = written.view()
    last = summarize(view).last_checkpoint
    assert last is not None and last.step == 3 and len(view.checkpoints) == 2


def test_damaged_events_disturb_nobody(written: Written) -> None:
    written.begin(1, total_steps=5)
    for type_, fields in (
        ("metrics", {"values": 7}), ("metrics", {}), ("state", {}), ("ack", {}), ("novelty", {"x": 1}),
        ("hello", {"resumed_from": "there", "capabilities": ["dance", "stop"], "world_size": "many", "total_steps": "x",
                   "model": 3, "adjustable": {"lr": 4}}),
        ("metrics", {"values": {"train/loss": 2.0}, "step": "x", "epoch": "y", "log_offset": -4}), ("state", {"state": "odd"}),
        ("metrics", {"values": {"train/loss": 3.0}, "step": -1, "epoch": "NaN", "log_offset": 1.5}), ("ack", {"command_id": 3}),
        ("metrics", {"time": "noon", "values": {"train/loss": 9.0}}), ("metrics", {"attempt": -1, "values": {}}),
        ("checkpoint", {"step": "x"}), ("metrics", {"values": {"a": "b"}}),
    ):  # fmt: skip
        written.trainer.write(type_, fields)
    written.steps(0, 2)
    view = written.view()
    assert view.table.column("train/loss", 10)["value"] == [2.0, 3.0, 1.0, 1.0]
    assert view.table.column("train/loss", 10)["step"] == [None, None, 0, 1]
    told = record(view, Steering())
    assert told.capabilities == ["stop"] and told.world_size is None and told.model is None
    assert told.model_dump_json()


def test_the_record_holds_attempts_config_and_error(written: Written) -> None:
    written.begin(1, total_steps=5).started(GONE)
    error = {"code": "RuntimeError", "message": "it broke", "traceback": "Traceback ..."}
    written.trainer.write("state", {"state": "error", "error": error})
    written.exited("failed", code=1)
    written.directory.attempt_config(1).write_text("# mine\nlearning_rate: 1e-4\n")
    told = record(written.view(), Steering({"stop": "the run has ended."}))
    assert told.config == {"learning_rate": 1e-4} and told.error == "it broke" and told.traceback == "Traceback ..."
    assert [(one.attempt, one.code, one.verdict) for one in told.attempts] == [(1, 1, "failed")]
    assert told.summary.health.message == "Failed: it broke" and told.summary.profile_id == "tiny-moe"


def test_a_command_accepted_but_never_answered_has_an_unknown_outcome(written: Written) -> None:
    from gladius.pulse.control import Command, Mailbox

    written.begin(1, total_steps=5).started().trainer.write("state", {"state": "running"})
    Mailbox(written.directory.control).post(Command("cmd-12345678", "stop", 1, {}, time.time(), "test"))
    states = [command_state(written)]
    states.append(command_state(written, now=time.time() + 31))
    written.trainer.write("ack", {"command_id": "cmd-12345678", "state": "accepted"})
    states.append(command_state(written))
    written.exited("killed")
    states.append(command_state(written))
    written.trainer.write("ack", {"command_id": "cmd-12345678", "state": "applied", "step": 4})
    states.append(command_state(written))
    assert states == ["requested", "timed_out", "accepted", "outcome_unknown", "applied"]


def command_state(written: Written, now: float | None = None) -> str:
    found = command_record(written.view(), "cmd-12345678", now)
    assert found is not None
    return found.state


def test_a_view_grows_with_its_files(written: Written) -> None:
    written.begin(1, total_steps=5)
    view = written.view()
    assert view.refresh() == set()
    written.steps(0, 3)
    assert view.refresh({"events.jsonl"}) == {"trainer"}
    written.directory.console_log.write_bytes(b"hello")
    assert view.refresh({"console.log"}) == {"console"} and view.console_size == 5
    written.directory.events.unlink()
    written.begin(1, total_steps=7).steps(0, 2)
    while "more" in view.refresh():
        pass
    assert view.hello["total_steps"] == 7 and len(view.table.series["train/loss"]) == 2


def test_a_long_run_is_read_to_its_end(written: Written) -> None:
    written.begin(1, total_steps=5).steps(0, 60_000)
    assert written.directory.events.stat().st_size > 5 << 20
    view = written.view()
    assert len(view.table.series["train/loss"]) == 60_000 == view.trainer.last_seq
    torn = written.directory.events.open("ab", buffering=0)
    torn.write(b'{"seq":70000')
    assert view.refresh() == set(), "a line that waits for its newline is not read again and again"
    torn.close()


def test_many_machine_samples_are_thinned_from_the_old_end(written: Written) -> None:
    written.begin(1, total_steps=5)
    for sample in range(9000):
        written.supervisor.write("system", {"cpu": float(sample)})
    system = written.view().system
    assert len(system) <= 4000 and system[0]["cpu"] == 0.0 and system[-1]["cpu"] == 8999.0
    assert [event["cpu"] for event in system[-1000:]] == [float(value) for value in range(8000, 9000)]


def test_a_suspended_process_is_seen(home: Home, spawn: Callable[..., Any], until: Callable[..., object]) -> None:
    import os
    import signal

    run = ScriptedRun(spawn, home)
    view = RunView(run.directory).load()
    assert view.state == "running" and not view.suspended
    os.kill(run.process.pid, signal.SIGSTOP)
    until(lambda: view.judge_process() or view.suspended)
    assert judge_health(view).code == "suspended"
    os.kill(run.process.pid, signal.SIGCONT)
    until(lambda: view.judge_process() or not view.suspended)
    run.process.kill()
    run.process.wait()
    view.judge_process()
    assert view.state == "lost"
