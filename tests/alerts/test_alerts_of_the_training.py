"""Experts, throughput, a loss that is no number, steps that stop: what a run's own numbers make alerts of."""

from __future__ import annotations

import pytest
from alert_story import Watched

from gladius.wire.settings import Thresholds

EVEN = (0.25, 0.25, 0.25, 0.25)
UNEVEN = (0.4, 0.3, 0.2, 0.1)
ONE_DEAD = (0.4, 0.3, 0.3, 0.0)


@pytest.fixture(autouse=True)
def every_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's minute passes in no time: experts are judged at every look, not once a second."""
    monkeypatch.setattr("gladius.alerts.tracker.EXPERTS_S", 0.0)


def test_uneven_experts_are_an_alert_after_60_seconds_without_a_break(run: Watched) -> None:
    for step in range(6):
        assert run.wait(10).experts(step, EVEN, UNEVEN).codes() == []
    run.wait(5).experts(6, EVEN, EVEN).look()
    for step in range(7, 13):
        assert run.wait(10).experts(step, EVEN, UNEVEN).codes() == [], "the break began the minute anew"
    (alert,) = run.wait(10).experts(13, EVEN, UNEVEN).look()
    assert (alert.code, alert.data["layer"], alert.step) == ("expert_imbalance", 1, 13)
    assert alert.value == pytest.approx(0.4472, abs=1e-4) and alert.threshold == 0.15
    assert alert.message == "Layer 1 uses its experts unevenly: coefficient of variation 0.45, above 0.15"


def test_imbalance_ends_well_below_its_threshold_and_after_as_long(run: Watched) -> None:
    run.limits = Thresholds(expert_imbalance_seconds=0)
    assert run.experts(0, UNEVEN).codes() == [("expert_imbalance", True)]
    run.limits = Thresholds()
    near = (0.279, 0.279, 0.221, 0.221)
    above = (0.285, 0.285, 0.215, 0.215)
    for step in range(1, 10):
        assert run.wait(10).experts(step, above).codes() == []
    for step in range(10, 16):
        assert run.wait(10).experts(step, EVEN if step % 2 else near).codes() == []
    assert run.wait(10).experts(16, EVEN).codes() == [("expert_imbalance", False)]


def test_an_expert_without_a_token_for_a_minute_is_dead(run: Watched) -> None:
    run.limits = Thresholds(expert_imbalance=50)
    run.experts(0, EVEN, EVEN).look()
    for step in range(1, 7):
        assert run.wait(10).experts(step, EVEN, ONE_DEAD).codes() == []
    (alert,) = run.wait(10).experts(7, EVEN, ONE_DEAD).look()
    assert (alert.code, alert.value, alert.data["places"]) == ("dead_experts", 1, [[1, 3]])
    assert alert.message == "No tokens reach 1 of 8 experts (layers 1)"
    assert run.wait(10).experts(8, EVEN, EVEN).codes() == [("dead_experts", False)]


def test_one_window_without_a_token_kills_no_expert(run: Watched) -> None:
    run.limits = Thresholds(expert_imbalance=50)
    for step in range(20):
        assert run.wait(10).experts(step, ONE_DEAD if step % 4 else EVEN).codes() == []


def test_throughput_that_drops_by_a_fifth_of_the_average_is_slow(run: Watched) -> None:
    for step in range(200):
        assert run.wait(1).metrics(step, train__tokens_per_second=1000.0).codes() == []
    found = []
    for step in range(200, 220):
        found += run.wait(1).metrics(step, train__tokens_per_second=500.0).look()
    alert = found[0]
    assert {one.id for one in found} == {alert.id} and found[-1].value < alert.value, "it got worse"
    assert (alert.code, alert.level, alert.data["unit"]) == ("slow_throughput", "warning", "tokens")
    assert alert.value < 0.8 * alert.data["average"] and alert.threshold == pytest.approx(0.8 * alert.data["average"])
    assert 205 <= (alert.step or 0) < 215, "15 seconds are compared, so one slow second is nothing"
    ended: list[tuple[str, bool]] = []
    for step in range(220, 260):
        ended += run.wait(1).metrics(step, train__tokens_per_second=1000.0).codes()
    assert ended == [("slow_throughput", False)]


