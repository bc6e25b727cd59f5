"""Which settings differ, and what the tables of a comparison hold."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from typing import Any

import pytest
from written_run import Written

from gladius.exchange.comparison import compare, curves_csv, results_csv, settings
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.results import better_end, compared


@pytest.fixture
def written(home: Home, spawn: Callable[..., Any]) -> Written:
    return Written(home, Identity.of(spawn("sleep", "600").pid))  # type: ignore[arg-type]


def _differing(*configs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = settings({str(i): config for i, config in enumerate(configs)})
    return {one.key: one.values for one in found if one.differs}


def test_only_what_differs_differs() -> None:
    assert _differing({"train": {"lr": 0.1, "seed": 1}}, {"train": {"lr": 0.2, "seed": 1}}) == {
        "train.lr": {"0": 0.1, "1": 0.2}
    }
    assert _differing({"a": 1}, {"a": 1.0}) == {}
    assert _differing({"a": [1, 2]}, {"a": [1.0, 2]}) == {} == _differing({"a": math.nan}, {"a": math.nan})
    for one, other in ((1, True), (1, "1"), (None, 0), ([1, 2], [2, 1]), ("true", True), (2**53, 2**53 + 1)):
        assert _differing({"a": one}, {"a": other}), (one, other)


def test_a_key_that_is_missing_differs_from_null_and_has_no_value() -> None:
    assert _differing({"a": None, "b": 1}, {"b": 1}) == {"a": {"0": None}}
    assert [one.differs for one in settings({"0": {"a": 1, "b": {"c": 2}}})] == [False, False]


def test_a_loss_is_best_where_it_is_lowest_and_of_other_names_nobody_says_so() -> None:
    assert all(better_end(name) for name in ("train/loss", "eval_loss", "moe/aux_loss", "eval/perplexity", "Loss"))
    others = ("train/loss_scale", "eval/accuracy", "loss/scale", "train/learning_rate", "train/glossy")
    assert not any(better_end(name) for name in others)


def test_results_tell_last_lowest_and_highest_without_what_was_rewound(written: Written) -> None:
    written.begin(1, total_epochs=2)
    for step, value in enumerate((4.0, 0.5, 3.0, math.nan)):
        written.trainer.metrics({"eval/loss": value, "moe/load/0/1": 0.5}, step, step / 2, None)
    written.begin(2, total_epochs=2, resumed_from={"step": 0, "checkpoint": "x"})
    written.trainer.metrics({"eval/loss": 2.0, "train/tokens_per_second": 100.0}, 1, 0.5, None)
    written.trainer.metrics({"eval/loss": 2.5, "train/tokens_per_second": 300.0}, 2, 1.0, None)
    run = compared(written.view())
    found = run.metrics["eval/loss"]
    assert (found.points, found.not_finite, found.final.value, found.final.step) == (3, 0, 2.5, 2)
    assert found.lowest and (found.lowest.value, found.lowest.step, found.lowest.epoch) == (2.0, 1, 0.5)
    assert found.highest and found.highest.value == 4.0
    assert run.rate and (run.rate.unit, run.rate.per_second) == ("tokens", 200.0)
    assert run.attempt == 2 and "moe/load/0/1" not in run.metrics
    assert "moe/load/0/1" in compared(written.view(), wanted=["moe/load/0/1"]).metrics

    lines = b"".join(curves_csv([(written.directory, "=cmd", 0.0)], ["eval/loss"])).decode().splitlines()
    rows = list(csv.DictReader(lines))
    assert [(row["step"], row["attempt"], row["eval/loss"]) for row in rows] == [
        ("0", "1", "4.0"), ("1", "2", "2.0"), ("2", "2", "2.5"),
    ]  # fmt: skip
    assert rows[0]["name"] == "'=cmd" and float(rows[0]["seconds"]) == float(rows[0]["time"])


def test_values_that_are_no_numbers_are_told_as_such(written: Written) -> None:
    written.begin(1, total_epochs=1)
    written.trainer.metrics({"train/loss": math.nan}, 0, 0.0, None)
    found = compared(written.view()).metrics["train/loss"]
    assert (found.final.value, found.lowest, found.highest, found.not_finite) == ("NaN", None, None, 1)


def test_the_table_has_the_settings_that_differ_and_empty_cells_for_what_is_not_known(home: Home) -> None:
    runs = []
    for value in (1.0, 2.0):
        one = Written(home, Identity.current()).begin(1, total_epochs=1)
        one.trainer.metrics({"train/loss": value} if value == 1.0 else {"eval/accuracy": 0.5}, 3, 0.5, None)
        runs.append(compared(one.view()))
    one, other = runs
    names = [name for run in runs for name in run.metrics]
    found = compare(runs, {one.run_id: {"lr": 0.1, "on": True}, other.run_id: {"lr": 0.1}}, names, [])
    rows = list(csv.DictReader(results_csv(found).splitlines()))
    assert [row["run_id"] for row in rows] == [one.run_id, other.run_id]
    assert (rows[0]["train/loss lowest"], rows[0]["train/loss lowest step"]) == ("1.0", "3")
    assert (rows[1]["train/loss lowest"], rows[1]["eval/accuracy highest"]) == ("", "0.5")
    assert [row["config on"] for row in rows] == ["true", ""] and "config lr" not in rows[0]
    assert "train/loss final" not in results_csv(found, ["eval/accuracy"])
