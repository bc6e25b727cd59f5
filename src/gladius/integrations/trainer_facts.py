"""Say in PULSE's words what a Hugging Face Trainer knows. Upstream: its state and logs. Downstream: transformers."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import Any, Dict, Mapping, Optional

from gladius.integrations import adapters
from gladius.integrations.router import expert_counts

_SUMMARY_NAMES = {"train_loss": "train/mean_loss", "train_samples_per_second": "train/mean_samples_per_second"}
_SUMMARY_NAMES["train_steps_per_second"] = "train/mean_steps_per_second"
_SUMMARY_NAMES["num_input_tokens_seen"] = "train/tokens_seen"
_OWN_SPACES = ("train/", "eval/", "test/", "moe/")
_RUNTIME = "_runtime"


def metric_values(logs: Mapping[str, Any]) -> Dict[str, float]:
    """Rename one log of the Trainer; what is no number is left out.

    The summary at the end of training has names of its own: `train_loss` there is a mean over the run, no point of the
    loss curve. TRL's trainers add numbers of their own, under `eval_` whatever was evaluated; the loss beside them
    tells what it was.
    """
    values = {}
    evaluated = _evaluated(logs)
    for name, value in logs.items():
        if name in ("epoch", "step") or isinstance(value, (bool, str)):
            continue
        if evaluated is not None and name.startswith("eval_") and not name.startswith(evaluated + "_"):
            name = "{}_{}".format(evaluated, name[len("eval_") :])  # noqa: PLW2901
        try:
            values[_metric_name(name)] = float(value)
        except (TypeError, ValueError, RuntimeError):
            continue
    return values


def _evaluated(logs: Mapping[str, Any]) -> Optional[str]:
    """What an evaluation's numbers begin with (`test`, `eval_math`), where it is another prefix than `eval`."""
    prefixes = [name[: -len(_RUNTIME)] for name in logs if name.endswith(_RUNTIME)]
    return prefixes[0] if len(prefixes) == 1 and prefixes[0] not in ("eval", "train") else None


def _metric_name(name: str) -> str:
    """Training's where nothing else is said, as in the Trainer's own TensorBoard: `rewards/margins` is `train/...`."""
    if name in _SUMMARY_NAMES:
        return _SUMMARY_NAMES[name]
    for prefix in ("eval", "test", "train"):
        if name.startswith(prefix + "_"):
            return "{}/{}".format(prefix, name[len(prefix) + 1 :])
    return name if name.startswith(_OWN_SPACES) else "train/" + name


def plan_facts(args: Any, state: Any, loader: Any) -> Dict[str, Any]:
    """Epochs, steps and samples as planned; None where the Trainer itself cannot know (a stream has no length)."""
    batches = _length(loader)
    facts = {"total_steps": state.max_steps, "samples": _length(getattr(loader, "dataset", None)), "total_epochs": None}
    facts["steps_per_epoch"] = None
    if batches:
        accumulation = max(1, args.gradient_accumulation_steps)
        per_epoch = math.ceil(batches / accumulation)
        whole, rest = divmod(state.max_steps, per_epoch)
        facts["steps_per_epoch"] = per_epoch
        facts["total_epochs"] = whole + min(1.0, rest * accumulation / batches)  # as the Trainer counts `state.epoch`
    elif state.max_steps > 0:
        facts["total_epochs"] = 1.0  # a stream is one pass: `state.epoch` is step / max_steps
    return facts


def model_facts(model: Any) -> Dict[str, Any]:
    """Name, number of parameters, experts per layer and per token; what is not known is left out."""
    config = getattr(model, "config", None)
    experts, active = expert_counts(config) if config is not None else (None, None)
    name = PurePath(str(getattr(config, "name_or_path", "") or "")).name or type(adapters.base_of(model)).__name__
    parameters, trainable = adapters.parameter_counts(model)
    facts = {
        "name": name,
        "parameters": parameters,
        "trainable_parameters": trainable,
        "experts": experts,
        "active_experts": active,
    }
    return {key: value for key, value in facts.items() if value is not None}


def config_facts(args: Any, model: Any) -> Dict[str, Any]:
    """What the Trainer really trains with, defaults included: plain values alone, and nothing that is a secret.

    The model's own type says what is computed in where no mixed precision is asked for.
    """
    known = args.to_dict()
    plain = {key: value for key, value in known.items() if _is_plain(value) and not _is_private(key)}
    plain["n_gpu"] = max(1, int(getattr(args, "n_gpu", 1) or 1))
    dtype = str(getattr(model, "dtype", "") or "").rpartition(".")[2]
    adapter = adapters.facts(model)
    return {
        "training_arguments": plain,
        **({"model_dtype": dtype} if dtype else {}),
        **({"adapter": adapter} if adapter else {}),
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(one, (bool, int, float, str)) for one in value)
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and value != "")


def _is_private(key: str) -> bool:
    return key.startswith(("_", "hub_", "push_to_hub")) or "token" in key or "api_key" in key


def _length(sized: Any) -> Optional[int]:
    try:
        return len(sized)
    except (TypeError, NotImplementedError):
        return None
