"""The poller follows one status file for ever and judges silence by two clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.pulse.poller import StatusPoller, StatusUpdate
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


def watch(poller: StatusPoller, clocks: Clocks, seconds: float) -> StatusUpdate | None:
    """Look every two seconds for so long; returns what the last look said."""
    update = None
    while seconds > 0:
        clocks.pass_(min(2.0, seconds))
        seconds -= 2.0
        update = poller.poll()
    return update


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
    watch(poller, clocks, 58)
    assert poller.current.stale is False
    update = watch(poller, clocks, 4)
    assert poller.current.stale
    write(path, clocks)
    assert poller.poll().stale is False
    write(path, clocks, epoch=2)
    poller.poll()
    watch(poller, clocks, 59)
    assert (poller.silence, poller.current.stale) == (59, False)
    update = watch(poller, clocks, 2)
    assert (update.stale, update.heartbeat, update.status["status"]) == (True, False, "running")
    assert poller.current.stale
    write(path, clocks)
    assert poller.poll().stale is False


def test_an_old_file_at_the_start_is_given_sixty_seconds(poller: StatusPoller, clocks: Clocks, path: Path) -> None:
    write(path, clocks)
    clocks.pass_(3600)
    assert poller.poll().stale is False
    watch(poller, clocks, 59)
    assert poller.current.stale is False
    watch(poller, clocks, 1)
    assert poller.current.stale is True


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
    watch(poller, clocks, 61)
    assert poller.current.stale is False
    watch(poller, clocks, 3600)
    assert poller.current.stale is True


@pytest.mark.parametrize("slept", [60, 3600, 86_400])
@pytest.mark.parametrize("counted", [False, True], ids=["as Linux counts", "as a stopped process counts"])
def test_whoever_did_not_look_saw_no_silence(
    poller: StatusPoller, clocks: Clocks, path: Path, slept: int, counted: bool
) -> None:
    write(path, clocks)
    poller.poll()
    write(path, clocks, epoch=2)
    poller.poll()
    for _ in range(3):
        watch(poller, clocks, 8)
        clocks.wall += slept
        clocks.steady += slept if counted else 0
        poller.poll()
        assert poller.current.stale is False, "the trainer slept as well"
        watch(poller, clocks, 8)
        write(path, clocks, epoch=2)
        assert poller.poll().stale is False
    watch(poller, clocks, 61)
    assert poller.current.stale, "who says nothing after it woke is silent"


@pytest.mark.parametrize("jump", [1, 60, 3600, 86_400, 315_360_000])
@pytest.mark.parametrize("way", [1, -1])
def test_a_clock_that_is_set_changes_nothing_of_what_was_seen(
    poller: StatusPoller, clocks: Clocks, path: Path, jump: int, way: int
) -> None:
    for epoch in (1, 2):
        write(path, clocks, epoch=epoch)
        poller.poll()
        watch(poller, clocks, 8)
    clocks.wall += way * jump
    watch(poller, clocks, 50)
    assert poller.current.stale is False
    watch(poller, clocks, 4)
    assert (poller.current.stale, poller.silence) == (True, 62), "and hides no silence"
    write(path, clocks, epoch=2)
    assert poller.poll().stale is False
    assert poller.skew == 0


@pytest.mark.parametrize("off", [90, 3600, -3600, 315_360_000, -315_360_000])
def test_a_node_with_another_clock_is_not_stale_because_of_it(
    poller: StatusPoller, clocks: Clocks, path: Path, off: int
) -> None:
    for _ in range(20):
        write_training_status(path, "running", 1.0, 3.0, 0.5, "m", int(clocks.wall) + off)
        poller.poll()
        watch(poller, clocks, 10)
        assert poller.current.stale is False
    assert abs(poller.skew + off) < 20
    watch(poller, clocks, 52)
    assert poller.current.stale is True


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
