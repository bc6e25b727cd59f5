"""Columns of metrics: true values, few points, nothing superseded."""

from __future__ import annotations

import json
import math
import random
from array import array

import pytest

from gladius.store.blocks import Column
from gladius.store.points import spell
from gladius.store.series import MetricTable, Series, number


def table(values: list[float], attempt: int = 1, first: int = 0) -> MetricTable:
    made = MetricTable()
    for step, value in enumerate(values, start=first):
        made.add(attempt, 1000.0 + step, step, step / 10, step * 100, [("train/loss", value)])
    return made


def test_few_points_come_as_they_are() -> None:
    column = table([3.0, 2.0, 1.0]).column("train/loss", 100)
    assert column["value"] == [3.0, 2.0, 1.0] and column["min"] is column["max"] is None
    assert column["step"] == [0, 1, 2] and column["epoch"] == [0.0, 0.1, 0.2] and column["log_offset"] == [0, 100, 200]


def test_many_points_keep_their_extremes_within_the_buckets() -> None:
    values = [math.sin(i / 50) for i in range(20_000)]
    values[777], values[15_001] = 40.0, -30.0
    column = table(values).column("train/loss", 500)
    assert 400 <= len(column["value"]) <= 520
    assert max(column["max"]) == 40.0 and min(column["min"]) == -30.0
    assert column["step"] == sorted(column["step"]) and column["step"][0] == 0 and column["step"][-1] == 19_999
    assert all(
        low <= value <= high for low, value, high in zip(column["min"], column["value"], column["max"], strict=True)
    )
    assert all(value == values[step] for value, step in zip(column["value"], column["step"], strict=True))


def test_what_is_not_finite_stays_visible_and_is_spelled() -> None:
    values = [1.0] * 5000
    values[2500], values[2600] = math.nan, -math.inf
    column = table(values).column("train/loss", 100)
    shown = dict(zip(column["step"], column["value"], strict=True))
    assert shown[2500] == "NaN" and shown[2600] == "-Infinity"
    assert table([math.nan] * 50).column("train/loss", 10)["value"].count("NaN") == 50


def test_a_range_of_steps() -> None:
    column = table([float(i) for i in range(100)]).column("train/loss", 1000, from_step=10, to_step=12)
    assert column["value"] == [10.0, 11.0, 12.0]
    assert table([1.0]).column("train/loss", 10, from_step=5)["value"] == []


def test_a_range_of_steps_that_fall_now_and_then() -> None:
    made = table([float(step) for step in range(3000)])
    column = made.column("train/loss", 10_000, from_step=5, to_step=2000)
    assert column["value"] == [float(step) for step in range(5, 2001)]
    for step in range(2000):
        made.add(1, 1.0, step, None, None, [("train/loss", -1.0 - step)])
    column = made.column("train/loss", 10_000, from_step=1998, to_step=2001)
    assert column["value"] == [1998.0, 1999.0, 2000.0, 2001.0, -1999.0, -2000.0]
    few = made.column("train/loss", 100, from_step=0, to_step=1999)
    assert min(few["min"]) == -2000.0 and max(few["max"]) == 1999.0 and len(few["value"]) <= 100


@pytest.mark.parametrize("seed", range(5))
def test_the_place_in_the_log_is_that_of_the_nearest_step_and_the_newest_of_equals(seed: int) -> None:
    dice, made = random.Random(seed), MetricTable()
    assert made.log_place(1) is None
    known: list[tuple[int, int]] = []
    for _ in range(9000):
        step, offset = dice.choice((None, dice.randrange(0, 20_000, 40))), dice.choice((None, dice.randrange(10**9)))
        made.add(1, 1.0, step, None, offset, [])
        known += [] if step is None or offset is None else [(step, offset)]
    for wanted in (0, 777, 9_980, 10**6):
        assert made.log_place(wanted) == min(reversed(known), key=lambda one: abs(one[0] - wanted))


def test_points_without_a_step_have_none() -> None:
    made = MetricTable()
    made.add(1, 1.0, None, None, None, [("a", 1.0)])
    column = made.column("a", 10)
    assert (column["step"], column["epoch"], column["log_offset"]) == (None, None, None)
    made.add(1, 2.0, 0, 0.0, 0, [("a", 1.0)])
    column = made.column("a", 10)
    assert (column["step"], column["epoch"], column["log_offset"]) == ([None, 0], [None, 0.0], [None, 0])
    assert made.column("no/such", 10)["step"] == []


