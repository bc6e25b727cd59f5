"""The course of the learning rate is drawn only where the run's own logged rates bear the formula out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from written_run import Written

from gladius.launch.rate_course import rate_course
from gladius.launch.schedule import Schedule
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home

LINEAR = Schedule("linear", 0.01, 10, 100)


def announced(rate: float = 0.01, **others: Any) -> dict[str, Any]:
    fixed = {"schedule": "linear", "warmup_steps": 10, **others}
    return {
        "learning_rate": {"value": rate, "applies": "live"},
        **{name: {"value": value, "applies": "restart"} for name, value in fixed.items() if value is not None},
    }


@pytest.fixture
def written(home: Home, spawn: Callable[..., Any]) -> Written:
    return Written(home, Identity.of(spawn("sleep", "600").pid))


def log(written: Written, schedule: Schedule, steps: range, first: int) -> None:
    for step in steps:
        values = {"train/loss": 1.0, "train/learning_rate": schedule.rate(step - first)}
        written.trainer.metrics(values, step, step / 100, None)


@pytest.mark.parametrize("first", [0, 1])
def test_both_courses_part_at_the_next_step(written: Written, first: int) -> None:
    written.begin(1, total_steps=100, adjustable=announced()).started()
    log(written, LINEAR, range(first, 41), first)
    found = rate_course(written.view(), 0.005)
    assert found.known and (found.name, found.peak, found.step) == ("linear", 0.01, 40)
    assert (found.steps[0], found.steps[-1]) == (first, 99 + first) and found.then is not None
    assert found.now == pytest.approx([LINEAR.rate(step - first) for step in found.steps])
    assert 41 in found.steps
    for step, now, then in zip(found.steps, found.now, found.then, strict=True):
        assert then == (pytest.approx(now / 2) if step > 40 else None)
    assert rate_course(written.view()).then is None


def test_a_peak_that_was_changed_before_is_known_for_both_sides_of_the_change(written: Written) -> None:
    written.begin(1, total_steps=100, adjustable=announced()).started()
    log(written, LINEAR, range(1, 21), 1)
    change = {"name": "learning_rate", "old": 0.01, "new": 0.04, "step": 20, "by": "cli"}
    written.trainer.write("hyperparameters", change)
    raised = Schedule("linear", 0.04, 10, 100)
    log(written, raised, range(21, 24), 1)
    found = rate_course(written.view())
    assert found.known and found.peak == 0.04 and found.now[-1] == pytest.approx(raised.rate(99))


@pytest.mark.parametrize(
    ("adjustable", "why"),
    [
        (announced(schedule=None), "the script's own"),
        (announced(schedule="cosine_with_restarts"), "'cosine_with_restarts' has no formula"),
        ({}, "no learning rate that can be changed"),
    ],
)
def test_a_schedule_that_is_not_known_says_so(written: Written, adjustable: dict[str, Any], why: str) -> None:
    written.begin(1, total_steps=100, adjustable=adjustable).started().steps(0, 3)
    found = rate_course(written.view(), 0.1)
    assert not found.known and why in found.source and found.steps == []


def test_a_trainer_that_goes_its_own_way_is_not_drawn_by_the_formula(written: Written) -> None:
    written.begin(1, total_steps=100, adjustable=announced()).started()
    log(written, Schedule("linear", 0.01, 10, 90), range(1, 30), 1)
    found = rate_course(written.view(), 0.1)
    assert not found.known and "its own way" in found.source


def test_without_a_plan_there_is_no_course(written: Written) -> None:
    written.begin(1, adjustable=announced()).started().steps(0, 3)
    assert "planned is not known" in rate_course(written.view()).source
