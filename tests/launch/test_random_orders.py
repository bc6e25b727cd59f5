"""Random hands in the queue's order, and random runs on random machines: below any process, so by the thousand.

GLADIUS_RANDOM_EXAMPLES sets how many examples there are of each (`make random`).
"""

from __future__ import annotations

import json
import os
from typing import ClassVar

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gladius.launch.queue_book import Entry, behind, moved
from gladius.launch.slots import Claim, Gpu, Slots, needed_ram
from gladius.wire.catalog import Resources, StartRequest

EXAMPLES = int(os.environ.get("GLADIUS_RANDOM_EXAMPLES", "0")) * 20 or 60
PRIORITIES = st.sampled_from([-1, 0, 0, 0, 1])


class RandomOrders(RuleBasedStateMachine):
    """`line` is the queue as a person who stands beside it sees it; `entries` is what the book holds."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, Entry] = {}
        self.line: list[str] = []
        self.asked, self.now = 0, 1_790_000_000.0

    def told(self) -> list[str]:
        return [one.run_id for one in sorted(self.entries.values(), key=lambda one: one.rank)]

    def priorities(self) -> list[int]:
        return [self.entries[run_id].priority for run_id in self.line]

    def keep(self, entry: Entry) -> None:
        """As its file does."""
        self.entries[entry.run_id] = Entry.from_dict(json.loads(json.dumps(entry.as_dict())))

    @rule(priority=PRIORITIES, later=st.sampled_from([0.0, 0.0, 1e-4, 5.0, -3600.0]), id_=st.integers(0, 9))
    def ask(self, priority: int, later: float, id_: int) -> None:
        """Whatever the clock says: who asks later stands behind those of its priority."""
        self.now, self.asked = self.now + later, self.asked + 1
        run_id = f"{id_}-{self.asked}"
        place = behind(self.entries.values(), self.now)
        place_in_line = sum(one >= priority for one in self.priorities())
        self.line.insert(place_in_line, run_id)
        self.keep(Entry(run_id, StartRequest(profile_id="p"), "api", self.now, priority, place))

    @precondition(lambda self: self.line)
    @rule(which=st.integers(0, 50))
    def leave(self, which: int) -> None:
        """Started, or cancelled."""
        del self.entries[self.line.pop(which % len(self.line))]

    @precondition(lambda self: len(self.line) > 1)
    @rule(which=st.integers(0, 50), position=st.integers(1, 12), times=st.sampled_from([1, 1, 1, 40]))
    def move(self, which: int, position: int, times: int) -> None:
        """Now and then the same by a restless hand, who uses up the numbers between two neighbours."""
        for _ in range(times):
            run_id = self.line[which % len(self.line)]
            order = [self.entries[one] for one in self.line if one != run_id]
            changed = moved(order, self.entries[run_id], position)
            assert changed[-1].run_id == run_id
            for one in changed:
                self.keep(one)
                others = [told for told in self.told() if told != run_id]
                assert others == [one.run_id for one in order], "a kill in between changes nobody else's place"
            self.line.remove(run_id)
            self.line.insert(position - 1, run_id)
            assert self.told() == self.line
            which = position

    @invariant()
    def it_stands_as_it_was_put(self) -> None:
        assert self.told() == self.line
        assert self.priorities() == sorted(self.priorities(), reverse=True)


class RandomSlots(RuleBasedStateMachine):
    """A machine that nobody overfills: each GPU's memory, each CPU place and the memory are counted anew after each run."""

    machines: ClassVar = (
        Slots(1), Slots(3, ram=16_000_000_000), Slots(1, (Gpu(0, "a", 8_000_000_000), Gpu(1, "b", 24_000_000_000))),
        Slots(2, (Gpu(0, "a", None), Gpu(3, "b", 8_000_000_000)), 64_000_000_000),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.claims: list[tuple[Resources, Claim]] = []
        self.slots = Slots()

    @precondition(lambda self: not self.claims)
    @rule(slots=st.sampled_from(machines))
    def another_machine(self, slots: Slots) -> None:
        self.slots = slots

    @rule(
        gpus=st.sampled_from([None, 0, 1, 2, 3]),
        gpu_memory_gb=st.sampled_from([None, 0.5, 4, 8, 23.5, 30]),
        memory_gb=st.sampled_from([None, 1, 9, 100]),
        free=st.sampled_from([None, 5_000_000_000]),
    )
    def ask(self, gpus: int | None, gpu_memory_gb: float | None, memory_gb: float | None, free: int | None) -> None:
        wanted = Resources(gpus=gpus, gpu_memory_gb=gpu_memory_gb, memory_gb=memory_gb)
        claim = self.slots.fit(wanted, [one for _, one in self.claims], free)
        if self.slots.lacks(wanted) is not None:
            assert claim is None, "what this machine can never hold has no room on it now"
        elif not self.claims and free is None:
            assert claim is not None, "what this machine can hold has room when it is empty"
        if claim is not None:
            assert free is None or needed_ram(wanted) <= free
            assert len(claim.gpus or ()) == ((wanted.gpus or 1) if self.slots.pool(wanted) == "gpu" else 0)
            self.claims.append((wanted, claim))

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 50))
    def end(self, which: int) -> None:
        _, claim = self.claims.pop(which % len(self.claims))
        if claim.gpus is None and not claim.ram:
            assert self.slots.fit(Resources(gpus=0), [one for _, one in self.claims]) is not None, "its place is free"

    @invariant()
    def nothing_is_given_twice(self) -> None:
        claims = [claim for _, claim in self.claims]
        assert sum(claim.gpus is None for claim in claims) <= self.slots.cpu
        assert sum(claim.ram for claim in claims) <= (self.slots.ram or float("inf"))
        for gpu in self.slots.gpus:
            here = [claim for claim in claims if gpu.index in (claim.gpus or ())]
            shared = all(claim.memory is not None for claim in here) and gpu.memory is not None
            assert len(here) <= 1 or shared, "two on a GPU that one of them has whole"
            assert not shared or sum(claim.memory or 0 for claim in here) <= (gpu.memory or 0)


def how(steps: int) -> settings:
    """Shrinking a failure of such machines takes longer than reading it."""
    phases = (Phase.explicit, Phase.generate)
    return settings(max_examples=EXAMPLES, stateful_step_count=steps, deadline=None, database=None, phases=phases)


def test_a_line_stands_as_people_put_it_whatever_the_clock_says() -> None:
    run_state_machine_as_test(RandomOrders, settings=how(25))


def test_no_room_is_given_twice() -> None:
    run_state_machine_as_test(RandomSlots, settings=how(20))
