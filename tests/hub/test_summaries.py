"""Summaries of many runs have turns of their own, and keep them however late a turn is taken."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gladius.hub.summaries import INTERVAL_S, Summaries
from gladius.pulse.rundir import Home
from gladius.store.view import RunView

RUNS, ROUNDS = 20, 50


@pytest.fixture
def views(home: Home) -> list[RunView]:
    return [RunView(home.new_run(f"night {number}", {"source": "api"})) for number in range(RUNS)]


def test_turns_that_are_taken_late_do_not_gather(views: list[RunView]) -> None:
    """A look at all runs within one moment is what a log call would have to wait for."""
    summaries, dice = Summaries(), random.Random(5)
    made = [summaries.of(view, 100.0) for view in views]
    for _ in range(ROUNDS):
        made = [summaries.of(view, one.due + dice.uniform(0.0, 0.09)) for view, one in zip(views, made, strict=True)]
    turns = Counter(round(one.due % INTERVAL_S, 6) for one in made)
    assert len(turns) == 5 and set(turns.values()) == {RUNS // 5}


def test_a_summary_is_made_once_for_all_until_its_next_turn(views: list[RunView]) -> None:
    summaries = Summaries()
    first = summaries.of(views[0], 100.0)
    assert 100.0 < first.due <= 100.0 + INTERVAL_S
    assert summaries.of(views[0], first.due - 0.001) is first
    again = summaries.of(views[0], first.due)
    assert again is not first
    assert again.due == pytest.approx(first.due + INTERVAL_S)
