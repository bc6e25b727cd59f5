"""A new attempt as far as it is decided, before it is recorded. Upstream: changes, checkpoints. Downstream: preview, resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gladius.launch.changes import Changes
from gladius.launch.checkpoints import Origin
from gladius.store.view import RunView


@dataclass(frozen=True)
class Plan:
    """The new attempt as far as it is decided: of which run, from which checkpoint, with which changes."""

    view: RunView
    base_attempt: int
    origin: Origin | None
    changes: Changes

    @property
    def hello(self) -> dict[str, Any]:
        """The last introduction of a trainer of this run; empty where there was none."""
        return self.view.attempt_facts(self.base_attempt).hello or {}

    @property
    def speaks(self) -> bool:
        """Whether its trainer looks at what this attempt is told."""
        return bool(self.hello) or self.view.run.get("engine") not in (None, "command")

    @property
    def samples_a_step(self) -> tuple[int, int] | None:
        """Samples in one optimizer step, before and after; None where the configuration does not say."""
        found = [_samples_a_step(flat, self.hello) for flat in (self.changes.base, self.changes.flat)]
        return None if found[0] is None or found[1] is None else (found[0], found[1])


def _samples_a_step(flat: dict[str, Any], hello: dict[str, Any]) -> int | None:
    batch, accumulation = flat.get("train.batch_size"), flat.get("train.gradient_accumulation", 1)
    if not isinstance(batch, int) or not isinstance(accumulation, int):
        return None
    return batch * accumulation * int(hello.get("world_size") or 1)
