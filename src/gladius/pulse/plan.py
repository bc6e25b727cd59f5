"""What a script says of its training when it starts. Upstream: `gladius.start`. Downstream: `hello`, PULSE v1."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional


class Plan:
    """What a script says of its training when it starts."""

    def __init__(
        self,
        total_epochs: Optional[float],
        total_steps: Optional[int],
        steps_per_epoch: Optional[int],
        samples: Optional[int],
        model: Optional[Mapping[str, Any]],
        world_size: int,
        mode: str,
        capabilities: Optional[Iterable[str]],
        resumed_from: Optional[Mapping[str, Any]],
    ) -> None:
        for name, value in (
            ("total_epochs", total_epochs),
            ("total_steps", total_steps),
            ("steps_per_epoch", steps_per_epoch),
        ):
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number >= 0, or None when it is not known; got {value!r}")
        if total_steps is None and total_epochs and steps_per_epoch:
            total_steps = round(total_epochs * steps_per_epoch)
        self.total_epochs = total_epochs
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch
        self.samples = samples
        self.model = dict(model) if model else None
        self.world_size = world_size
        self.mode = mode
        self.capabilities = None if capabilities is None else list(capabilities)
        self.resumed_from = dict(resumed_from) if resumed_from else None
        self.ranks: Optional[List[Mapping[str, Any]]] = None
        self.config: Optional[Mapping[str, Any]] = None
        self.config_file: Optional[str] = None
        self.attributions: Optional[Mapping[str, str]] = None

    def complete(self, facts: Mapping[str, Any]) -> None:
        """Take in what became known later; of the model and the configuration, what was said first stays."""
        for name, value in facts.items():
            if value is not None:
                first = getattr(self, name) if name in ("model", "config") else None
                setattr(self, name, {**value, **first} if first else value)

    @property
    def shared(self) -> bool:
        """Whether several processes train together: one of them alone must neither hold nor leave."""
        return self.world_size > 1

    @property
    def by_steps(self) -> Optional[int]:
        """The planned steps of a run that is limited by steps alone, for which PULSE v1 counts one epoch; else None."""
        return self.total_steps if not self.total_epochs else None

    @property
    def v1_total_epochs(self) -> float:
        """PULSE v1's total: a run limited by steps alone has 1.0, an unknown one 0.0."""
        if self.total_epochs:
            return float(self.total_epochs)
        return 1.0 if self.total_steps else 0.0

    def facts(self) -> Dict[str, Any]:
        """The fields of `hello` that the plan knows."""
        return {key: value for key, value in vars(self).items() if key not in ("capabilities", "steps_per_epoch")}
