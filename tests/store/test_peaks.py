"""Few points of a long column: what is lowest and highest anywhere is among them, however they were asked for."""

from __future__ import annotations

import math
import random
from array import array
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gladius.store.blocks import Floats
from gladius.store.peaks import Bounds, Peaks, bounds_of

_AT_EACH_END = 2


def course(seed: int, length: int, strange: int = 0) -> Floats:
    dice = random.Random(seed)
    # Few different values, so that the lowest and the highest often come more than once.
    values = array("d", (dice.choice((dice.gauss(0, 1), dice.randrange(4))) for _ in range(length)))
    for _ in range(strange if length else 0):
        values[dice.randrange(length)] = dice.choice((math.nan, math.inf, -math.inf))
    return values


def kept_bounds(values: Floats, blocks: list[int], at: int) -> tuple[Bounds | None, ...]:
    """What a copy may say of one of the blocks that a column is made of: the bounds of its stretches, or nothing."""
    block = values[sum(blocks[:at]) : sum(blocks[: at + 1])]
    return None, bounds_of(block, block)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_picked_is_what_a_look_at_every_point_finds(data: st.DataObject) -> None:
    values = course(
        data.draw(st.integers(0, 99)), data.draw(st.integers(1, 9000)), data.draw(st.sampled_from((0, 0, 3, 900)))
    )
    blocks = data.draw(st.lists(st.integers(1, 3000), max_size=4)) if all(map(math.isfinite, values)) else []
    blocks = [count for count, total in zip(blocks, accumulate(blocks), strict=True) if total <= len(values)]
    if blocks and data.draw(st.booleans()):
        values = values[: sum(blocks)]
    begin = data.draw(st.integers(0, len(values) - 1))
    end = data.draw(st.integers(begin + 1, len(values)))
    most = data.draw(st.integers(8, 400))
    grown = values[: sum(blocks)]
    peaks = Peaks(
        grown, [(count, data.draw(st.sampled_from(kept_bounds(grown, blocks, at)))) for at, count in enumerate(blocks)]
    )
    for upto in sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3))):
        grown.extend(values[len(grown) : max(upto, len(grown))])
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
@pytest.mark.parametrize("block", [None, 4096, 1001, 7])
def test_the_picture_is_as_fine_as_was_asked_for(length: int, block: int | None) -> None:
    values = course(1, length)
    parts = [values[begin : begin + block] for begin in range(0, length, block)] if block else []
    picks = Peaks(values, [(len(part), bounds_of(part, part)) for part in parts]).picks(0, length, 2000)
    assert 1250 <= len(picks) <= 2000
    buckets = [bounds for bounds, after in pairwise(picks.values()) if bounds != after]
    assert len(buckets) >= 600
    assert {min(values), max(values)} <= {values[place] for place in picks}


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
