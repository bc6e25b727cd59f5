"""Few points of a long column: what is lowest and highest anywhere is among them, however they were asked for."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gladius.store.blocks import Floats
from gladius.store.peaks import Peaks

_AT_EACH_END = 2


def course(seed: int, length: int, strange: int = 0) -> Floats:
    dice = random.Random(seed)
    # Few different values, so that the lowest and the highest often come more than once.
    values = array("d", (dice.choice((dice.gauss(0, 1), dice.randrange(4))) for _ in range(length)))
    for _ in range(strange if length else 0):
        values[dice.randrange(length)] = dice.choice((math.nan, math.inf, -math.inf))
    return values


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_picked_is_what_a_look_at_every_point_finds(data: st.DataObject) -> None:
    values = course(
        data.draw(st.integers(0, 99)), data.draw(st.integers(1, 9000)), data.draw(st.sampled_from((0, 0, 3, 900)))
    )
    begin = data.draw(st.integers(0, len(values) - 1))
    end = data.draw(st.integers(begin + 1, len(values)))
    most = data.draw(st.integers(6, 400))
    grown = array("d")
    peaks = Peaks(grown)
    for upto in sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3))):
        grown.extend(values[len(grown) : upto])
        assert list(peaks.strange) == [place for place, value in enumerate(grown) if not math.isfinite(value)]
    grown.extend(values[len(grown) :])

    picks = peaks.picks(begin, end, most)

    places, window = list(picks), range(begin, end)
    finite = [place for place in window if math.isfinite(values[place])]
    strange = [place for place in window if not math.isfinite(values[place])]
    assert places == sorted(set(places)) and places[0] == begin and places[-1] == end - 1
    assert len(set(places) - set(strange)) <= most and set(strange[:200]) <= set(places)
    for place, (low, high) in picks.items():
        assert place not in finite or low <= values[place] <= high
    if finite:
        shown = [values[place] for place in places if math.isfinite(values[place])]
        assert min(shown) == min(values[place] for place in finite) and max(shown) == max(
            values[place] for place in finite
        )


@pytest.mark.parametrize("length", [3000, 40_000, 60_000, 200_000])
def test_the_picture_is_as_fine_as_was_asked_for(length: int) -> None:
    values = course(1, length)
    picks = Peaks(values).picks(0, length, 2000)
    assert 1250 <= len(picks) <= 2000
    buckets = [bounds for bounds, after in zip(picks.values(), [*picks.values()][1:], strict=False) if bounds != after]
    assert len(buckets) >= 600


def test_a_course_that_grows_keeps_the_points_that_were_told_of_its_past() -> None:
    values = course(2, 100_000)
    peaks = Peaks(values)
    before = set(peaks.picks(0, 99_000, 2000))
    after = set(peaks.picks(0, 99_500, 2000))
    assert len(before - after) <= _AT_EACH_END, "the end, and the bucket that was not whole"


def test_a_closer_look_costs_what_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = Peaks(course(3, 300_000))
    peaks.picks(0, 300_000, 2000)
    looked = 0

    def counting(level: int, begin: int, end: int) -> tuple[Floats, Floats]:
        nonlocal looked
        looked += end - begin
        return Peaks._bounds(peaks, level, begin, end)

    monkeypatch.setattr(peaks, "_bounds", counting)
    peaks.picks(1000, 299_000, 2000)
    assert 1000 < looked < 40_000
