"""Read and check a recipe's YAML. Upstream: launch. Downstream: finetune.

The catalog's `engines/transformers.yaml` describes the same settings for people; a test keeps the two in step.
"""
# ruff: noqa: UP045  (these annotations are read at run time, where Python 3.9 knows no `X | None`)

from __future__ import annotations

import difflib
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional, TypeVar, get_args, get_type_hints

from gladius.errors import ConfigError

T = TypeVar("T")


def _bounded(default: Any, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"min": low, "max": high, "choices": choices})


@dataclass(frozen=True)
class ModelConfig:
    """`name` is `tiny-moe`, `smollm2-135m-instruct`, a folder, a GGUF file, or a hub id; `revision` pins a hub id."""

    name: str = "tiny-moe"
    revision: Optional[str] = None


@dataclass(frozen=True)
class TinyMoeConfig:
    """The shape of the model that is initialised here; used with `model.name: tiny-moe` alone."""

    layers: int = _bounded(4, 1, 64)
    hidden: int = _bounded(128, 16, 4096)
    expert_hidden: int = _bounded(192, 16, 16384)
    experts: int = _bounded(8, 2, 256)
    active_experts: int = _bounded(2, 1, 256)
    vocabulary: int = _bounded(2048, 300, 200_000)


@dataclass(frozen=True)
class DataConfig:
    """Where the records come from (`builtin` or `path`) and how much of each is used; lengths in tokens."""

    id: Optional[str] = None
    builtin: Optional[str] = _bounded(None, choices=("stdlib-docs",))
    path: Optional[str] = None
    format: str = _bounded("auto", choices=("auto", "alpaca", "messages", "sharegpt", "text"))
    cache: Optional[str] = None
    max_length: int = _bounded(512, 8, 1_000_000)
    max_samples: Optional[int] = _bounded(None, 2)
    eval_fraction: float = _bounded(0.05, 0.0, 0.9)
    test_fraction: float = _bounded(0.0, 0.0, 0.9)


@dataclass(frozen=True)
class TrainConfig:
    """How to train. A batch is per process; `max_steps` ends the run early.

    A checkpoint is saved at the end of each epoch, and by `checkpoint_steps` and `checkpoint_minutes` in between;
    `keep_best` names a metric (`eval/loss`, or `-eval/accuracy` where more is better). Without `eval_steps` an
    evaluation comes with each epoch. 0 is the same as not set.
    """

    method: str = _bounded("full", choices=("full", "lora"))
    epochs: float = _bounded(3.0, 0.001, 100_000)
    max_steps: Optional[int] = _bounded(None, 1)
    batch_size: int = _bounded(8, 1)
    eval_batch_size: int = _bounded(16, 1)
    gradient_accumulation: int = _bounded(1, 1)
    learning_rate: float = _bounded(1e-4, 0.0)
    schedule: str = _bounded("cosine", choices=("cosine", "linear", "constant_with_warmup"))
    warmup_steps: int = _bounded(20, 0)
    weight_decay: float = _bounded(0.01, 0.0)
    max_grad_norm: float = _bounded(1.0, 0.0)
    precision: str = _bounded("auto", choices=("auto", "fp32", "bf16", "fp16"))
    gradient_checkpointing: bool = False
    log_every: int = _bounded(10, 1)
    eval_steps: Optional[int] = _bounded(None, 0)
    checkpoint_steps: Optional[int] = _bounded(None, 0)
    checkpoint_minutes: Optional[float] = _bounded(None, 0.0)
    keep_checkpoints: int = _bounded(3, 1)
    keep_best: Optional[str] = None
    nan_policy: str = _bounded("warn", choices=("warn", "pause", "stop", "rollback"))
    sample_prompts: int = _bounded(8, 0, 64)
    sample_tokens: int = _bounded(24, 1, 4096)
    seed: int = _bounded(42, 0)


@dataclass(frozen=True)
class LoraConfig:
    """The adapter of `train.method: lora`."""

    rank: int = _bounded(16, 1)
    alpha: int = _bounded(32, 1)
    dropout: float = _bounded(0.05, 0.0, 1.0)
    target_modules: str = "all-linear"


@dataclass(frozen=True)
class RecipeConfig:
    """The whole configuration. `output` is the checkpoint folder of a run that is not recorded."""

    model: ModelConfig = ModelConfig()
    tiny_moe: TinyMoeConfig = TinyMoeConfig()
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    lora: LoraConfig = LoraConfig()
    output: str = "checkpoints"

    @property
    def is_tiny(self) -> bool:
        """Whether the model is initialised here rather than loaded."""
        return self.model.name == "tiny-moe"


