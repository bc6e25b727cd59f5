"""A status file of another program is a run: read only, judged by PULSE v1's rules, and nothing beside it is touched."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gladius.errors import ConfigError
from gladius.launch.attach import attach
from gladius.pulse.rundir import Home, RunDir
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.supervise.foreign import PATIENCE_LOOKS, Foreign
from pulse_wrapper import write_training_status


def told(file: Path, status: str = "running", epoch: float = 1.5, loss: float = 0.7, **more: Any) -> None:
    fields = {"total_epochs": 3.0, "message": "at work", "timestamp": int(time.time()), **more}
    write_training_status(file, status, epoch, loss=loss, **fields)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "elsewhere" / "training_status.json"
    found.parent.mkdir()
    told(found)
    return found


def looked(run: RunDir, foreign: Foreign, times: int = 1) -> RunView:
    for _ in range(times):
        foreign.look()
    return RunView(run).load()


def test_a_watched_file_is_a_run_with_what_v1_knows(home: Home, file: Path) -> None:
    run = attach(home, file, "mine")
    assert (RunView(run).load().state, RunView(run).load().ended) == ("queued", False)
    foreign = Foreign(run, file)
    summary = summarize(looked(run, foreign, 3))
    assert (summary.state, summary.name, summary.source) == ("running", "mine", "attached")
    assert (summary.epoch, summary.total_epochs, summary.loss, summary.message) == (1.5, 3.0, 0.7, "at work")
    assert (summary.step, summary.eta_seconds, summary.instrumented) == (None, None, False)
    assert (summary.progress, summary.health.code) == (50.0, "healthy")
    told(file, epoch=2.0, loss=0.6)
    assert summarize(looked(run, foreign)).spark == [0.7, 0.6]
    assert os.listdir(file.parent) == [file.name], "nothing is written beside a file that is not ours"


def test_it_ends_as_the_file_says_and_the_next_training_in_it_shows(home: Home, file: Path) -> None:
    run = attach(home, file)
    foreign = Foreign(run, file)
    told(file, "done", 3.0, 0.5)
    done = looked(run, foreign)
    assert (done.state, done.ended, summarize(done).finished_at is not None) == ("done", False, True)
    told(file, "idle", 0.0, 0.0)
    assert looked(run, foreign).state == "queued"
    told(file, "running", 0.0, 0.0)
    beginning = looked(run, foreign)
    assert (beginning.attempt, beginning.state) == (2, "running")
    told(file, "error", 0.5, 2.0, message="CUDA is gone")
    failed = summarize(looked(run, foreign))
    assert (failed.state, failed.health.message) == ("error", "Its status file says: CUDA is gone")
    assert failed.loss == 2.0


def test_an_old_timestamp_alone_is_no_failure(home: Home, file: Path) -> None:
    told(file, timestamp=int(time.time()) - 3600)
    run = attach(home, file)
    view = looked(run, Foreign(run, file))
    assert view.state == "running"
    now = [0.0]
    view.poller._monotonic = lambda: now[0]  # a minute of our own clock must pass as well
    view.poller._first_seen = 0.0
    now[0] = 61.0
    view.refresh()
    summary = summarize(view)
    assert (summary.state, summary.health.level, summary.health.code) == ("running", "attention", "no_sign")
    assert summary.health.data["seconds"] >= 3600


BROKEN = {
    "half written": b'{"status": "running", "ep',
    "empty": b"",
    "no object": b"[1, 2]",
    "binary": bytes(range(256)),
    "a field is missing": json.dumps({"status": "running", "epoch": 1.0}).encode(),
    "another type": json.dumps(
        {"status": "running", "epoch": True, "total_epochs": 1, "loss": 1, "message": "", "timestamp": 1}
    ).encode(),
    "NaN": b'{"status":"running","epoch":1,"total_epochs":1,"loss":NaN,"message":"","timestamp":1}',
    "no moment": b'{"status":"running","epoch":1,"total_epochs":1,"loss":1,"message":"","timestamp":null}',
    "deep": b"[" * 60_000,
    "huge": b" " * 70_000,
}


def test_a_file_that_breaks_is_said_once_and_never_fatal(home: Home, file: Path) -> None:
    for case, content in BROKEN.items():
        with pytest.raises(ConfigError, match=r"training_status\.json"):
            file.write_bytes(content)
            attach(home, file)
        told(file)
        run = attach(home, file)
        foreign = Foreign(run, file)
        looked(run, foreign)
        file.write_bytes(content)
        assert summarize(looked(run, foreign)).health.code == "healthy", f"{case}: one look may meet a writer at work"
        view = looked(run, foreign, PATIENCE_LOOKS + 2)
        assert summarize(view).health.code == "watched_malformed", case
        assert (view.state, summarize(view).loss) == ("running", 0.7), "the last valid values stay"
        assert len(view.alerts) == 1, f"{case}: told once"
        told(file, loss=0.65)
        assert summarize(looked(run, foreign)).health.code == "healthy", case


def test_a_deleted_file_a_folder_and_a_pipe_are_said(home: Home, file: Path) -> None:
    run = attach(home, file)
    foreign = Foreign(run, file)
    file.unlink()
    health = summarize(looked(run, foreign, PATIENCE_LOOKS)).health
    assert (health.level, health.code, health.data["path"]) == ("attention", "watched_missing", str(file))
    for make in (file.mkdir, lambda: os.mkfifo(file)):
        make()
        assert summarize(looked(run, foreign, PATIENCE_LOOKS)).health.code in ("watched_unreadable", "watched_missing")
        with pytest.raises(ConfigError, match="no plain file"):
            attach(home, file)
        file.rmdir() if file.is_dir() else file.unlink()


def test_what_was_seen_is_remembered_over_a_restart_and_a_detached_run_stays(home: Home, file: Path) -> None:
    run = attach(home, file)
    first = Foreign(run, file)
    looked(run, first)
    first.close()
    second = Foreign(run, file)
    view = looked(run, second, 2)
    assert len(view.table.series["train/loss"]) == 1, "the same loss is not seen twice"
    second.detach("cli")
    gone = RunView(run).load()
    assert (gone.state, gone.ended, summarize(gone).health.code) == ("unknown", True, "detached")


def test_a_run_that_is_still_being_made_is_not_written_into(home: Home, file: Path) -> None:
    run = attach(home, file)
    made = run.attempt_json(1).read_bytes()
    run.attempt_json(1).unlink()  # as a server sees it while `gladius attach` is at work
    run.status.unlink()
    foreign = Foreign(run, file)
    foreign.look()
    assert not run.status.exists(), "the maker's own first status would replace what was seen"
    write_training_status(run.status, "idle", 0.0, 0.0, 0.0, "Watched from now on", int(time.time()))
    run.attempt_json(1).write_bytes(made)
    assert looked(run, foreign).state == "running"
