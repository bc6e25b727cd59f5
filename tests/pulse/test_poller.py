"""The poller follows one status file for ever and judges silence by two clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.pulse.poller import StatusPoller
from pulse_wrapper import write_training_status


class Clocks:
    """Wall and monotonic time, moved by hand."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.steady = 5_000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training_status.json"


@pytest.fixture
def poller(path: Path, clocks: Clocks) -> StatusPoller:
    return StatusPoller(path, clock=lambda: clocks.wall, monotonic=lambda: clocks.steady)


def write(path: Path, clocks: Clocks, status: str = "running", epoch: float = 1.0, message: str = "m") -> None:
    write_training_status(path, status, epoch, 3.0, 0.5, message, int(clocks.wall))


def test_nothing_is_said_of_a_file_that_is_not_there_yet(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    assert poller.poll() is None
    assert poller.current is None
    clocks.pass_(3600)
    assert poller.poll() is None
    write(path, clocks, "idle")
    assert poller.poll().status["status"] == "idle"


def test_a_change_is_told_once(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks, epoch=1.5)
    update = poller.poll()
    assert (update.status["epoch"], update.progress, update.stale, update.heartbeat) == (1.5, 50.0, False, False)
    assert poller.poll() is None
    write(path, clocks, epoch=1.5)
    assert poller.poll() is None, "the same values in a new file are no change"
    write(path, clocks, epoch=2.5)
    assert round(poller.poll().progress, 1) == 83.3


def test_a_heartbeat_comes_after_ten_seconds_without_a_change(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks)
    poller.poll()
    clocks.pass_(9.9)
    assert poller.poll() is None
    clocks.pass_(0.2)
    assert poller.poll().heartbeat
    assert poller.poll() is None
    clocks.pass_(5)
    write(path, clocks, epoch=2)
    assert not poller.poll().heartbeat
    clocks.pass_(9)
    assert poller.poll() is None
    clocks.pass_(1)
    assert poller.poll().heartbeat


def test_polling_is_every_two_seconds_while_running_and_ten_otherwise(
    poller: StatusPoller, clocks: Clocks, path: Path
) -> None:
    assert poller.interval == 10.0
    for status, interval in (("running", 2.0), ("done", 10.0), ("idle", 10.0), ("error", 10.0), ("running", 2.0)):
        write(path, clocks, status)
        poller.poll()
        assert poller.interval == interval


def test_running_without_a_change_for_sixty_seconds_is_stale_and_recovers(
    poller: StatusPoller, clocks: Clocks, path: Path
) -> None:
    write(path, clocks)
    assert poller.poll().stale is False
    clocks.pass_(59)
    assert poller.poll().stale is False
    clocks.pass_(2)
    update = poller.poll()
    assert (update.stale, update.heartbeat, update.status["status"]) == (True, False, "running")
    assert poller.current.stale
    write(path, clocks)
    assert poller.poll().stale is False


def test_an_old_file_at_the_start_is_given_sixty_seconds(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks)
    clocks.pass_(3600)
    assert poller.poll().stale is False
    clocks.pass_(59)
    assert poller.poll().stale is False
    clocks.pass_(1)
    assert poller.poll().stale is True


def test_a_wall_clock_that_jumps_ahead_raises_no_alarm(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks)
    poller.poll()
    clocks.wall += 86_400
    clocks.pass_(11)
    assert poller.poll().stale is False
    write(path, clocks, epoch=2)
    assert poller.poll().stale is False


def test_a_wall_clock_that_jumps_back_raises_no_alarm_and_hides_nothing_for_ever(
    poller: StatusPoller, clocks: Clocks, path: Path
) -> None:
    write(path, clocks)
    poller.poll()
    clocks.wall -= 3600
    clocks.pass_(61)
    assert poller.poll().stale is False
    clocks.pass_(3600)
    assert poller.poll().stale is True


def test_a_machine_that_slept_raises_no_alarm(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks)
    poller.poll()
    clocks.wall += 8 * 3600
    clocks.pass_(1)
    assert poller.poll() is None
    write(path, clocks)
    assert poller.poll().stale is False


@pytest.mark.parametrize("end", ["done", "error"])
def test_an_end_at_the_start_is_history_and_the_next_run_shows(
    poller: StatusPoller, clocks: Clocks, path: Path, end: str
) -> None:
    write(path, clocks, end, epoch=3)
    assert poller.poll().history
    clocks.pass_(10)
    assert poller.poll().history, "also in heartbeats"
    write(path, clocks, "running", epoch=0)
    update = poller.poll()
    assert (update.history, update.progress) == (False, 0.0)
    write(path, clocks, end, epoch=3)
    assert poller.poll().history is False, "this end was watched"


def test_a_broken_or_deleted_file_keeps_the_last_valid_status(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks, epoch=2)
    poller.poll()
    path.write_text("{")
    assert poller.poll() is None
    path.unlink()
    clocks.pass_(10)
    update = poller.poll()
    assert (update.heartbeat, update.status["epoch"]) == (True, 2.0)
    write(path, clocks, "done", epoch=3)
    assert poller.poll().status["status"] == "done"