def load(path: str | Path) -> RecipeConfig:
    """Read a YAML file. Raises ConfigError that names the wrong key, or that the file cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    return parse(_yaml(text, path))


def parse(data: dict[str, Any]) -> RecipeConfig:
    """Make a checked configuration of plain data. Raises ConfigError with `field` set to the wrong key."""
    config = _build(RecipeConfig, data, "")
    if not config.data.builtin and not config.data.path:
        raise ConfigError(
            "No dataset is named.", "Set data.path to a JSONL file, or data.builtin to stdlib-docs.", "data.path"
        )
    if config.is_tiny and config.train.method == "lora":
        hint = "Set train.method to full, or model.name to a trained model."
        raise ConfigError("LoRA adapts a trained model; tiny-moe starts from nothing.", hint, "train.method")
    if config.tiny_moe.active_experts > config.tiny_moe.experts:
        raise ConfigError(
            "More active experts than experts.", "Lower tiny_moe.active_experts.", "tiny_moe.active_experts"
        )
    if config.data.eval_fraction + config.data.test_fraction >= 1:
        hint = "Lower data.test_fraction or data.eval_fraction: their sum must stay below 1."
        raise ConfigError("Nothing is left to train on.", hint, "data.test_fraction")
    return config


def flat(config: RecipeConfig) -> dict[str, Any]:
    """Every setting by its dotted key; a cadence that is not set is 0, as the trainer knows it."""
    settings: dict[str, Any] = {}
    for name, value in asdict(config).items():
        section = value if isinstance(value, dict) else {}
        settings.update({f"{name}.{key}": one for key, one in section.items()} if section else {name: value})
    for key in ("train.eval_steps", "train.checkpoint_steps", "train.checkpoint_minutes"):
        settings[key] = settings[key] or 0
    return settings


def _yaml(text: str, path: str | Path) -> dict[str, Any]:
    """YAML 1.2 where ruamel is at hand, else 1.1; the types below set right what 1.1 reads as text (`1e-4`)."""
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError:
        import yaml  # type: ignore[import-untyped]

        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is no YAML: {error}.") from error
    else:
        try:
            data = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            raise ConfigError(f"{path} is no YAML: {error}.") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no settings.", "Write 'model:', 'data:' and 'train:' sections.")
    return data


def _build(kind: type[T], data: Any, prefix: str) -> T:
    if not isinstance(data, dict):
        raise ConfigError("'{}' must be a section of settings.".format(prefix.rstrip(".")), field=prefix.rstrip("."))
    hints = get_type_hints(kind)
    for key in data:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, 1)
            hint = f"Did you mean {prefix}{near[0]}?" if near else "Known: {}.".format(", ".join(hints))
            raise ConfigError(f"Unknown setting '{prefix}{key}'.", hint, f"{prefix}{key}")
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name not in data:
            continue
        name = prefix + item.name
        hint_type, value = hints[item.name], data[item.name]
        if item.default is not MISSING and hasattr(item.default, "__dataclass_fields__"):
            values[item.name] = _build(hint_type, value, name + ".")
        else:
            values[item.name] = _checked(name, value, hint_type, item.metadata)
    return kind(**values)


def _checked(name: str, value: Any, kind: Any, rule: Any) -> Any:
    if type(None) in get_args(kind):
        if value is None:
            return None
        kind = next(one for one in get_args(kind) if one is not type(None))
    number = _number(value) if kind in (int, float) else None
    if kind in (int, float) and (number is None or number != number or (kind is int and number != int(number))):
        raise ConfigError(f"'{name}' must be {_WORDS[kind]}, not {value!r}.", field=name)
    if number is None and not isinstance(value, kind):
        raise ConfigError(f"'{name}' must be {_WORDS[kind]}, not {value!r}.", field=name)
    result = value if number is None else kind(number)
    if rule.get("choices") and result not in rule["choices"]:
        raise ConfigError(f"'{name}' is {value!r}.", "Choose from {}.".format(", ".join(rule["choices"])), name)
    low, high = rule.get("min"), rule.get("max")
    if number is not None and ((low is not None and number < low) or (high is not None and number > high)):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ConfigError(f"'{name}' is {value}, it must be {bounds}.", field=name)
    return result


_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _number(value: Any) -> float | None:
    """The number a YAML 1.1 or 1.2 scalar stands for; None where it stands for none. Infinity is none of ours."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if number in (float("inf"), float("-inf")) else number
