"""A server that starts reads what happened before it: nothing twice, nothing lost, each with its own time and its old id."""

from __future__ import annotations

import pytest
from alert_story import LOST, Watched, gpu

from gladius.wire.settings import Thresholds

GONE = {**LOST, "index": 1}
UNEVEN = (0.4, 0.3, 0.2, 0.1)


@pytest.fixture(autouse=True)
def every_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gladius.alerts.tracker.EXPERTS_S", 0.0)


def test_what_began_before_the_restart_is_the_same_alert_after_it(run: Watched) -> None:
    run.sample(gpu(0), gpu(1)).look()
    began = run.wait(2).sample(gpu(0, temperature=90), GONE, ram=0.95).look()
    assert len(began) == 3, "the first GPU is hot, the second gone, the memory full"
    run.wait(2).sample(gpu(0, temperature=90), GONE, ram=0.95)
    before = run.book.all()
    assert run.restart() == [] and run.book.all() == before
    ended = run.wait(2).sample(gpu(0), gpu(1), ram=0.5).look()
    assert {one.id for one in ended} == {one.id for one in began}


def test_what_began_and_ended_while_no_server_ran_has_its_own_times(run: Watched) -> None:
    run.sample(gpu()).look()
    hot = run.wait(10).now
    run.sample(gpu(temperature=95))
    cool = run.wait(10).now
    run.sample(gpu())
    run.wait(10).metrics(5, train__loss=float("nan"))
    run.wait(10).trainer.write("checkpoint", {"step": 5, "kind": "auto", "failed": "disk full"})
    run.wait(500)
    run.restart()
    (gpu_alert,) = run.all("gpu_temperature")
    assert (gpu_alert.began_at, gpu_alert.ended_at) == (hot, cool)
    assert [one.ended_at for one in run.all("non_finite_loss") + run.all("checkpoint_failed")] == [None, None]
    everything = run.book.all()
    assert run.restart() == [] and run.book.all() == everything


def test_what_ended_while_no_server_ran_ends_at_its_time(run: Watched) -> None:
    (began,) = run.sample(gpu(temperature=95)).look()
    cool = run.wait(10).now
    run.sample(gpu()).wait(100).sample(gpu())
    (ended,) = run.restart()
    assert (ended.id, ended.ended_at) == (began.id, cool)


def test_acknowledged_stays_acknowledged(run: Watched) -> None:
    (alert,) = run.sample(gpu(temperature=95)).look()
    run.book.update("ack", alert.id, acknowledged_at=run.now, acknowledged_by="browser")
    assert run.restart() == []
    (known,) = run.all("gpu_temperature")
    assert known.acknowledged_by == "browser" and known.ended_at is None


def test_conditions_that_need_time_last_across_a_restart(run: Watched) -> None:
    run.limits = Thresholds(expert_imbalance_seconds=0)
    (alert,) = run.experts(0, UNEVEN).look()
    run.limits = Thresholds()
    run.wait(5).experts(1, UNEVEN)
    assert run.restart() == []
    assert run.wait(5).experts(2, UNEVEN).codes() == []
    even = (0.25, 0.25, 0.25, 0.25)
    ended = [one for step in range(3, 12) for one in run.wait(10).experts(step, even).look()]
    assert [one.id for one in ended] == [alert.id] and ended[0].ended_at is not None


def test_other_thresholds_after_the_restart_double_nothing(run: Watched) -> None:
    run.sample(gpu(temperature=75)).look()
    (alert,) = run.wait(2).sample(gpu(temperature=95)).look()
    run.limits = Thresholds(gpu_temperature=90)
    assert run.restart() == []
    assert [one.id for one in run.all("gpu_temperature")] == [alert.id]
    run.limits = Thresholds(gpu_temperature=100)
    assert [(one.id, one.ended_at is None) for one in run.restart()] == [(alert.id, False)], "it is none any more"


def test_thinned_out_samples_double_nothing(run: Watched) -> None:
    run.sample(gpu()).look()
    (alert,) = run.wait(2).sample(gpu(temperature=95)).look()
    for _ in range(4):
        run.wait(2).sample(gpu(temperature=95))
    run.follow()
    run.seen.system[:] = [run.seen.system[0], *run.seen.system[2:]]
    from gladius.alerts.tracker import Tracker

    assert Tracker(run.seen, run.book).read(run.seen, run.limits) == []
    assert [one.id for one in run.all("gpu_temperature")] == [alert.id]


def test_an_attempt_that_began_while_no_server_ran_ends_what_the_last_one_had(run: Watched) -> None:
    run.sample(gpu(temperature=95)).look()
    run.wait(10).state("error", error={"code": "x", "message": "no"}).exited("failed", code=1).look()
    assert [one.ended_at for one in run.all("run_failed")] == [None]
    run.wait(100).attempt_begins(2).sample(gpu())
    ended = run.restart()
    assert [(one.code, one.ended_at) for one in ended] == [("run_failed", run.now)]


def test_an_end_that_nobody_watched_is_found(run: Watched) -> None:
    run.sample(gpu(temperature=95)).look()
    run.wait(10).state("error", error={"code": "x", "message": "no"})
    run.wait(1).exited("failed", code=1)
    found = {one.code: one.ended_at for one in run.restart()}
    assert found == {"gpu_temperature": run.now, "run_failed": None}
    assert run.restart() == []


def test_a_failure_of_long_ago_is_history_when_it_is_first_read(run: Watched) -> None:
    run.now -= 3 * 86_400
    run.state("error", error={"code": "x", "message": "no"}).exited("failed", code=1)
    (found,) = run.restart()
    assert found.ended_at == found.began_at == run.now


def test_without_its_book_everything_is_found_again_under_the_same_ids(run: Watched) -> None:
    run.sample(gpu(0), gpu(1)).look()
    run.wait(2).sample(gpu(0, temperature=90), GONE, ram=0.95).look()
    run.wait(2).metrics(100, eval__loss=2.0).alert("odd", "look").look()
    run.wait(2).metrics(101, train__loss=float("inf")).look()
    known = {one.id for one in run.book.all()}
    run.book.close()
    run.book.path.unlink()
    run.restart()
    assert {one.id for one in run.book.all()} == known and len(known) == 6
