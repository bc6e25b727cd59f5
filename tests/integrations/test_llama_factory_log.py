"""A LLaMA-Factory folder whose training was started elsewhere, as a run: its log's numbers and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gladius.cli.validate import validate_run
from gladius.desk.ability import disabled_commands, pause_modes
from gladius.errors import ConfigError
from gladius.integrations.llama_factory_log import Watched
from gladius.pulse.control import TRAINER_COMMANDS
from gladius.pulse.events import EventReader
from gladius.store.resumable import resumable
from gladius.store.summary import summarize
from gladius.store.view import RunView

# As LLaMA-Factory 0.9.5 wrote it.
LINES = """\
{"current_steps": 10, "total_steps": 30, "loss": 5.705199718475342, "lr": 0.001, "epoch": 0.5, "percentage": 33.33, "elapsed_time": "0:00:12", "remaining_time": "0:00:24"}
{"current_steps": 20, "total_steps": 30, "loss": NaN, "lr": 0.0005, "epoch": 1.0, "percentage": 66.67, "elapsed_time": "0:00:24", "remaining_time": "0:00:12", "throughput": 1234.5, "total_tokens": 29628}
{"current_steps": 20, "total_steps": 30, "eval_loss": 5.280180931091309, "epoch": 1.0, "percentage": 66.67, "elapsed_time": "0:00:25", "remaining_time": "0:00:12"}
{"current_steps": 30, "total_steps": 30, "loss": 5.25, "lr": 0.0, "epoch": 1.5, "percentage": 100.0, "elapsed_time": "0:00:37", "remaining_time": "0:00:00"}
{"current_steps": 30, "total_steps": 30, "epoch": 1.5, "percentage": 100.0, "elapsed_time": "0:00:37", "remaining_time": "0:00:00"}
""".splitlines(keepends=True)
WRITTEN = 1_700_000_000.0


def folder_of(tmp_path: Path, *lines: str) -> Path:
    folder = tmp_path / "saves"
    folder.mkdir(exist_ok=True)
    (folder / "trainer_log.jsonl").write_text("".join(lines))
    os.utime(folder / "trainer_log.jsonl", (WRITTEN, WRITTEN))
    return folder


def metrics(watched: Watched) -> list[dict]:
    return [event for event in EventReader(watched.run.events).read_all() if event["type"] == "metrics"]


def test_a_folder_becomes_a_run_with_the_numbers_times_and_end_of_its_log(home, tmp_path):
    watched = Watched(home, folder_of(tmp_path, *LINES))
    assert watched.follow()
    told = [(round(one["time"] - WRITTEN), one["step"], one["epoch"], one["values"]) for one in metrics(watched)]
    assert told == [
        (-25, 10, 0.5, {"train/loss": 5.705199718475342, "train/learning_rate": 0.001}),
        (-13, 20, 1.0, {"train/loss": "NaN", "train/learning_rate": 0.0005, "train/mean_tokens_per_second": 1234.5,
                        "train/tokens_seen": 29628.0}),
        (-12, 20, 1.0, {"eval/loss": 5.280180931091309}),
        (0, 30, 1.5, {"train/loss": 5.25, "train/learning_rate": 0.0}),
    ]  # fmt: skip
    view = RunView(watched.run).load()
    seen = summarize(view)
    assert (seen.state, seen.step, seen.total_steps, seen.epoch, seen.total_epochs) == ("done", 30, 30, 1.5, 1.5)
    assert (seen.loss, seen.eval_loss, seen.elapsed) == (5.25, 5.280180931091309, 25.0)
    assert (seen.last_checkpoint, seen.eta_seconds, view.hello.get("model")) == (None, None, None)
    assert validate_run(watched.run).problems == []


def test_it_can_be_told_nothing_and_says_why(home, tmp_path):
    watched = Watched(home, folder_of(tmp_path, *LINES[:2]))
    assert not watched.follow(once=True)
    view = RunView(watched.run).load()
    assert view.hello["capabilities"] == []
    disabled = disabled_commands(view)
    assert set(disabled) > set(TRAINER_COMMANDS)
    assert set(disabled.values()) == {"it was started elsewhere, and is only watched here."}
    assert pause_modes(view) == []
    assert resumable(view).reason == "It was started elsewhere, and is only watched here."


def test_a_log_is_followed_as_it_grows_half_a_line_waits_and_others_are_passed_over(home, tmp_path):
    folder = folder_of(tmp_path, LINES[0])
    log = folder / "trainer_log.jsonl"
    pieces = [LINES[1][:50], LINES[1][50:], "no line of the log\n[1]\n{}\n", LINES[2] + LINES[3], LINES[4]]
    seen = []
    watched = Watched(home, folder, "elsewhere")

    def grow(_: float) -> None:
        seen.append(len(metrics(watched)))
        with log.open("a") as file:
            file.write(pieces.pop(0))

    assert watched.follow(wait=grow)
    assert seen == [1, 1, 2, 2, 4]
    assert watched.passed_over == 3
    assert RunView(watched.run).load().state == "done"


def test_what_a_resumed_training_trained_again_supersedes_the_first(home, tmp_path):
    again = [line.replace('"0:00:24"', '"0:00:11"').replace("NaN", "4.5") for line in LINES[1:2]]
    watched = Watched(home, folder_of(tmp_path, *LINES[:4], *again))
    assert not watched.follow(once=True)
    view = RunView(watched.run).load()
    assert (view.attempt, view.table.last("train/loss"), summarize(view).step) == (2, 4.5, 20)
    times = [round(one["time"] - WRITTEN) for one in metrics(watched)]
    assert times == [-36, -24, -23, -11, 0]
    assert validate_run(watched.run).problems == []


def test_from_the_command_line_a_log_without_an_end_leaves_a_run_whose_end_is_not_known(home, tmp_path):
    folder = folder_of(tmp_path, *LINES[:2])
    command = [sys.executable, "-m", "gladius.cli.main", "watch", "llama-factory", str(folder), "--once"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "its log does not say that it has ended" in said
    (run,) = home.all_runs()
    view = RunView(run).load()
    assert view.state in ("lost", "unknown")
    assert (run.read_run()["watched"], run.read_run()["name"]) == (str(folder), "saves")
    with pytest.raises(ConfigError, match="output_dir of a LLaMA-Factory training"):
        Watched(home, tmp_path)
