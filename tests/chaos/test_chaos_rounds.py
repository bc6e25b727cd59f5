"""A small number of the random kills that `make chaos` does by the hundred: each move once, each set of victims once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
SEED = 20261122


def harness() -> ModuleType:
    """`tests/chaos/__main__.py` under a name of its own."""
    spec = importlib.util.spec_from_file_location("chaos_harness", HERE / "__main__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_no_promise_is_lost_to_seven_random_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GLADIUS_HOME", "GLADIUS_RUN_DIR", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    played = harness().Harness(SEED)
    played.run_short()
    assert played.wrong == []
    assert played.counts["rounds"] == 7


def test_a_seed_repeats_the_choices_of_a_round_and_every_pair_comes() -> None:
    plan = harness().plan
    first, again = plan(5), plan(5)
    rounds = [next(first) for _ in range(49)]
    assert rounds == [next(again) for _ in range(49)]
    assert len({(move, victims) for move, victims, _ in rounds}) == 49
