"""The settings that people ask for first, in whatever words the trainer has them. Upstream: store. Downstream: server.

Every trainer has its own words: the recipe's `train.batch_size` is `per_device_train_batch_size` to Hugging Face and
LLaMA-Factory, and a plain loop calls it `batch_size`. The tables below name them all, the surest first. What nobody says
is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gladius.catalog.settings import flatten
from gladius.errors import ConfigError
from gladius.launch.config_file import diff
from gladius.store.record import TOLD, config, live_values
from gladius.store.view import RunView
from gladius.wire.config import (
    CheckpointingFacts,
    ConfigFile,
    ConfigSnapshot,
    ConfigValue,
    ModelConfigFacts,
    OptimizationFacts,
    TrainingConfigFacts,
)

_DASH = ConfigValue()
_FLOATS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
_MODEL_NAME = ("model.name", "model.name_or_path", "model_name_or_path", "model_name", "base_model", "model")
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "n_experts", "experts")
_ACTIVE = ("active_experts", "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_top_k")
_PARAMETERS = ("parameters", "num_parameters", "n_parameters")
_BATCH = ("train.batch_size", "per_device_train_batch_size", "per_device_batch_size", "micro_batch_size", "batch_size",
          "train_batch_size")  # fmt: skip
_ACCUMULATION = ("train.gradient_accumulation", "gradient_accumulation_steps", "gradient_accumulation",
                 "accumulate_grad_batches", "grad_accum", "accumulate")  # fmt: skip
_LENGTH = ("data.max_length", "cutoff_len", "max_length", "max_seq_length", "max_seq_len", "sequence_length", "seq_len",
           "seq_length", "block_size", "context_length", "model_max_length")  # fmt: skip
_PRECISION = ("train.precision", "precision", "mixed_precision", "dtype", "torch_dtype", "compute_dtype")
_RATE = ("train.learning_rate", "learning_rate", "lr", "max_lr", "peak_lr")
_SCHEDULE = ("train.schedule", "lr_scheduler_type", "lr_schedule", "lr_scheduler", "scheduler", "schedule")
_WARMUP = ("train.warmup_steps", "warmup_steps", "num_warmup_steps", "lr_warmup_steps", "warmup_iters", "warmup")
_DECAY = ("train.weight_decay", "weight_decay", "wd")
_EVALUATION = ("eval_strategy", "evaluation_strategy")


def snapshot(view: RunView) -> ConfigSnapshot:
    """The newest attempt's settings, each with where it came from."""
    known = _Known(view)
    return ConfigSnapshot(
        file=_file(view),
        live_changes=len(known.changed),
        model=_model(known),
        training=_training(known),
        optimization=_optimization(known),
        checkpointing=_checkpointing(known),
    )


def resolved(view: RunView) -> str | None:
    """All that the trainer itself says it trains with, as YAML; None where it says nothing."""
    told = view.hello.get("config")
    told = {key: value for key, value in told.items() if key in TOLD} if isinstance(told, dict) else {}
    return as_yaml(told) if told else None


def as_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as people read it."""
    from gladius import yaml_text

    return yaml_text.dump(dict(data))


class _Known:
    """Everything that is known of a run's settings, and who says it."""

    def __init__(self, view: RunView) -> None:
        hello = view.hello
        self.engine = view.run.get("engine")
        self.world_size = hello.get("world_size")
        self.told = {f"model.{key}": value for key, value in (hello.get("model") or {}).items()}
        self._live = live_values(view)
        self._keys = {name: one.get("key") or name for name, one in (hello.get("adjustable") or {}).items()}
        try:
            self._launched = flatten(config(view, view.attempt))
        except ConfigError:
            self._launched = {}
        announced = hello.get("config")
        self._trainer = flatten(announced) if isinstance(announced, Mapping) else {}
        began = view.current.began_with
        steps = {one["name"]: one.get("step") for one in view.hyperparameters if one.get("attempt") == view.attempt}
        self.changed = {
            name: (began[name], steps.get(name))
            for name, value in self._live.items()
            if name in began and began[name] != value
        }

    def live(self, *names: str) -> ConfigValue:
        """What the trainer says that it is now."""
        name = next((one for one in names if self._live.get(one) is not None), None)
        if name is None:
            return _DASH
        was, step = self.changed.get(name, (None, None))
        return ConfigValue(
            value=self._live[name],
            source="live",
            key=self._keys[name],
            changed=name in self.changed,
            was=was,
            step=step,
        )

    def launched(self, *keys: str, kind: Callable[[Any], Any]) -> ConfigValue:
        """What the configuration says under the first of these keys that it has."""
        return _among(self._launched, keys, kind, "launched")

    def trainer(self, *keys: str, kind: Callable[[Any], Any]) -> ConfigValue:
        """What the framework says it trains with."""
        return _among(self._trainer, keys, kind, "trainer")

    def told_by_trainer(self, key: str) -> Any:
        """What the framework itself told under this very key."""
        return self._trainer.get(key)

    def of_model(self, name: str, kind: Callable[[Any], Any]) -> ConfigValue:
        """What the trainer says of its model."""
        value = kind(self.told.get(f"model.{name}"))
        return _DASH if value is None else ConfigValue(value=value, source="trainer", key=f"model.{name}")

    def first(self, *keys: str, kind: Callable[[Any], Any]) -> ConfigValue:
        """The configuration's word, else the framework's."""
        return _first(self.launched(*keys, kind=kind), self.trainer(*keys, kind=kind))


