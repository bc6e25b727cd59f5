"""What a run came to: its figures are those of every point."""

from __future__ import annotations

import math
import random
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


def test_the_rate_is_the_median_of_every_finite_point() -> None:
    dice, made = random.Random(3), MetricTable()
    values = [dice.random() for _ in range(1001)]
    for step, value in enumerate([math.nan, *values]):
        made.add(1, 1.0, step, None, None, [("train/tokens_per_second", value)])
    rate = _rate(made)
    assert rate is not None and (rate.unit, rate.per_second) == ("tokens", median(values))