def test_a_pace_that_stays_slow_is_the_new_average_after_four_minutes(run: Watched) -> None:
    for step in range(240):
        run.wait(1).metrics(step, train__samples_per_second=30.0)
        run.look()
    found = []
    for step in range(240, 500):
        found += run.wait(1).metrics(step, train__samples_per_second=15.0).look()
    assert [(one.code, one.ended_at is None) for one in found if one.ended_at is not None] == [
        ("slow_throughput", False)
    ]
    assert found[0].data["unit"] == "samples" and found[0].message.startswith("2")


def test_throughput_is_not_judged_before_a_minute_nor_while_another_state_lasts(run: Watched) -> None:
    for step in range(50):
        assert run.wait(1).metrics(step, train__tokens_per_second=1000.0 if step < 20 else 300.0).codes() == []
    run.wait(400)
    for step in range(50, 150):
        assert run.wait(1).metrics(step, train__tokens_per_second=1000.0).codes() == []
    run.state("validating")
    for step in range(150, 180):
        assert run.wait(1).metrics(step, train__tokens_per_second=10.0).codes() == []
    run.state("running")
    assert run.wait(1).metrics(180, train__tokens_per_second=10.0).codes() == [], "this interval holds the validation"


def test_slow_throughput_ends_when_the_run_is_paused(run: Watched) -> None:
    for step in range(100):
        run.wait(1).metrics(step, train__tokens_per_second=1000.0 if step < 80 else 100.0)
        run.look()
    assert [one.ended_at for one in run.all("slow_throughput")] == [None]
    assert run.state("paused").codes() == [("slow_throughput", False)]


def test_a_loss_that_is_no_number_needs_somebody_until_it_is_one_again(run: Watched) -> None:
    run.metrics(811, train__loss=2.0).look()
    (alert,) = run.wait(1).metrics(812, train__loss=float("nan")).look()
    assert (alert.code, alert.level, alert.step) == ("non_finite_loss", "critical", 812)
    assert alert.message == "The loss is NaN since step 812" and alert.data == {"kind": "nan", "step": 812}
    assert run.wait(1).metrics(813, train__loss=float("nan")).codes() == []
    assert run.wait(1).metrics(814, train__loss=2.0).codes() == [("non_finite_loss", False)]
    (infinite,) = run.wait(1).metrics(815, train__loss=float("-inf")).look()
    assert infinite.message == "The loss is infinite since step 815"


def test_the_trainers_own_word_of_a_bad_loss_is_the_same_alert(run: Watched) -> None:
    run.metrics(4, train__loss=2.0).look()
    run.wait(1).alert("non_finite_loss", "loss is NaN since step 5", "critical")
    (alert,) = run.look()
    assert alert.id == f"{run.directory.run_id}~trainer~3" and alert.data == {"kind": "nan", "step": 5}
    assert run.wait(1).metrics(8, train__loss=2.1).codes() == [], "an average that hides it"
    assert run.wait(1).metrics(10, train__loss=float("nan")).codes() == []
    assert run.wait(1).metrics(12, train__loss=2.0).codes() == [("non_finite_loss", False)]
    assert len(run.all("non_finite_loss")) == 1


def test_steps_that_stop_are_an_alert_until_they_come_again(run: Watched) -> None:
    run.wait(90).supervisor.write("stall", {"event": "began", "seconds": 75.2, "limit": 60.0, "cpu": 3.0, "gpu": None})
    (alert,) = run.look()
    assert (alert.code, alert.value, alert.message) == ("stalled", 75.2, "No step for 75 s")
    assert alert.data == {"seconds": 75.2, "cpu": 3.0, "gpu_load": None} and alert.began_at == run.now
    run.wait(5).supervisor.write("stall", {"event": "ended", "seconds": 0.0, "limit": 60.0})
    assert run.codes() == [("stalled", False)]
