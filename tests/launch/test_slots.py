"""Who fits beside whom on a machine; the GPUs here are numbers, as NVML would tell them."""

from __future__ import annotations

from typing import Any

import pytest

from gladius.errors import ConfigError
from gladius.launch.slots import Claim, Gpu, Slots
from gladius.pulse.rundir import Home
from gladius.supervise.trainer_env import trainer_env
from gladius.wire.catalog import Resources

GB = 1_000_000_000
TWO = Slots(1, (Gpu(0, "A", 24 * GB), Gpu(1, "B", 24 * GB)))


class Nvml:
    """Two cards, read as the supervisor reads them."""

    def sample(self, pids: set[int]) -> list[dict[str, Any]]:
        return [{"index": index, "name": f"card {index}", "memory_total": 24 * GB} for index in range(2)]


def want(**said: float) -> Resources:
    return Resources.model_validate(said)


def test_without_a_gpu_there_is_one_place_or_as_many_as_was_said() -> None:
    one, three = Slots(), Slots(3)
    assert one.fit(want(), []) == Claim()
    assert one.fit(want(), [Claim()]) is None
    assert three.fit(want(gpus=1), [Claim(), Claim()]) == Claim(), "what wants a GPU trains without where there is none"
    assert one.claim_anyway(want(), [Claim()]) == Claim()


def test_several_runs_share_a_gpu_by_the_memory_they_reserve() -> None:
    small = want(gpu_memory_gb=10)
    first = TWO.fit(small, [])
    second = TWO.fit(small, [first] if first else [])
    assert first == second == Claim((0,), 10 * GB), "the fullest first, so that the other stays whole"
    third = TWO.fit(small, [first, second] if first and second else [])
    assert third == Claim((1,), 10 * GB)


def test_who_says_nothing_has_a_gpu_whole_and_nobody_beside_it() -> None:
    whole = TWO.fit(want(), [])
    assert whole == Claim((0,), None)
    assert TWO.fit(want(gpu_memory_gb=1), [whole] if whole else []) == Claim((1,), GB)
    assert TWO.fit(want(gpus=2), [whole] if whole else []) is None
    assert TWO.fit(want(gpus=2), []) == Claim((0, 1), None)
    assert TWO.fit(want(gpus=0), [Claim((0, 1), None)]) == Claim(), "one without a GPU takes a place of its own"


def test_what_the_machine_can_never_hold_is_said_and_not_waited_for() -> None:
    assert TWO.lacks(want(gpus=3)) == "It needs 3 GPUs, and this machine has 2."
    assert "80 GB" in (TWO.lacks(want(gpu_memory_gb=80)) or "")
    assert TWO.lacks(want(gpus=2, gpu_memory_gb=24)) is None
    assert Slots().lacks(want(gpus=3)) is None, "a machine without GPUs trains on its processors"


def test_a_run_with_memory_to_reserve_waits_for_what_others_reserved_or_use() -> None:
    machine = Slots(3, (), 32 * GB)
    first = machine.fit(want(memory_gb=20), [], free=25 * GB)
    assert first == Claim(ram=20 * GB)
    assert machine.fit(want(memory_gb=20), [Claim(ram=20 * GB)], free=25 * GB) is None, "the book is full"
    assert machine.fit(want(memory_gb=8), [Claim(ram=20 * GB)], free=5 * GB) is None, "another program has it"
    assert machine.fit(want(memory_gb=8), [Claim(ram=20 * GB)], free=9 * GB) == Claim(ram=8 * GB)
    assert machine.fit(want(), [Claim(ram=32 * GB)], free=0) == Claim(), "one that says nothing waits for a place alone"
    assert machine.lacks(want(memory_gb=40)) == "It asks for 40 GB of memory, and this machine has 32 GB."
    assert Slots(1, (), None).fit(want(memory_gb=8), []) == Claim(ram=8 * GB), (
        "what nobody can read keeps nobody waiting"
    )


def test_a_run_that_starts_whatever_else_runs_goes_where_the_fewest_are() -> None:
    assert TWO.claim_anyway(want(), [Claim((0,), None)]) == Claim((1,), None)
    assert TWO.claim_anyway(want(), [Claim((0,), None), Claim((0, 1), None)]) == Claim((1,), None)
    assert TWO.claim_of_started(None, want()) == Claim((0,), None), "CUDA gives it the first"
    told = TWO.told({"a": Claim((0,), None), "b": Claim((1,), 4 * GB), "c": Claim()})
    assert [gpu.reserved for gpu in told.gpus] == [None, 4 * GB] and told.cpu_used == 1


def test_the_machine_is_read_once_and_what_the_server_may_not_see_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLADIUS_SLOTS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = Slots.of_this_machine(reader=Nvml())
    assert found.cpu == 1 and [gpu.index for gpu in found.gpus] == [1]
    monkeypatch.setenv("GLADIUS_SLOTS", "4")
    assert Slots.of_this_machine(reader=Nvml()).cpu == 4 and Slots.of_this_machine(2, Nvml()).cpu == 2
    monkeypatch.setenv("GLADIUS_SLOTS", "many")
    with pytest.raises(ConfigError, match="from 1"):
        Slots.of_this_machine(reader=Nvml())


def test_a_trainer_sees_the_gpus_that_it_was_given_and_no_others(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    run = home.new_run("one", {})
    assert trainer_env(run, home, 1, {})["CUDA_VISIBLE_DEVICES"] == "7", "who was given none has what its caller said"
    given = trainer_env(run, home, 1, {"gpus": [1, 3]})
    assert (given["CUDA_VISIBLE_DEVICES"], given["CUDA_DEVICE_ORDER"]) == ("1,3", "PCI_BUS_ID")
