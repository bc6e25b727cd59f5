"""The learning rate to the end of a living run: as it is, and as another peak would make it. Upstream: schedule, store. Downstream: server.

What a formula says is shown only where the rates that the run has logged bear it out.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from gladius.launch.schedule import FORMULAS, Schedule
from gladius.store.record import live_values
from gladius.store.view import RunView
from gladius.wire.steering import ScheduleCourse

RATE = "train/learning_rate"
POINTS = 160
_LOOKED_BACK = 8
_AGREES = 1e-6
"""Logged rates are doubles that were read from float32 or printed: a relative difference of this size is none."""


def rate_course(view: RunView, learning_rate: float | None = None) -> ScheduleCourse:
    """The course of the rate under the peak in force, and under `learning_rate` from the next step on."""
    schedule = _schedule(view)
    if isinstance(schedule, str):
        return ScheduleCourse(known=False, source=schedule)
    first = _first_step(view, schedule)
    if first is None:
        return ScheduleCourse(
            known=False,
            source=f"The rates that were logged are not those of {schedule.name}: the trainer goes its own way.",
        )
    now = view.current.pace.step
    other = None if learning_rate is None else Schedule(schedule.name, learning_rate, schedule.warmup, schedule.total)
    steps = _steps(schedule, first, now)
    return ScheduleCourse(
        known=True,
        source=f"{schedule.name}: {FORMULAS[schedule.name]}, w = {schedule.warmup}, T = {schedule.total}"
        " (formulas of transformers.optimization)",
        name=schedule.name,
        peak=schedule.peak,
        step=now if now >= 0 else None,
        steps=steps,
        now=[schedule.rate(step - first) for step in steps],
        then=None if other is None else [other.rate(step - first) if step > now else None for step in steps],
    )


def _schedule(view: RunView) -> Schedule | str:
    """The schedule that the trainer announced; in words why there is none that is known."""
    values = live_values(view)
    if "learning_rate" not in values:
        return "This trainer has no learning rate that can be changed."
    name, peak, warmup = values.get("schedule"), values["learning_rate"], values.get("warmup_steps", 0)
    total = view.hello.get("total_steps")
    if name is None:
        return "The schedule is the script's own: it is not known here how the rate goes on."
    if name not in FORMULAS:
        return f"The schedule '{name}' has no formula here: how the rate goes on is not known."
    if not _is_number(peak) or not isinstance(warmup, int) or not isinstance(total, int) or total < 1:
        return "How many steps are planned is not known."
    return Schedule(str(name), float(peak), warmup, total)


def _first_step(view: RunView, schedule: Schedule) -> int | None:
    """Whether the trainer calls its first step 0 or 1, by what it logged; None where the formula fits neither.

    Before anything was logged the Trainer's own way is taken, which counts from 1.
    """
    logged = _logged(view)
    if not logged:
        return 1
    peaks = _peaks(view, schedule.peak)
    for first in (1, 0):
        if all(
            math.isclose(
                Schedule(schedule.name, _peak_at(peaks, step), schedule.warmup, schedule.total).rate(step - first),
                rate,
                rel_tol=_AGREES,
                abs_tol=1e-15,
            )
            for step, rate in logged
        ):
            return first
    return None


def _logged(view: RunView) -> list[tuple[int, float]]:
    """The last rates that this attempt logged, and at which step."""
    series = view.table.series.get(RATE)
    if series is None:
        return []
    found = [
        (view.table.steps[row], value)
        for row, value in zip(series.rows[-_LOOKED_BACK:], series.values[-_LOOKED_BACK:], strict=True)
        if view.table.attempts[row] == view.attempt and math.isfinite(value)
    ]
    return [(int(step), float(value)) for step, value in found if step >= 0]


def _peaks(view: RunView, now: float) -> list[tuple[int, float]]:
    """Peak by the last step that was made under it, the oldest first; the one in force has no end."""
    changes = [
        (int(one["step"]), float(one["old"]))
        for one in view.hyperparameters
        if one.get("name") == "learning_rate"
        and one.get("attempt") == view.attempt
        and isinstance(one.get("step"), int)
        and _is_number(one.get("old"))
    ]
    return [*changes, (1 << 62, now)]


def _peak_at(peaks: list[tuple[int, float]], step: int) -> float:
    return next(peak for until, peak in peaks if step <= until)


def _steps(schedule: Schedule, first: int, now: int) -> list[int]:
    """Steps to draw, evenly over the whole run, with its corners and with the next one, where the courses part."""
    last = schedule.total + first - 1
    even = {first + round(index * (last - first) / (POINTS - 1)) for index in range(POINTS)}
    corners = {first + schedule.warmup, now, now + 1}
    steps = sorted(step for step in even | corners if first <= step <= last)
    return [step for step, after in pairwise([*steps, steps[-1] + 1]) if step != after]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
