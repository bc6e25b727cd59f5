"""The configuration as a person looks at it: the snapshot, the rules of a file. Upstream: launch. Downstream: server, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Wire

ValueSource = Literal["live", "trainer", "launched", "derived"]
"""Who said it: the trainer while it runs (an adjustable), the trainer's introduction, the configuration that was launched,
or a computation on these."""


Plain = bool | int | float | str | list[float] | None


class ConfigValue(Wire):
    """One setting. `value` None is not known. `was` and `step` tell of a change while it trained."""

    value: Plain = None
    source: ValueSource | None = None
    key: str | None = Field(default=None, description="Where it stands: `train.learning_rate`")
    changed: bool = False
    was: Plain = None
    step: int | None = None


class ModelConfigFacts(Wire):
    """What is trained."""

    name: ConfigValue
    parameters: ConfigValue
    trainable_parameters: ConfigValue
    adapter: ConfigValue
    experts: ConfigValue
    active_experts: ConfigValue


class TrainingConfigFacts(Wire):
    """How much at a time. A batch is per device; effective is batch x accumulation x devices."""

    batch_size: ConfigValue
    gradient_accumulation: ConfigValue
    world_size: ConfigValue
    effective_batch: ConfigValue
    max_length: ConfigValue
    precision: ConfigValue
    seed: ConfigValue


class OptimizationFacts(Wire):
    """How it learns. The learning rate is the schedule's peak."""

    learning_rate: ConfigValue
    schedule: ConfigValue
    warmup_steps: ConfigValue
    warmup_ratio: ConfigValue
    optimizer: ConfigValue
    betas: ConfigValue
    epsilon: ConfigValue
    weight_decay: ConfigValue


class CheckpointingFacts(Wire):
    """How often it is saved and evaluated; 0 is never, None is not known."""

    every_minutes: ConfigValue
    every_steps: ConfigValue
    each_epoch: ConfigValue
    validation_steps: ConfigValue
    validation_each_epoch: ConfigValue


class ConfigFile(Wire):
    """The file that people edit. `edited`: it says something else than what was launched."""

    path: str
    name: str
    modified: float | None = Field(default=None, description="Unix seconds; None when it cannot be read")
    editable: bool = Field(description="Whether `PUT /runs/{id}/config` may write it")
    edited: bool = False
    problem: str | None = None


class ConfigSnapshot(Wire):
    """The settings that people ask for first, whichever trainer runs, each with where it came from."""

    file: ConfigFile | None = None
    live_changes: int = Field(default=0, description="Settings that were changed since this attempt began")
    model: ModelConfigFacts
    training: TrainingConfigFacts
    optimization: OptimizationFacts
    checkpointing: CheckpointingFacts


class ConfigSchema(Wire):
    """What the configuration file of a run may say. `rules` is a JSON Schema; None: only its script knows."""

    engine: str | None = None
    rules: dict[str, Any] | None = None
