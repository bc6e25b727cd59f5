"""An order that is kept up row by row is the one that sorting everything anew would give."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gladius.store.standing import Standing
from gladius.store.table import SORTS, Row, Wanted

_WORDS = st.sampled_from(["a", "B", "c"])
_ROWS = st.builds(
    Row,
    run_id=st.sampled_from([f"run-{place}" for place in range(8)]),
    name=_WORDS,
    first_name=st.none(),
    created=st.sampled_from([1.0, 2.0]),
    ended=st.sampled_from([None, 1.0, 2.0]),
    profile=st.none() | _WORDS,
    dataset=st.none() | _WORDS,
    source=_WORDS,
    state=st.sampled_from(["running", "done", "released", "lost"]),
    tags=st.lists(_WORDS, unique=True).map(tuple),
    loss=st.none() | st.sampled_from([1.0, 2.0, "NaN", "Infinity"]),
    eval_loss=st.none(),
    best=st.none() | st.sampled_from([1.0, 2.0]),
    duration=st.sampled_from([None, 1.0, 2.0]),
    parent=st.none(),
    text=_WORDS,
)
_MOVES = st.lists(st.tuples(_ROWS, st.sampled_from([False, False, True])), min_size=6, max_size=40)
_QUESTIONS = st.builds(
    Wanted,
    states=st.sampled_from([frozenset[str](), frozenset({"ended"}), frozenset({"running"})]),
    tags=st.sampled_from([frozenset[str](), frozenset({"a"})]),
    sort=st.sampled_from(SORTS),
    order=st.sampled_from(["asc", "desc"]),
)


def sorted_anew(rows: list[Row], wanted: Wanted) -> list[str]:
    newest = sorted(filter(wanted.fits, rows), key=lambda row: (row.created, row.run_id), reverse=True)
    known: list[tuple[Any, Row]] = []
    odd, unknown = [], []
    for row in newest:
        value = wanted.value(row)
        if value is None:
            unknown.append(row.run_id)
        elif wanted.is_odd(value):
            odd.append(row.run_id)
        else:
            known.append((value, row))
    known.sort(key=lambda one: one[0], reverse=wanted.order == "desc")
    return [row.run_id for _, row in known] + odd + unknown


@settings(max_examples=200, deadline=None)
@given(moves=_MOVES, at_once=st.integers(1, 8), questions=st.lists(_QUESTIONS, min_size=1, max_size=3))
def test_rows_that_come_change_and_go_stand_where_sorting_anew_puts_them(
    moves: list[tuple[Row, bool]], at_once: int, questions: list[Wanted]
) -> None:
    standing, rows = Standing(), dict[str, Row]()
    for wanted in questions:
        standing.ordered(wanted)
    for begin in range(0, len(moves), at_once):
        changed = {row.run_id: None if goes else row for row, goes in moves[begin : begin + at_once]}
        standing.take(changed)
        rows = {run_id: row for run_id, row in (rows | changed).items() if row is not None}
    fresh = Standing()
    fresh.take(rows)
    assert standing.facets() == fresh.facets()
    for wanted in questions:
        found, expected = standing.ordered(wanted), sorted_anew(list(rows.values()), wanted)
        assert len(found) == len(expected) and list(found) == expected
        assert [found.index(run_id) for run_id in expected] == list(range(len(expected)))
        assert found.ids(1, 3) == expected[1:3]
        assert found.index("nobody") is None
