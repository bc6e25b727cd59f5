"""The record of an ended attempt: history once, reports from what the streams hold, odd lines survived."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from gladius.pulse.events import EventWriter
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise.closing import close_attempt
from gladius.supervise.findings import summarize
from gladius.supervise.observe import Observed
from gladius.supervise.record import append_history
from gladius.supervise.report import render
from gladius.supervise.verdict import Verdict, judge_exit
from pulse_wrapper import read_training_status, write_running_status


def entry(training_id: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    return {"training_id": training_id, "attempt": attempt, "status": "done", **more}


def lines(history: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in history.read_text().splitlines() if line]


def test_a_line_is_written_once(tmp_path: Path) -> None:
    history = tmp_path / "logs" / "training_runs.jsonl"
    assert append_history(history, entry("a"))
    assert not append_history(history, entry("a", final_loss=5))
    assert append_history(history, entry("a", 2))
    assert append_history(history, entry("b"))
    assert [(line["training_id"], line["attempt"]) for line in lines(history)] == [("a", 1), ("a", 2), ("b", 1)]


def _append(history: str, worker: int) -> None:
    for number in range(10):
        append_history(Path(history), entry(f"run-{number}"))
        append_history(Path(history), entry(f"own-{worker}-{number}"))


def test_many_supervisors_at_once_write_each_line_once(tmp_path: Path) -> None:
    history = tmp_path / "training_runs.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(str(history), worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    ids = [line["training_id"] for line in lines(history)]
    assert len(ids) == len(set(ids)) == 10 + 30


def test_a_torn_or_odd_line_is_left_and_the_next_begins_anew(tmp_path: Path) -> None:
    history = tmp_path / "training_runs.jsonl"
    history.write_text('{"training_id":"a","attempt":1}\n[1]\nnull\n{"training_id":"b","att')
    assert append_history(history, entry("b"))
    assert not append_history(history, entry("a"))
    assert history.read_text().splitlines()[-1] == json.dumps(entry("b"))


# Reports


@pytest.fixture
def run(home: Home) -> RunDir:
    run = home.new_run("tiny", {"source": "cli", "profile": "tiny-moe", "dataset": "d"})
    run.write_attempt(1, {"argv": []})
    return run


def write(run: RunDir, *events: tuple[str, dict[str, Any]], attempt: int = 1, supervisor: bool = False) -> None:
    writer = EventWriter(run.supervisor_events if supervisor else run.events, attempt)
    for type_, fields in events:
        writer.write(type_, fields)
    writer.close()


def metrics(step: int, **values: Any) -> tuple[str, dict[str, Any]]:
    return "metrics", {
        "step": step,
        "epoch": step / 10,
        "values": {key.replace("_", "/", 1): v for key, v in values.items()},
    }


def test_a_report_tells_first_last_and_best(run: RunDir) -> None:
    write(
        run, ("hello", {}), metrics(0, train_loss=3.0), metrics(1, train_loss=float("nan")), metrics(2, train_loss=1.0, eval_loss=1.5),
        metrics(3, train_loss=2.0, train_tokens_per_second=100.0), metrics(4, train_tokens_per_second=300.0),
        ("checkpoint", {"step": 3, "path": "c/3", "kind": "auto"}), ("checkpoint", {"step": 4, "failed": "full"}),
        ("alert", {"level": "warning", "code": "x", "message": "slow"}), ("state", {"state": "done"}),
    )  # fmt: skip
    write(run, metrics(99, train_loss=-5.0), supervisor=True)
    report = summarize(run, 1, "done", None)
    assert report["train_loss"] == {"first": 3.0, "last": 2.0, "best": {"value": 1.0, "step": 2, "epoch": 0.2}}
    assert report["eval_loss"]["best"] == {"value": 1.5, "step": 2, "epoch": 0.2}
    assert report["tokens_per_second"] == {"mean": 200.0, "peak": 300.0}
    assert (report["last_step"], len(report["checkpoints"]), len(report["alerts"])) == (4, 2, 1)
    text = render(report, "")
    assert "| Checkpoints | 1 |" in text
    assert "3 → 2" in text


def test_a_report_tells_what_a_person_asks_at_the_end(run: RunDir) -> None:
    (run.checkpoints / "step-3").mkdir(parents=True)
    write(
        run, ("hello", {}), metrics(3, train_loss=2.0),
        ("checkpoint", {"step": 3, "path": "checkpoints/step-3", "bytes": 2_000_000, "kind": "auto", "manifest": "ab"}),
        ("checkpoint", {"step": 1, "path": "checkpoints/step-1", "bytes": 5, "kind": "manual"}),
        ("checkpoint", {"step": 4, "failed": "the disk is full"}),
        ("hyperparameters", {"name": "learning_rate", "old": 0.1, "new": 0.05, "step": 2, "by": "browser"}),
        ("alert", {"level": "warning", "code": "x", "message": "slow"}),
    )  # fmt: skip
    gpu = {"index": 0, "name": "A100", "memory_total": 80_000_000_000}
    for used in (5, 9, 7):
        group = {"cpu": 1.0, "rss": used * 10**9, "processes": 1}
        sample = {"group": group, "gpus": [{**gpu, "memory_run": used * 10**9}, {"index": 1}, "odd"]}
        write(run, ("system", sample), ("system", {"gpus": None}), supervisor=True)
    report = summarize(run, 1, "error", None)
    assert [(one.get("verified"), one.get("available")) for one in report["checkpoints"]] == [
        (True, True), (False, False), (None, None),
    ]  # fmt: skip
    assert report["changes"] == [{"name": "learning_rate", "old": 0.1, "new": 0.05, "step": 2, "by": "browser"}]
    assert report["peak_memory"]["ram"] == 9 * 10**9 and report["peak_memory"]["gpus"][0]["bytes"] == 9 * 10**9
    assert report["resume"] == {
        "checkpoint": "checkpoints/step-3", "step": 3, "command": f"gladius resume {run.run_id}",
    }  # fmt: skip
    text = render(report, "the last line")
    for line in (
        "- step 3: `checkpoints/step-3`, 2 MB, auto, verified", "- step 4: **failed**, the disk is full",
        "- learning_rate: 0.1 → 0.05 at step 2 by browser", "- **warning**: slow", "RAM 9 GB, GPU 0 9 GB of 80 GB",
        f"From step 3: `gladius resume {run.run_id}`", "    the last line",
    ):  # fmt: skip
        assert line in text
    assert summarize(run, 1, "done", None)["resume"] is None


def test_a_report_tells_what_the_console_noticed_too_and_nothing_twice(run: RunDir, home: Home) -> None:
    write(run, ("hello", {}), ("alert", {"level": "warning", "code": "x", "message": "slow"}))
    noticed = [
        {
            "run_id": run.run_id,
            "level": "critical",
            "code": "gpu_temperature",
            "message": "GPU 0 is hot",
            "data": {"index": 0, "celsius": 91},
            "began_at": 4e9,
        },
        {"run_id": run.run_id, "level": "warning", "code": "x", "message": "slow", "began_at": 4e9},
        {"run_id": run.run_id, "level": "info", "code": "epoch_milestone", "message": "epoch 10", "began_at": 4e9},
        {"run_id": run.run_id, "level": "warning", "code": "old", "message": "an attempt before", "began_at": 1.0},
        {"run_id": "another", "level": "critical", "code": "y", "message": "not ours", "began_at": 4e9},
    ]
    lines_ = [json.dumps({"op": "begin", "alert": one}) for one in noticed]
    (home.state / "alerts.jsonl").write_text("\n".join([*lines_, '{"op":"end","id":"1"}', '{"op":"begin","al']))
    close(run, home, judge_exit(0, None))
    report = json.loads(run.report_json.read_text())
    assert [one["message"] for one in report["alerts"]] == ["slow", "GPU 0 is hot"]
    assert report["alerts"][1]["data"] == {"index": 0, "celsius": 91}, "what the sentence is translated with"


def test_a_last_loss_that_is_not_finite_is_told_as_it_was(run: RunDir) -> None:
    write(run, ("hello", {}), metrics(0, train_loss=1.0), metrics(1, train_loss=float("inf")))
    assert summarize(run, 1, "error", None)["train_loss"]["last"] == "Infinity"


def test_odd_events_of_foreign_trainers_do_not_cost_the_record(run: RunDir, home: Home) -> None:
    odd: list[tuple[str, dict[str, Any]]] = [
        ("metrics", {"step": "seven", "epoch": "x", "values": {"train/loss": "high"}}), ("metrics", {"values": None}),
        ("metrics", {"step": None, "values": []}), ("metrics", {"step": 1, "values": {"train/loss": [1]}}), ("metrics", {}),
        ("metrics", {"step": 2, "epoch": 0.5, "values": {"train/loss": True}}), ("state", {"state": None}),
        ("state", {"state": "running", "error": "text"}), ("ack", {}), ("checkpoint", {}), ("alert", {}), ("nonsense", {"x": 1}),
        ("metrics", {"step": 3, "epoch": 0.75, "values": {"train/loss": 0.5}}),
    ]  # fmt: skip
    write(run, ("hello", {}), *odd)
    with run.events.open("a") as file:
        file.write('{"seq":99,"type":"metrics"}\n{"torn')
    observed = Observed(run, 1)
    observed.read()
    assert (observed.step, observed.epoch, observed.loss, observed.state) == (3, 0.75, 0.5, "running")
    close_attempt(run, home, 1, observed, judge_exit(-9, None), None)
    report = json.loads(run.report_json.read_text())
    assert (report["state"], report["last_step"], report["train_loss"]["last"]) == ("killed", 3, 0.5)
    assert lines(home.history)[0]["final_loss"] == 0.5


def test_only_the_attempt_itself_is_told(run: RunDir) -> None:
    write(run, ("hello", {}), metrics(50, train_loss=9.0))
    write(run, ("hello", {}), metrics(10, train_loss=1.0), attempt=2)
    assert summarize(run, 2, "done", None)["train_loss"]["first"] == 1.0
    assert summarize(run, 2, "done", None)["last_step"] == 10


# The last status


def close(run: RunDir, home: Home, verdict: Verdict, stopped_by: str | None = None) -> dict[str, Any]:
    observed = Observed(run, 1)
    observed.read()
    close_attempt(run, home, 1, observed, verdict, stopped_by)
    status = read_training_status(run.status)
    assert status is not None
    return status


def test_a_kill_keeps_the_best_known_epoch_within_its_total(run: RunDir, home: Home) -> None:
    write_running_status(run.status, 0.5, 3, 2.0, "step 5")
    write(run, ("hello", {"total_epochs": 3}), ("metrics", {"step": 9, "epoch": 0.9, "values": {"train/loss": 1.5}}))
    status = close(run, home, judge_exit(-9, None))
    assert (status["status"], status["epoch"], status["total_epochs"], status["loss"]) == ("error", 0.9, 3.0, 1.5)
    assert status["message"] == "Ended by SIGKILL of unknown origin at step 9"


def test_a_kill_of_a_run_limited_by_steps_keeps_v1s_own_epoch(run: RunDir, home: Home) -> None:
    write_running_status(run.status, 0.05, 1, 2.0, "step 5")
    write(run, ("hello", {"total_steps": 100}), ("metrics", {"step": 9, "epoch": 3.25, "values": {"train/loss": 1.5}}))
    assert close(run, home, judge_exit(-9, None))["epoch"] == 0.1


def test_the_trainers_own_last_word_stays(run: RunDir, home: Home) -> None:
    write_running_status(run.status, 1.5, 3, 2.0, "x")
    error = {"code": "E", "message": "ValueError: bad batch"}
    write(run, ("hello", {}), ("state", {"state": "running"}), ("state", {"state": "error", "error": error}))
    status = close(run, home, judge_exit(1, None))
    assert (status["status"], status["message"], status["epoch"]) == ("error", "ValueError: bad batch", 1.5)


def test_a_released_run_is_idle_and_has_no_history_line(run: RunDir, home: Home) -> None:
    write_running_status(run.status, 1.5, 3, 2.0, "x")
    write(run, ("hello", {}), metrics(7, train_loss=1.0), ("state", {"state": "released"}))
    status = close(run, home, judge_exit(0, None))
    assert (status["status"], status["epoch"], status["message"]) == ("idle", 1.5, "Released at step 7")
    assert not home.history.exists()


def test_closing_twice_changes_nothing(run: RunDir, home: Home) -> None:
    write(run, ("hello", {}), metrics(7, train_loss=1.0), ("state", {"state": "done"}))
    close(run, home, judge_exit(0, None))
    before = (run.report_json.read_text(), run.report_md.read_text(), home.history.read_text(), run.status.read_text())
    close(run, home, judge_exit(0, None))
    assert (
        run.report_json.read_text(),
        run.report_md.read_text(),
        home.history.read_text(),
        run.status.read_text(),
    ) == before


def test_a_status_that_cannot_be_written_does_not_cost_the_history(run: RunDir, home: Home) -> None:
    write(run, ("hello", {}), metrics(7, train_loss=1.0))
    run.status.unlink()
    run.status.mkdir()
    run.report_md.mkdir()
    observed = Observed(run, 1)
    observed.read()
    close_attempt(run, home, 1, observed, judge_exit(-9, None), None)
    assert lines(home.history)[0]["final_loss"] == 1.0
    assert not [name for name in os.listdir(run.root) if name.endswith(".tmp")]
