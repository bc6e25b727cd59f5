"""How the learning rate and the position in the data go on after a checkpoint. Upstream: plan, schedule. Downstream: preview."""

from __future__ import annotations

from typing import Any

from gladius.launch.plan import Plan
from gladius.launch.schedule import FORMULAS, Schedule, steps_per_epoch, total_steps
from gladius.wire.steering import RateContinuity

BATCH = ("train.batch_size", "train.gradient_accumulation")


def learning_rate(plan: Plan) -> RateContinuity | None:
    """The rate of the first step on the new course, as it would have gone on and as it will be.

    A scheduler sets the rate for the step to come when one has been made: so the very first step after a checkpoint still
    has the rate that the checkpoint brought, and a changed course shows from the second on. A changed peak shows at once.
    """
    if plan.origin is None or plan.origin.step is None or not plan.speaks:
        return None
    if not plan.changes.from_catalog or "train.schedule" not in plan.changes.base:
        return RateContinuity(source="The schedule is the script's own: it is not known here.")
    before, after = (_schedule(plan, flat) for flat in (_in_force(plan), plan.changes.flat))
    if before is None or after is None:
        return RateContinuity(source="How many steps were planned is not known.")
    same = (before.name, before.warmup, before.total) == (after.name, after.warmup, after.total)
    made = plan.origin.step if same else plan.origin.step + 1
    return RateContinuity(
        step=made + 1, before=before.rate(made), after=after.rate(made), source=_formula(before, after, made)
    )


def _in_force(plan: Plan) -> dict[str, Any]:
    """The configuration under which the checkpoint was saved: as launched, but for what it says otherwise."""
    base, origin = plan.changes.base, plan.origin
    values = origin.hyperparameters if origin is not None else {}
    keys = origin.config_keys if origin is not None else {}
    return {
        **base,
        **{keys[name]: value for name, value in values.items() if keys.get(name) in base and value is not None},
    }


def data_position(plan: Plan) -> str | None:
    """Where in the data the new attempt begins, after the samples in a step changed."""
    origin, sizes = plan.origin, plan.samples_a_step
    if origin is None or origin.step is None or sizes is None:
        return None
    old, new = sizes
    if "data_position" not in origin.contents:
        return "The checkpoint holds no position in the data: the epoch begins anew."
    if not origin.counts_in_steps:
        return "The checkpoint counts samples: it goes on with the next one, none twice and none left out."
    if old == new:
        return f"Still {new} samples a step: the position in the data stays."
    trained, placed = origin.step * old, origin.step * new
    fate = f"{trained - placed} samples come again" if placed < trained else f"{placed - trained} samples are left out"
    return (
        f"The position is counted in steps: {origin.step} steps of {old} samples trained {trained}, "
        f"{origin.step} of {new} are {placed}. So {fate}."
    )


def _schedule(plan: Plan, flat: dict[str, Any]) -> Schedule | None:
    name, peak, warmup = (flat.get(f"train.{key}") for key in ("schedule", "learning_rate", "warmup_steps"))
    total = _total(plan, flat)
    if name not in FORMULAS or not isinstance(peak, int | float) or not isinstance(warmup, int) or total is None:
        return None
    return Schedule(str(name), float(peak), warmup, total)


def _total(plan: Plan, flat: dict[str, Any]) -> int | None:
    """Optimizer steps that this configuration plans: what the trainer said, where nothing of it changed."""
    base, planned = plan.changes.base, plan.hello.get("total_steps")
    keys = (*BATCH, "train.epochs", "train.max_steps")
    data_same = all(flat.get(key) == base.get(key) for key in flat if key.startswith("data."))
    if all(flat.get(key) == base.get(key) for key in keys) and data_same:
        return planned if isinstance(planned, int) else None
    samples, epochs, limit = plan.hello.get("samples"), flat.get("train.epochs"), flat.get("train.max_steps")
    if isinstance(limit, int) and limit > 0:
        return limit
    if not isinstance(samples, int) or not isinstance(epochs, int | float) or not data_same:
        return None
    batch, accumulation = flat.get("train.batch_size"), flat.get("train.gradient_accumulation")
    if not isinstance(batch, int) or not isinstance(accumulation, int):
        return None
    per_epoch = steps_per_epoch(samples, batch, accumulation, plan.hello.get("world_size") or 1)
    return total_steps(float(epochs), per_epoch, None)


def _formula(before: Schedule, after: Schedule, step: int) -> str:
    same = (before.name, before.peak, before.warmup, before.total) == (
        after.name,
        after.peak,
        after.warmup,
        after.total,
    )
    told = [
        f"{one.name}: {FORMULAS[one.name]}, peak {one.peak:g}, w = {one.warmup}, T = {one.total}"
        for one in (before, after)
    ]
    course = told[0] if same else " -> ".join(told)
    return f"{course}; s = {step} (formulas of transformers.optimization)"
