"""The event files that TensorBoard shows, read back by TensorBoard's own reader."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from written_run import Written

from gladius.exchange.event_files import EventFiles, link_own_files, own_folders
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


@pytest.fixture
def written(home: Home) -> Written:
    return Written(home, Identity.current())


def written_out(written: Written) -> None:
    """What one TensorBoard does from its start to its end."""
    files = EventFiles(written.directory)
    while files.catch_up():
        pass
    files.close()


def shown(written: Written, name: str = "train/loss") -> list[tuple[int, float]]:
    accumulator = accumulators.EventAccumulator(str(written.directory.tensorboard / "gladius")).Reload()
    return [(one.step, one.value) for one in accumulator.Scalars(name)]


def test_every_number_is_shown_at_its_step_and_time(written: Written) -> None:
    written.begin(1, total_epochs=1).steps(0, 4, loss=0.5)
    written.trainer.metrics({"eval/loss": float("nan"), "train/loss": 0.25}, 4, None, None)
    written_out(written)
    assert shown(written) == [(0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5), (4, 0.25)]
    ((step, value),) = shown(written, "eval/loss")
    assert step == 4 and math.isnan(value)


def test_numbers_that_come_later_are_added_by_the_same_and_by_the_next_process(written: Written) -> None:
    written.begin(1, total_epochs=1).steps(0, 2)
    files = EventFiles(written.directory)
    assert files.catch_up() and not files.catch_up()
    written.steps(2, 3)
    assert files.catch_up()
    files.close()
    written.steps(3, 5)
    written_out(written)
    assert [step for step, _ in shown(written)] == [0, 1, 2, 3, 4]


def test_a_process_that_was_killed_before_it_noted_its_place_doubles_nothing(written: Written) -> None:
    written.begin(1, total_epochs=1).steps(0, 3)
    written_out(written)
    state = (written.directory.tensorboard / "gladius" / ".gladius.json").read_bytes()
    written.steps(3, 6)
    written_out(written)
    (written.directory.tensorboard / "gladius" / ".gladius.json").write_bytes(state)
    written_out(written)
    assert [step for step, _ in shown(written)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("said", [{"resumed_from": {"step": 2, "checkpoint": "step-2"}}, {}])
def test_what_a_later_attempt_trains_again_makes_way(written: Written, said: dict[str, object]) -> None:
    written.begin(1, total_epochs=1).steps(0, 5, loss=2.0)
    written_out(written)
    written.begin(2, total_epochs=1, **said).steps(3, 5, loss=1.0)
    written_out(written)
    assert shown(written) == [(0, 2.0), (1, 2.0), (2, 2.0), (3, 1.0), (4, 1.0)]


def test_parsed_numbers_make_way_for_the_trainers_own(written: Written) -> None:
    written.begin(1)
    written.supervisor.metrics({"train/loss": 9.0}, 0, None, 0)
    written_out(written)
    assert shown(written) == [(0, 9.0)]
    written.trainer.write("hello", {"run_id": written.directory.run_id, "pid": 1, "host": "here"})
    written.steps(0, 2)
    written_out(written)
    assert shown(written) == [(0, 1.0), (1, 1.0)]


def test_a_stream_that_was_replaced_is_told_anew(written: Written) -> None:
    written.begin(1, total_epochs=1).steps(0, 9)
    written_out(written)
    written.trainer.close()
    written.directory.events.unlink()
    written.begin(1, total_epochs=1).steps(0, 2, loss=3.0)
    written_out(written)
    assert shown(written) == [(0, 3.0), (1, 3.0)]


def test_what_the_trainer_wrote_elsewhere_is_linked_once_it_is_there(written: Written, tmp_path: Path) -> None:
    config = {"train": {"output_dir": "out", "learning_rate": 1}, "logging_dir": str(tmp_path / "logs")}
    folders = own_folders(config, tmp_path)
    assert folders == [tmp_path / "out" / "runs", tmp_path / "logs"]
    link_own_files(written.directory, folders)
    assert not written.directory.tensorboard.exists()
    (tmp_path / "out" / "runs" / "today").mkdir(parents=True)
    (tmp_path / "out" / "runs" / "today" / "events.out.tfevents.1.host").write_bytes(b"")
    for _ in range(2):
        link_own_files(written.directory, folders)
    assert [link.resolve() for link in written.directory.tensorboard.iterdir()] == [tmp_path / "out" / "runs"]


def test_only_the_process_of_tensorboard_imports_it(until: Callable[..., object]) -> None:
    import subprocess
    import sys

    code = "import sys, gladius.compose; sys.exit('tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
