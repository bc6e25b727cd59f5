"""Step time, time left, epoch means."""

from __future__ import annotations

import pytest

from gladius.store.pace import EpochMeans, Pace


def steady(steps: int, seconds: float = 0.5, every: int = 1, start: int = 0) -> tuple[Pace, float]:
    pace, now = Pace(), 100.0
    for step in range(start, start + steps, every):
        pace.metrics(step, step / 100, now)
        now += seconds * every
    return pace, now


def test_nothing_is_estimated_before_twenty_steps() -> None:
    assert steady(19)[0].eta(1000, None) is None
    assert steady(20)[0].eta(1000, None) == pytest.approx((1000 - 19) * 0.5)


def test_steps_logged_now_and_then_count_each() -> None:
    assert steady(200, every=10)[0].step_seconds == pytest.approx(0.5)


def test_steps_read_from_output_in_handfuls_take_the_time_of_the_handful() -> None:
    pace = Pace()
    pace.resolution = 1.0
    for step in range(100):
        pace.metrics(step, step / 40, 100.0 + step // 20 * 2.0 + step % 20 * 1e-4)
    assert pace.step_seconds == pytest.approx(0.1, rel=0.05)
    assert pace.eta(None, 5.0) == pytest.approx((200 - 99) * 0.1, rel=0.1)


def test_slow_outliers_do_not_count() -> None:
    pace, now = steady(100)
    pace.metrics(100, 1.0, now + 500)
    assert pace.step_seconds == pytest.approx(0.5)


def test_validations_to_come_are_added() -> None:
    pace, now = Pace(), 0.0
    for step in range(200):
        pace.metrics(step, step / 100, now)
        now += 1.0
        if step % 100 == 99:
            pace.state("validating", now)
            now += 30.0
            pace.state("running", now)
    assert pace.step_seconds == pytest.approx(1.0), "a validation is no step"
    assert pace.eta(400, None) == pytest.approx(201 + 2 * 30)


def test_the_time_left_is_never_negative_and_unknown_without_a_goal() -> None:
    pace, _ = steady(50)
    assert pace.eta(10, None) == 0.0
    assert pace.eta(None, None) is None


def test_epochs_alone_give_a_goal_too() -> None:
    assert steady(100)[0].eta(None, 3.0) == pytest.approx(201 * 0.5, rel=0.01)


def test_best_and_delta_are_of_epoch_means() -> None:
    means = EpochMeans()
    assert means.best is None and means.delta is None
    for epoch, value in ((0.5, 4.0), (1.0, 2.0), (1.5, 1.0), (2.0, 2.0), (2.5, 9.0)):
        means.add(epoch, value)
    assert means.best == (2, 1.5)
    assert means.delta == pytest.approx(9.0 - 1.5)
