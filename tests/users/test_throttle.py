"""Wrong tries slow those down who make them, and nobody else."""

from __future__ import annotations

import pytest

from gladius.users.throttle import LONGEST_WAIT_S, Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def test_a_few_wrong_tries_are_free_then_each_doubles_the_wait(throttle: Throttle, clock: Clock) -> None:
    waits = []
    for _ in range(13):
        throttle.failed("a", "anna")
        waits.append(throttle.wait("a", "anna"))
        clock.now += waits[-1]
        assert throttle.wait("a", "anna") == 0, "the wait that was told is the whole wait"
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(waits) == LONGEST_WAIT_S


def test_asking_meanwhile_does_not_lengthen_the_wait(throttle: Throttle, clock: Clock) -> None:
    for _ in range(8):
        throttle.failed("a", "anna")
    before = throttle.wait("a", "anna")
    clock.now += 3
    assert [throttle.wait("a", "anna") for _ in range(50)][-1] == before - 3


def test_nobody_locks_another_out(throttle: Throttle) -> None:
    throttle.succeeded("home", "anna")
    for place in range(100):
        throttle.failed(f"bot-{place}", "anna")
        throttle.failed("home", f"guess-{place}")
    assert throttle.wait("home", "anna") == 0, "her own address and name are spared"
    assert throttle.wait("elsewhere", "boris") == 0, "another name from another address"
    assert throttle.wait("elsewhere", "anna") > 0, "her name from where she never was"
    assert throttle.wait("home", "boris") > 0, "another name from where it was guessed at"


def test_who_is_right_is_not_counted(throttle: Throttle) -> None:
    for place in range(200):
        throttle.failed("office", f"person-{place}")
        throttle.succeeded("office", f"person-{place}")
    assert throttle.wait("office", "the next") == 0


def test_what_is_long_ago_is_forgotten_and_memory_is_bounded(throttle: Throttle, clock: Clock) -> None:
    for _ in range(9):
        throttle.failed("a", "anna")
    clock.now += 3600
    throttle.failed("a", "anna")
    assert throttle.wait("a", "anna") == 0
    for place in range(20_000):
        throttle.failed(f"{place}", f"{place}")
    assert len(throttle._wrong) <= 10_000