def _model(known: _Known) -> ModelConfigFacts:
    name = known.launched(*_MODEL_NAME, kind=_text)
    # The recipe's own section describes the model that is made here, and no other.
    tiny = name.value == "tiny-moe"
    own = ("tiny_moe.experts", "tiny_moe.active_experts") if tiny else (None, None)
    return ModelConfigFacts(
        name=_first(known.of_model("name", _text), name),
        parameters=_first(known.of_model("parameters", _whole), known.launched(*_PARAMETERS, kind=_whole)),
        trainable_parameters=known.of_model("trainable_parameters", _whole),
        adapter=_adapter(known),
        experts=_first(known.of_model("experts", _whole), _own(known, own[0], _EXPERTS)),
        active_experts=_first(known.of_model("active_experts", _whole), _own(known, own[1], _ACTIVE)),
    )


def _adapter(known: _Known) -> ConfigValue:
    """What is trained of a model that is not trained whole, in the words of its makers."""
    told = {
        name: known.told_by_trainer(f"adapter.{name}") for name in ("kind", "rank", "alpha", "dropout", "base_bits")
    }
    if not told["kind"]:
        return _DASH
    words = [str(told["kind"])]
    words += [f"{name} {told[name]:g}" for name in ("rank", "alpha", "dropout") if _number(told[name]) is not None]
    words += [f"{told['base_bits']}-bit base"] if told["base_bits"] else []
    targets = known.told_by_trainer("adapter.target_modules")
    text = ", ".join(words) + (f": {targets}" if targets else "")
    return ConfigValue(value=text, source="trainer", key="adapter")


def _own(known: _Known, key: str | None, keys: tuple[str, ...]) -> ConfigValue:
    if known.engine == "transformers":
        return known.launched(key, kind=_whole) if key else _DASH
    return known.launched(*keys, kind=_whole)


def _training(known: _Known) -> TrainingConfigFacts:
    batch = _first(known.live("batch_size"), known.first(*_BATCH, kind=_whole))
    accumulation = _first(
        known.live("gradient_accumulation", "gradient_accumulation_steps"), known.first(*_ACCUMULATION, kind=_whole)
    )
    devices = _devices(known)
    return TrainingConfigFacts(
        batch_size=batch,
        gradient_accumulation=accumulation,
        world_size=devices,
        effective_batch=_product(batch, accumulation, devices),
        max_length=known.first(*_LENGTH, kind=_whole),
        precision=_precision(known),
        seed=known.first("train.seed", "seed", "random_seed", kind=_whole),
    )


def _devices(known: _Known) -> ConfigValue:
    """Processes, each with all the devices that it spreads a batch over."""
    if not isinstance(known.world_size, int):
        return _DASH
    spread = known.trainer("training_arguments.n_gpu", kind=_whole).value or 1
    return ConfigValue(value=known.world_size * spread, source="trainer", key="world_size")


def _product(*factors: ConfigValue) -> ConfigValue:
    product = 1
    for factor in factors:
        if not isinstance(factor.value, int):
            return _DASH
        product *= factor.value
    changed = any(factor.changed for factor in factors)
    return ConfigValue(value=product, source="derived", changed=changed)


def _precision(known: _Known) -> ConfigValue:
    """What is computed in: mixed precision where a flag says so, else the type of the model; `auto` is no answer."""
    for ask in (known.trainer, known.launched):
        flags = {name: ask(name, kind=_flag) for name in ("bf16", "fp16")}
        for name, flag in flags.items():
            if flag.value is True:
                return ConfigValue(value=name, source=flag.source, key=flag.key)
        if ask("pure_bf16", kind=_flag).value is True:
            return ConfigValue(value="bf16", source="launched", key="pure_bf16")
        dtype = ask("model_dtype", kind=_text)
        if dtype.value is not None:
            return ConfigValue(value=_FLOATS.get(str(dtype.value), dtype.value), source=dtype.source, key=dtype.key)
    said = known.launched(*_PRECISION, kind=_text)
    return said if said.value != "auto" else _DASH


