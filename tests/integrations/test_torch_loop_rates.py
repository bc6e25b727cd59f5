"""A changed peak gives the very schedule that would have run with it from the start."""

import pytest

torch = pytest.importorskip("torch")

from torch.optim import lr_scheduler as schedules  # noqa: E402

from gladius.integrations.torch_rates import LearningRate, WeightDecay  # noqa: E402

pytestmark = pytest.mark.training

STEPS, CHANGED_AT = 40, 13


def adamw(rate, *shares, decay=(0.1,)):
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate * share, "weight_decay": decay[index % len(decay)]}
        for index, share in enumerate(shares or (1.0,))
    ]
    return torch.optim.AdamW(groups)


def warmed_up(optimizer, then):
    parts = [schedules.LinearLR(optimizer, start_factor=0.1, total_iters=10), then(optimizer)]
    return schedules.SequentialLR(optimizer, parts, milestones=[10])


SCHEDULES = {
    "none": lambda optimizer: None,
    "lambda": lambda optimizer: schedules.LambdaLR(optimizer, lambda step: min(1, step / 9) * (1 - step / 60)),
    "multiplicative": lambda optimizer: schedules.MultiplicativeLR(optimizer, lambda step: 0.97),
    "step": lambda optimizer: schedules.StepLR(optimizer, 5, gamma=0.7),
    "multi-step": lambda optimizer: schedules.MultiStepLR(optimizer, [4, 20, 30]),
    "constant": lambda optimizer: schedules.ConstantLR(optimizer, total_iters=20),
    "linear": lambda optimizer: schedules.LinearLR(optimizer, total_iters=20),
    "exponential": lambda optimizer: schedules.ExponentialLR(optimizer, 0.95),
    "polynomial": lambda optimizer: schedules.PolynomialLR(optimizer, STEPS, power=2),
    "cosine": lambda optimizer: schedules.CosineAnnealingLR(optimizer, STEPS),
    "cosine above a floor": lambda optimizer: schedules.CosineAnnealingLR(optimizer, STEPS, eta_min=1e-4),
    "cosine with restarts": lambda optimizer: schedules.CosineAnnealingWarmRestarts(optimizer, 7, 2, eta_min=1e-4),
    "one cycle": lambda optimizer: schedules.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=STEPS + 1
    ),
    "cyclic": lambda optimizer: schedules.CyclicLR(
        optimizer,
        [group["lr"] / 8 for group in optimizer.param_groups],
        [group["lr"] for group in optimizer.param_groups],
        step_size_up=6,
        cycle_momentum=False,
    ),
    "warm-up, then cosine": lambda optimizer: warmed_up(
        optimizer, lambda one: schedules.CosineAnnealingLR(one, STEPS - 10, eta_min=1e-4)
    ),
    "warm-up, then steps": lambda optimizer: warmed_up(optimizer, lambda one: schedules.StepLR(one, 8)),
    "chained": lambda optimizer: schedules.ChainedScheduler(
        [schedules.ConstantLR(optimizer, total_iters=16), schedules.ExponentialLR(optimizer, 0.98)]
    ),
}


def rates(name, peak, changed_to=None, at=CHANGED_AT):
    """The rates of two groups over all steps, the peak changed after step `at`."""
    optimizer = adamw(peak, 1.0, 0.25)
    scheduler = SCHEDULES[name](optimizer)
    rate = LearningRate(optimizer, scheduler)
    assert rate.applies == "live"
    seen = []
    for step in range(STEPS):
        seen.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        if changed_to is not None and step == at:
            assert rate.get() == pytest.approx(peak)
            rate.set(changed_to)
            assert rate.get() == changed_to
            if scheduler is not None:
                assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
    return seen


@pytest.mark.parametrize("at", [CHANGED_AT, 3])
@pytest.mark.parametrize("name", SCHEDULES)
def test_from_the_change_on_the_schedule_is_that_of_the_new_peak(name, at):
    before, after, changed = rates(name, 1e-2), rates(name, 4e-3), rates(name, 1e-2, 4e-3, at)
    assert changed[: at + 1] == before[: at + 1]
    for mine, wanted in zip(changed[at + 1 :], after[at + 1 :], strict=True):
        assert mine == pytest.approx(wanted, rel=1e-9)
    assert changed[at + 1] != before[at + 1]


def test_a_peak_may_go_to_zero_and_back():
    optimizer = adamw(0.1, 1.0, 0.5)
    scheduler = schedules.LambdaLR(optimizer, lambda step: 1.0)
    rate = LearningRate(optimizer, scheduler)
    rate.set(0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    rate.set(0.2)
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.1]


def test_a_peak_below_the_schedules_floor_is_refused():
    optimizer = adamw(0.1)
    rate = LearningRate(optimizer, schedules.CosineAnnealingLR(optimizer, 10, eta_min=0.01))
    with pytest.raises(ValueError, match=r"eta_min 0\.01"):
        rate.set(0.01)
    assert rate.get() == 0.1


def test_on_plateaus_it_is_the_rate_of_now():
    optimizer = adamw(0.1)
    scheduler = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    rate = LearningRate(optimizer, scheduler)
    assert (rate.applies, rate.label) == ("live", "learning rate, lowered on plateaus")
    rate.set(0.08)
    for _ in range(2):
        scheduler.step(1.0)
    assert rate.get() == 0.04


def test_a_schedule_of_ones_own_needs_a_restart():
    class Mine(schedules.LambdaLR):
        pass

    optimizer = adamw(0.1)
    assert LearningRate(optimizer, Mine(optimizer, lambda step: 1.0)).applies == "restart"
    floored = schedules.ChainedScheduler([schedules.CosineAnnealingLR(optimizer, 9, eta_min=0.01)])
    assert LearningRate(optimizer, floored).applies == "restart"


def test_a_rate_that_is_a_tensor_stays_that_tensor():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=torch.tensor(0.5))
    held = optimizer.param_groups[0]["lr"]
    rate = LearningRate(optimizer, schedules.LambdaLR(optimizer, lambda step: 1.0))
    rate.set(0.25)
    assert optimizer.param_groups[0]["lr"] is held
    assert float(held) == 0.25


def test_groups_without_decay_stay_without():
    optimizer = adamw(0.1, 1, 1, 1, decay=(0.1, 0.0, 0.05))
    decay = WeightDecay(optimizer)
    decay.set(0)
    decay.set(0.2)
    assert decay.get() == 0.2
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.2, 0.0, 0.1]
