"""What `make mutants` takes out is still there, once, and the tests that it names exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from guards import GUARDS, Guard

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.promise)
def test_a_guard_stands_where_it_is_looked_for_and_its_test_exists(guard: Guard) -> None:
    assert (TESTS.parent / "src" / guard.file).read_text(encoding="utf-8").count(guard.code) == 1
    file, _, name = guard.test.partition("::")
    assert f"def {name.partition('[')[0]}" in (TESTS / file).read_text(encoding="utf-8")