def _optimization(known: _Known) -> OptimizationFacts:
    steps = _first(known.live("warmup_steps"), known.first(*_WARMUP, kind=_number))
    ratio = known.first("warmup_ratio", "warmup_fraction", kind=_number)
    if isinstance(steps.value, float) and 0 < steps.value < 1:  # a share, as newer Trainers take it
        steps, ratio = _DASH, steps
    if ratio.value and steps.source != "live":
        steps = steps if steps.value else _DASH
    return OptimizationFacts(
        learning_rate=_first(known.live("learning_rate", "lr"), known.first(*_RATE, kind=_number)),
        schedule=_first(known.live("schedule"), known.first(*_SCHEDULE, kind=_text)),
        warmup_steps=steps,
        warmup_ratio=ratio if ratio.value else _DASH,
        optimizer=known.first("optim", "optimizer", "optimizer.name", "optimizer.type", "optimizer_name", kind=_text),
        betas=_betas(known),
        epsilon=known.first("adam_epsilon", "adam_eps", "optimizer.eps", "epsilon", "eps", kind=_number),
        weight_decay=_first(known.live("weight_decay"), known.first(*_DECAY, kind=_number)),
    )


def _betas(known: _Known) -> ConfigValue:
    pair = known.first("betas", "adam_betas", kind=_pair)
    if pair.value is not None:
        return pair
    for ask in (known.launched, known.trainer):
        one, two = (ask(f"adam_beta{n}", f"beta{n}", kind=_number) for n in (1, 2))
        if one.value is not None and two.value is not None:
            return ConfigValue(value=[one.value, two.value], source=one.source, key=one.key)
    return _DASH


def _checkpointing(known: _Known) -> CheckpointingFacts:
    saves = known.first("save_strategy", kind=_text)
    steps = _first(
        known.live("checkpoint_every_steps", "checkpoint_steps", "save_steps"),
        known.launched("train.checkpoint_steps", "checkpoint_every_steps", "checkpoint_steps", "checkpoint_every",
                       "save_every", kind=_number),
    )  # fmt: skip
    if steps.value is None and saves.value in (None, "steps"):
        steps = known.first("save_steps", kind=_number)
    minutes = _first(
        known.live("checkpoint_every_minutes", "checkpoint_minutes"),
        known.launched("train.checkpoint_minutes", "checkpoint_every_minutes", "checkpoint_minutes", kind=_number),
    )
    evaluates = known.first(*_EVALUATION, kind=_text)
    evaluation = _first(
        known.live("evaluate_every", "eval_steps"),
        known.launched("train.eval_steps", "evaluate_every", "eval_every", "validation_steps", kind=_number),
    )
    if not evaluation.value and evaluates.value in (None, "steps"):
        evaluation = _first(known.first("eval_steps", kind=_number), evaluation)
    return CheckpointingFacts(
        every_minutes=minutes,
        every_steps=steps,
        each_epoch=_each_epoch(known, saves),
        validation_steps=evaluation,
        validation_each_epoch=_each_epoch(known, evaluates) if not evaluation.value else _DASH,
    )


def _each_epoch(known: _Known, strategy: ConfigValue) -> ConfigValue:
    if strategy.value is not None:
        return ConfigValue(value=strategy.value == "epoch", source=strategy.source, key=strategy.key)
    if known.engine == "transformers":  # the recipe saves and evaluates at the end of each epoch
        return ConfigValue(value=True, source="derived")
    return _DASH


def _file(view: RunView) -> ConfigFile | None:
    path = view.config_path
    if path is None:
        return None
    try:
        found = diff(view)
    except ConfigError as error:
        return ConfigFile(path=str(path), name=path.name, editable=False, problem=str(error))
    return ConfigFile(
        path=str(path), name=path.name, modified=found.modified, editable=found.editable, problem=found.problem,
        edited=any(row.edited for row in found.rows),
    )  # fmt: skip


def _first(*values: ConfigValue) -> ConfigValue:
    return next((value for value in values if value.value is not None), _DASH)


def _among(settings: Mapping[str, Any], keys: Iterable[str], kind: Callable[[Any], Any], source: Any) -> ConfigValue:
    """The first key that stands there whole, else the first that is the last word of one key alone."""
    by_word: dict[str, list[str]] = {}
    for key in settings:
        by_word.setdefault(key.rpartition(".")[2], []).append(key)
    for wanted in keys:
        found = [wanted] if wanted in settings else by_word.get(wanted, [])
        if len(found) == 1 and (value := kind(settings[found[0]])) is not None:
            return ConfigValue(value=value, source=source, key=found[0])
    return _DASH


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | int | None:
    """A number, also one that YAML 1.1 left a text (`1e-4`)."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == float("inf"):
        return None
    return value


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _pair(value: Any) -> list[float] | None:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    pair = [number for one in value if (number := _number(one)) is not None]
    return pair if len(pair) == 2 else None
