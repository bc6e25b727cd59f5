"""The learning rate that the preview foretells is the one that the Trainer's own schedules give."""

from __future__ import annotations

import pytest

from gladius.launch.schedule import FORMULAS, Schedule, steps_per_epoch, total_steps


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(("warmup", "total"), [(0, 50), (10, 50), (20, 14)])
def test_rates_are_those_of_transformers(name: str, warmup: int, total: int) -> None:
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.003)
    theirs = optimization.get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    ours = Schedule(name, 0.003, warmup, total)
    for step in range(total):
        assert ours.rate(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-12, abs=1e-15)
        optimizer.step()
        theirs.step()


def test_steps_are_counted_as_the_trainer_counts_them() -> None:
    assert steps_per_epoch(samples=100, batch=8, accumulation=1, processes=1) == 13
    assert steps_per_epoch(samples=100, batch=8, accumulation=4, processes=1) == 4
    assert steps_per_epoch(samples=100, batch=8, accumulation=1, processes=2) == 7
    assert total_steps(2.5, 13, None) == 33 and total_steps(2.5, 13, 20) == 20
