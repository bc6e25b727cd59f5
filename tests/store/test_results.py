"""What a run came to: its figures are those of every point."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import median

import pytest

from gladius.store.results import _rate, result
from gladius.store.series import MetricTable


@pytest.mark.parametrize("length", [1, 50, 3000, 70_000])
def test_the_lowest_and_the_highest_are_the_first_of_all(length: int) -> None:
    dice, made = random.Random(length), MetricTable()
    values = [float(dice.randrange(1000)) for _ in range(length)]
    for place in {dice.randrange(length) for _ in range(5 if length > 10 else 0)}:
        values[place] = dice.choice((math.nan, math.inf, -math.inf))
    for step, value in enumerate(values):
        made.add(1, 1.0, step, None, None, [("a", value)])
    found = result(made, made.series["a"])
    finite = [value for value in values if math.isfinite(value)]
    assert found.points == length and found.not_finite == length - len(finite)
    assert found.lowest is not None and found.highest is not None
    assert (found.lowest.value, found.lowest.step) == (min(finite), values.index(min(finite)))
    assert (found.highest.value, found.highest.step) == (max(finite), values.index(max(finite)))


def test_nothing_is_lowest_where_no_point_is_finite() -> None:
    made = MetricTable()
    for step in range(40):
        made.add(1, 1.0, step, None, None, [("a", math.nan)])
    found = result(made, made.series["a"])
    assert (found.lowest, found.highest, found.not_finite) == (None, None, 40)


@pytest.mark.parametrize("length", [1001, 60_000, 60_001])
@pytest.mark.parametrize("digits", [0, 1, 16])
def test_the_rate_is_the_median_of_every_finite_point(length: int, digits: int) -> None:
    dice, made = random.Random(3), MetricTable()
    values = [round(dice.random(), digits) for _ in range(length)]
    for step, value in enumerate([math.nan, *values]):
        made.add(1, 1.0, step, None, None, [("train/tokens_per_second", value)])
    rate = _rate(made)
    assert rate is not None and (rate.unit, rate.per_second) == ("tokens", median(values))


@pytest.mark.parametrize("of_step", [lambda step: step, lambda step: step % 14], ids=["rising", "repeating"])
def test_the_rate_of_values_that_no_sample_stands_for(of_step: Callable[[int], int]) -> None:
    made = MetricTable()
    for step in range(60_000):
        made.add(1, 1.0, step, None, None, [("train/samples_per_second", float(of_step(step)))])
    rate = _rate(made)
    assert rate is not None and rate.per_second == median(map(of_step, range(60_000)))
