"""GPUs, memory and disk: what the supervisor's samples make alerts of, when they end, and what they say."""

from __future__ import annotations

from alert_story import GB, LOST, Watched, gpu

from gladius.wire.settings import Thresholds


def test_a_gpu_above_80_degrees_is_an_alert_until_it_is_3_degrees_below(run: Watched) -> None:
    assert run.sample(gpu(temperature=80)).codes() == []
    (alert,) = run.wait(2).sample(gpu(temperature=84)).look()
    assert (alert.code, alert.level, alert.value, alert.threshold) == ("gpu_temperature", "warning", 84, 80)
    assert alert.message == "GPU 0 is at 84 °C, above the limit of 80 °C"
    assert alert.data == {"gpu": 0, "celsius": 84, "limit": 80} and alert.began_at == run.now
    for celsius in (79, 81, 78, 82):
        assert run.wait(2).sample(gpu(temperature=celsius)).codes() == []
    (ended,) = run.wait(2).sample(gpu(temperature=77)).look()
    assert (ended.id, ended.ended_at) == (alert.id, run.now)


def test_an_alert_that_gets_worse_is_told_again_at_most_every_10_seconds(run: Watched) -> None:
    (alert,) = run.sample(gpu(temperature=81)).look()
    assert run.wait(2).sample(gpu(temperature=90)).codes() == []
    (worse,) = run.wait(10).sample(gpu(temperature=88)).look()
    assert (worse.id, worse.value, worse.data["celsius"], worse.ended_at) == (alert.id, 88, 88, None)
    assert run.wait(20).sample(gpu(temperature=86)).codes() == [], "it keeps the worst"


def test_each_gpu_has_its_own_alert(run: Watched) -> None:
    new = run.sample(gpu(0, temperature=85), gpu(1, temperature=86), gpu(2)).look()
    assert [one.data["gpu"] for one in new] == [0, 1] and len({one.id for one in new}) == 2
    (ended,) = run.wait(2).sample(gpu(0), gpu(1, temperature=86), gpu(2)).look()
    assert ended.data["gpu"] == 0


def test_throttling_counts_when_it_is_thermal_and_ends_after_10_seconds_without(run: Watched) -> None:
    assert run.sample(gpu(throttling="power cap")).codes() == []
    (alert,) = run.wait(2).sample(gpu(throttling="power cap, hardware thermal")).look()
    assert (alert.code, alert.data["reasons"]) == ("thermal_throttling", "power cap, hardware thermal")
    assert run.wait(2).sample(gpu()).codes() == []
    assert run.wait(2).sample(gpu(throttling="thermal")).codes() == [], "it flickers"
    for _ in range(5):
        assert run.wait(2).sample(gpu()).codes() == []
    assert run.wait(2).sample(gpu()).codes() == [("thermal_throttling", False)]


def test_a_gpu_that_gives_no_readings_any_more_is_lost(run: Watched) -> None:
    run.sample(gpu(0), gpu(1)).look()
    (alert,) = run.wait(2).sample(LOST, gpu(1)).look()
    assert (alert.code, alert.level, alert.message) == (
        "gpu_lost", "critical", "GPU 0 (A100) is gone: it gives no readings any more",
    )  # fmt: skip
    (other,) = run.wait(2).sample(LOST).look()
    assert other.data["gpu"] == 1, "one that is missing is lost as well"
    assert run.wait(2).sample(gpu(0), gpu(1)).codes() == [("gpu_lost", False), ("gpu_lost", False)]


def test_a_gpu_that_never_answered_is_not_lost_nor_one_of_another_attempt(run: Watched) -> None:
    assert run.sample(LOST).codes() == []
    assert run.wait(2).sample(gpu(0)).codes() == []
    run.wait(2).attempt_begins(2).sample()
    assert run.codes() == []


def test_memory_above_90_percent_is_pressure(run: Watched) -> None:
    assert run.sample(ram=0.90).codes() == []
    (alert,) = run.wait(2).sample(ram=0.934).look()
    assert (alert.code, alert.value, alert.threshold) == ("memory_pressure", 0.934, 0.9)
    assert alert.message == "93.4 % of the memory is in use, more than 90 %"
    assert run.wait(2).sample(ram=0.88).codes() == []
    assert run.wait(2).sample(ram=0.86).codes() == [("memory_pressure", False)]


def test_gpu_memory_counts_this_run_and_others_and_is_not_guessed(run: Watched) -> None:
    assert run.sample(gpu(memory_run=77 * GB, memory_others=None)).codes() == []
    assert run.wait(2).sample(gpu(memory_run=77 * GB)).codes() == []
    (alert,) = run.wait(2).sample(gpu(memory_run=70 * GB, memory_others=8 * GB)).look()
    assert (alert.code, alert.data["gpu"], alert.data["percent"]) == ("gpu_memory", 0, 97.5)
    assert run.wait(2).sample(gpu()).codes() == [("gpu_memory", False)]


def test_a_disk_that_fills_and_a_log_that_is_large(run: Watched) -> None:
    (full,) = run.sample(free=0.04).look()
    assert (full.code, full.message) == (
        "disk_nearly_full", "Only 4.0 % of the disk is free; checkpoints and logs may fail",
    )  # fmt: skip
    assert run.wait(2).sample(free=0.055).codes() == []
    assert run.wait(2).sample(free=0.07).codes() == [("disk_nearly_full", False)]
    (large,) = run.wait(2).sample(console=1 << 30).look()
    assert (large.code, large.data["gigabytes"]) == ("console_log_large", 1.073741824)
    run.alert("disk_nearly_full", "only 4 % of the disk is free", by="supervisor")
    assert run.codes() == [], "the supervisor's own alarms are judged from its samples"


def test_what_is_changed_in_the_settings_holds_from_the_next_sample_on(run: Watched) -> None:
    run.sample(gpu(temperature=75), ram=0.6).look()
    run.limits = Thresholds(gpu_temperature=70, memory_pressure=0.55)
    new = run.wait(2).sample(gpu(temperature=75), ram=0.6).look()
    assert {one.code for one in new} == {"gpu_temperature", "memory_pressure"}
    run.limits = Thresholds()
    assert len(run.wait(2).sample(gpu(temperature=75), ram=0.6).look()) == 2


def test_samples_that_lack_everything_are_no_alerts(run: Watched) -> None:
    run.supervisor.write("system", {})
    run.supervisor.write(
        "system", {"gpus": [None, {"index": "x"}, {"index": 1}], "ram": 3, "disk": {"used": 1, "total": 0}}
    )
    run.supervisor.write("system", {"gpus": "none", "ram": {"used": "NaN", "total": 1}, "console_bytes": "many"})
    assert run.codes() == []


def test_what_the_machine_suffers_ends_with_the_attempt(run: Watched) -> None:
    run.sample(gpu(temperature=90)).look()
    run.wait(5).exited("finished", code=0)
    (ended,) = run.look()
    assert (ended.code, ended.ended_at) == ("gpu_temperature", run.now)