@pytest.mark.parametrize("count", [0, 1, 2048, 5000])
def test_what_is_told_in_pieces_is_what_the_lists_hold(count: int) -> None:
    made = table([math.nan if step % 1000 == 7 else step / 3 for step in range(count)])
    made.add(1, 1.0, None, None, None, [("train/loss", 1.0)])
    for points in (made.column("train/loss", 100_000), made.column("train/loss", 20), made.column("no/such", 10)):
        assert json.loads(b"".join(points.json())) == dict(points)


def test_points_are_told_as_they_were_when_they_were_asked_for() -> None:
    made = table([1.0, 2.0])
    points = made.column("train/loss", 10)
    made.add(1, 9.0, 9, None, None, [("train/loss", 9.0)])
    assert points["value"] == [1.0, 2.0]


def test_what_is_half_told_is_told_to_its_end_while_the_run_grows_and_goes_back() -> None:
    made = table([step / 3 for step in range(6000)])
    points = made.column("train/loss", 100_000)
    expected, telling = dict(points), points.json()
    begun = [next(telling) for _ in range(4)]
    made.drop(lambda _, step: step > 10)
    for step in range(11, 9000):
        made.add(2, 0.0, step, 0.5, 0, [("train/loss", -1.0)])
    assert json.loads(b"".join([*begun, *telling])) == expected
    assert made.column("train/loss", 100_000)["value"][11:13] == [-1.0, -1.0]


def test_superseded_points_are_left_out() -> None:
    made = table([float(i) for i in range(10)])
    made.add(1, 5.0, 9, None, None, [("only/once", 1.0)])
    made.drop(lambda attempt, step: attempt < 2 and step > 4)
    assert made.column("train/loss", 100)["step"] == [0, 1, 2, 3, 4]
    assert "only/once" not in made.series


def test_what_two_resumes_set_aside_is_told_in_the_order_it_was_logged_in() -> None:
    made = table([float(step) for step in range(11)])
    for attempt, after, last in ((2, 5, 9), (3, 2, 4)):
        made.drop(lambda _, step, after=after: step > after, keep_aside=True)  # type: ignore[misc]
        for step in range(after + 1, last):
            made.add(attempt, 0.0, step, None, None, [("train/loss", 100.0 * attempt + step)])
    aside = made.superseded_columns("train/loss", 100)
    assert {attempt: (points["step"], points["value"]) for attempt, points in aside.items()} == {
        1: ([*range(3, 11)], [float(step) for step in range(3, 11)]),
        2: ([6, 7, 8], [206.0, 207.0, 208.0]),
    }
    assert made.superseded_columns("train/loss", 100, from_step=4, to_step=7)[1]["step"] == [4, 5, 6, 7]


def test_what_was_asked_of_an_empty_series_does_not_hold_when_a_copy_is_read_into_it() -> None:
    values = array("d", range(1000))
    series = Series()
    assert series.peaks.strange == []
    series.add_column(0, Column("a", range(1000), 999.0, lambda: values))
    assert max(high for _, high in series.peaks.picks(0, 1000, 50).values()) == 999.0


def test_a_spark_ends_with_the_newest_value() -> None:
    spark = table([float(i) for i in range(1000)]).spark("train/loss", 60)
    assert len(spark) == 60 and spark[0] == 0.0 and spark[-1] == 999.0 and spark == sorted(spark)
    assert MetricTable().spark("train/loss", 60) == []


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (1, 1.0),
        (2.5, 2.5),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        (True, None),
        ("1", None),
        ({}, None),
        (10**400, None),
    ],
)
def test_numbers_are_read_as_the_protocol_writes_them(raw: object, value: float | None) -> None:
    assert number(raw) == value


def test_a_number_read_and_spelled_is_the_same() -> None:
    for name in ("NaN", "Infinity", "-Infinity"):
        read = number(name)
        assert read is not None and spell(read) == name


def test_a_point_costs_eight_bytes_and_twelve_where_rows_are_left_out() -> None:
    made = table([1.0, 2.0])
    series = made.series["train/loss"]
    assert isinstance(series.values, array) and series.values.itemsize == 8 and series.rows == range(2)
    made.add(1, 1.0, 2, None, None, [("other", 1.0)])
    made.add(1, 1.0, 3, None, None, [("train/loss", 1.0)])
    assert isinstance(series.rows, array) and series.rows.itemsize == 4 and series.rows.tolist() == [0, 1, 3]
