"""A status file of another program is a run: read only, judged by PULSE v1's rules, and nothing beside it is touched."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gladius.catalog.dataset_roots import Roots
from gladius.desk.ability import disabled_commands
from gladius.errors import ConfigError
from gladius.launch.attach import Attachments, attach
from gladius.pulse.rundir import Home, RunDir
from gladius.store.resumable import resumable
from gladius.store.store import Store
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
    view.poller._looked_at = 0.0
    while now[0] < 61.0:
        now[0] += 2.0
        view.refresh()
    summary = summarize(view)
    assert (summary.state, summary.health.level, summary.health.code) == ("running", "attention", "no_sign")
    assert summary.health.data["seconds"] >= 3600


def fields(**wrong: Any) -> bytes:
    good = {"status": "running", "epoch": 1.0, "total_epochs": 3.0, "loss": 1.0, "message": "", "timestamp": 1}
    return json.dumps({**good, **wrong}).encode()


BROKEN = {
    "half written": b'{"status": "running", "ep',
    "empty": b"",
    "spaces": b" \n",
    "a list": b"[1, 2]",
    "a text": b'"running"',
    "null": b"null",
    "binary": bytes(range(256)),
    "another encoding": fields().decode().encode("utf-16"),
    "two of them": fields() + fields(),
    "no fields": b"{}",
    "a field is missing": json.dumps({"status": "running", "epoch": 1.0}).encode(),
    "an unknown status": fields(status="finished"),
    "a status of another type": fields(status=["running"]),
    "a truth for a number": fields(epoch=True),
    "a text for a number": fields(loss="0.7"),
    "a negative epoch": fields(epoch=-1),
    "NaN": fields(loss=float("nan")),
    "infinite": fields(total_epochs=float("inf")),
    "an integer beyond a double": fields(loss=10**400),
    "a message of another type": fields(message={"text": "at work"}),
    "no moment": fields(timestamp=None),
    "a moment of another type": fields(timestamp="now"),
    "a moment before all": fields(timestamp=-1),
    "deep": b"[" * 60_000,
    "huge": b" " * 70_000,
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_breaks_is_said_once_and_never_fatal(home: Home, file: Path, case: str) -> None:
    content = BROKEN[case]
    run = attach(home, file)
    foreign = Foreign(run, file)
    looked(run, foreign)
    file.write_bytes(content)
    assert summarize(looked(run, foreign)).health.code == "healthy", "one look may meet a writer at work"
    view = looked(run, foreign, PATIENCE_LOOKS + 2)
    health = summarize(view).health
    assert (health.level, health.code, len(view.alerts)) == ("attention", "watched_malformed", 1), "told once"
    assert str(file) in health.message
    assert (view.state, summarize(view).loss) == ("running", 0.7), "the last valid values stay"
    with pytest.raises(ConfigError, match=r"training_status\.json"):
        attach(home, file)
    foreign.close()
    told(file, loss=0.65)
    after = looked(run, Foreign(run, file))
    assert summarize(after).health.code == "healthy", "also after a restart between"
    assert after.table.last("train/loss") == 0.65


def test_a_deleted_file_a_folder_a_pipe_and_a_link_are_said(home: Home, file: Path, tmp_path: Path) -> None:
    run = attach(home, file)
    foreign = Foreign(run, file)
    secret = tmp_path / "secret.json"
    told(secret, loss=9.0)
    file.unlink()
    health = summarize(looked(run, foreign, PATIENCE_LOOKS)).health
    assert (health.level, health.code, health.data["path"]) == ("attention", "watched_missing", str(file))
    for make in (file.mkdir, lambda: os.mkfifo(file), lambda: file.symlink_to(secret)):
        make()
        assert summarize(looked(run, foreign, PATIENCE_LOOKS)).health.code == "watched_unreadable"
        file.rmdir() if file.is_dir() else file.unlink()
    told(file, loss=0.6)
    view = looked(run, foreign)
    assert view.table.series["train/loss"].values.tolist() == [0.6], "what a link leads to is never read"


def test_an_end_is_one_line_of_history_with_what_the_file_knows(home: Home, file: Path) -> None:
    run = attach(home, file, "mine")
    for _ in range(2):
        foreign = Foreign(run, file)
        told(file, "done", 3.0, 0.5, timestamp=1_700_000_000)
        looked(run, foreign, 3)
        foreign.close()
    foreign = Foreign(run, file)
    told(file, "running", 1.0, 2.0)
    looked(run, foreign)
    told(file, "error", 1.0, 2.0, message="CUDA is gone", timestamp=1_700_000_100)
    looked(run, foreign, 2)
    lines = [json.loads(line) for line in home.history.read_text().splitlines()]
    assert [(one["attempt"], one["status"], one["final_loss"], one["finished_at"]) for one in lines] == [
        (1, "done", 0.5, 1_700_000_000), (2, "error", 2.0, 1_700_000_100),
    ]  # fmt: skip
    assert {(one["training_id"], one["source"], one["name"], one["started_at"], one["steps"]) for one in lines} == {
        (run.run_id, "attached", "mine", None, None)
    }
    summary = summarize(RunView(run).load())
    assert (summary.started_at, summary.elapsed, summary.finished_at) == (None, None, 1_700_000_100)
    assert json.loads(run.report_json.read_text())["state"] == "error" and "CUDA" in run.report_json.read_text()


def test_the_same_file_is_one_run_until_it_is_detached(home: Home, file: Path, tmp_path: Path) -> None:
    run = attach(home, file)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    assert attach(home, link).run_id == run.run_id
    with pytest.raises(ConfigError, match="belongs to a run"):
        attach(home, run.status)
    Foreign(run, file).detach("cli")
    assert attach(home, file).run_id != run.run_id


def test_over_http_only_files_within_the_folders_are_watched(home: Home, file: Path) -> None:
    inside = home.root / "elsewhere"
    inside.mkdir()
    (inside / "status.json").symlink_to(file)
    (inside / "other.json").write_text('{"token": "secret"}')
    wrong = {
        str(file): "leads out of the folders", str(inside / "status.json"): "leads out of the folders",
        "/proc/self/environ": "leads out of the folders", f"{inside}/../../none": "leads out of the folders",
        "status.json": "no absolute path", "~/status.json": "no absolute path", "/a\0b": "no absolute path",
        str(inside / "none.json"): "There is no", str(inside): "no plain file", str(inside / "other.json"): "missing",
    }  # fmt: skip

    async def refused() -> dict[str, str]:
        attachments = Attachments(Store(home), Roots([home.datasets]))
        told = {}
        for path in wrong:
            with pytest.raises(ConfigError) as error:
                await attachments.attach(Path(path), None)
            told[path] = f"{error.value} ({error.value.field})"
        await attachments.close()
        return told

    for path, reason in asyncio.run(refused()).items():
        assert wrong[path] in reason and "(path)" in reason and "secret" not in reason, (path, reason)
    assert list(home.all_runs()) == []


def test_nothing_can_be_told_to_a_status_file(home: Home, file: Path) -> None:
    view = RunView(attach(home, file)).load()
    assert set(disabled_commands(view).values()) == {"a status file takes no commands."}
    assert not resumable(view).possible


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
