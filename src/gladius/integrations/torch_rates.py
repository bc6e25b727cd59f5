"""Read and change an optimizer's peak rate and decay truly. Upstream: adjustables. Downstream: optimizer, scheduler.

A scheduler computes each rate anew from what it holds itself, so a rate written into the optimizer alone is gone with
the next step. What is set here is the *peak*: every rate that the schedule holds is rescaled with it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, List, Optional

from torch.optim import lr_scheduler as schedules

_PROPORTIONAL = (
    schedules.LambdaLR,
    schedules.MultiplicativeLR,
    schedules.StepLR,
    schedules.MultiStepLR,
    schedules.ConstantLR,
    schedules.LinearLR,
    schedules.ExponentialLR,
    schedules.PolynomialLR,
    schedules.OneCycleLR,
    schedules.CyclicLR,
)
"""Every rate is the base rate times a factor that does not depend on it."""

_FLOORED = (schedules.CosineAnnealingLR, schedules.CosineAnnealingWarmRestarts)
"""The same above a floor, `eta_min`, which stays."""

_HELD_BY_GROUPS = ("initial_lr", "max_lr", "min_lr")
_HELD_BY_SCHEDULERS = ("base_lrs", "max_lrs")


class LearningRate:
    """The peak learning rate of an optimizer under a schedule; groups keep their proportions.

    `applies` is `live` where the schedule is known to follow, else `restart`.
    """

    def __init__(self, optimizer: Any, scheduler: Optional[Any] = None) -> None:
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._shares = _shares(self._peaks()) if self.known else []

    @property
    def known(self) -> bool:
        """Whether each group has a rate: some optimizers find their own."""
        return all(group.get("lr") is not None for group in self._optimizer.param_groups)

    @property
    def follows_plateaus(self) -> bool:
        """Whether the rate is lowered where a metric stands still: then there is no peak, only the rate of now."""
        return isinstance(self._scheduler, schedules.ReduceLROnPlateau)

    @property
    def applies(self) -> str:
        """`live`, or `restart` for a schedule that nothing is known of."""
        known = self._scheduler is None or self.follows_plateaus or _is_known(self._scheduler)
        return "live" if known else "restart"

    @property
    def label(self) -> str:
        """What the number is, for people."""
        if self._scheduler is None:
            return "learning rate"
        return "learning rate, lowered on plateaus" if self.follows_plateaus else "peak learning rate"

    def get(self) -> float:
        """The peak of the group with the highest one."""
        return max(self._peaks())

    def set(self, value: Any) -> None:
        """Rescale rate and schedule. Raises ValueError for a peak that is not above the schedule's floor."""
        peak = float(value)
        floor = 0.0 if self._scheduler is None else float(getattr(_active(self._scheduler), "eta_min", 0.0))
        if floor and peak <= floor:
            raise ValueError(f"the schedule ends at eta_min {floor:g}: choose a peak above that")
        for index, old in enumerate(self._peaks()):
            self._rescale(index, old, peak * self._shares[index], floor)
        for scheduler in _all_of(self._scheduler):
            scheduler._last_lr = [_number(group["lr"]) for group in self._optimizer.param_groups]

    def _rescale(self, index: int, old: float, new: float, floor: float) -> None:
        group, above = self._optimizer.param_groups[index], old - floor
        now = _number(group["lr"])
        _write(group, "lr", floor + (now - floor) * ((new - floor) / above) if above and now != old else new)
        for key in _HELD_BY_GROUPS:
            if key in group:
                _write(group, key, _scaled(_number(group[key]), old, new))
        for scheduler in _all_of(self._scheduler):
            for name in _HELD_BY_SCHEDULERS:
                held: Optional[List[Any]] = getattr(scheduler, name, None)
                if held is not None:
                    _write(held, index, _scaled(_number(held[index]), old, new))

    def _peaks(self) -> List[float]:
        """The highest rate of each group's schedule; without one, or on plateaus, the rate of now."""
        groups = self._optimizer.param_groups
        if self._scheduler is None or self.follows_plateaus:
            return [_number(group["lr"]) for group in groups]
        cycling = getattr(self._scheduler, "max_lrs", None)
        if cycling is not None:
            return [_number(rate) for rate in cycling]
        return [_number(group.get("max_lr", group.get("initial_lr", group["lr"]))) for group in groups]


class WeightDecay:
    """The weight decay of an optimizer. Groups without any (biases, norms) stay without."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._shares = _shares([_number(group.get("weight_decay", 0.0)) for group in optimizer.param_groups])

    @property
    def known(self) -> bool:
        """Whether this optimizer has such a thing."""
        return all("weight_decay" in group for group in self._optimizer.param_groups)

    def get(self) -> float:
        """The highest of the groups'."""
        return max(_number(group["weight_decay"]) for group in self._optimizer.param_groups)

    def set(self, value: Any) -> None:
        """Change it, the groups in proportion."""
        for index, share in enumerate(self._shares):
            _write(self._optimizer.param_groups[index], "weight_decay", float(value) * share)


def _is_known(scheduler: Any) -> bool:
    # Exactly these classes: a subclass may compute its rates in any way.
    if type(scheduler) is schedules.SequentialLR:
        return all(_is_known(part) for part in scheduler._schedulers)
    if type(scheduler) is schedules.ChainedScheduler:
        return all(type(part) in _PROPORTIONAL for part in scheduler._schedulers)
    return type(scheduler) in _PROPORTIONAL + _FLOORED


def _active(scheduler: Any) -> Any:
    """The one of a sequence that computes the rates now."""
    if type(scheduler) is schedules.SequentialLR:
        return _active(scheduler._schedulers[bisect_right(scheduler._milestones, scheduler.last_epoch)])
    return scheduler


def _all_of(scheduler: Optional[Any]) -> List[Any]:
    """A scheduler and those within it, each once."""
    if scheduler is None:
        return []
    return [scheduler, *(inner for part in getattr(scheduler, "_schedulers", ()) for inner in _all_of(part))]


def _shares(values: List[float]) -> List[float]:
    """Each group's part of the highest; all alike where there is none."""
    highest = max(values)
    return [value / highest if highest else 1.0 for value in values]


def _scaled(value: float, old: float, new: float) -> float:
    """`value` in the proportion of old to new, and exactly `new` where it was the old one."""
    return new if value == old or not old else value * (new / old)


def _number(value: Any) -> float:
    """A rate may be a tensor (capturable optimizers)."""
    return float(value)


def _write(holder: Any, key: Any, value: float) -> None:
    """Change a rate in place where it is a tensor, which a captured graph reads."""
    if hasattr(holder[key], "fill_"):
        holder[key].fill_(value)
    else:
        holder[key] = value
