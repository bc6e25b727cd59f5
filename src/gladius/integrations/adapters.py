"""Say what of a model is trained: a PEFT adapter, its rank, its weights. Upstream: peft's model. Downstream: trainer_facts.

Read from the model itself, without importing peft: what it holds is what is trained, whatever a script meant.
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

_PLAIN = {
    "rank": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "rslora": "use_rslora", "dora": "use_dora",
    "bias": "bias", "virtual_tokens": "num_virtual_tokens",
}  # fmt: skip
_LISTS = {
    "target_modules": "target_modules",
    "target_parameters": "target_parameters",
    "modules_to_save": "modules_to_save",
}


def facts(model: Any) -> Dict[str, Any]:
    """The active adapter's kind and settings, and how its base is quantized; empty for a model that has none."""
    config = _active_config(model)
    if config is None:
        return {}
    kind = getattr(config, "peft_type", "")
    told: Dict[str, Any] = {"kind": str(getattr(kind, "value", kind)).lower()}
    for name, field in _PLAIN.items():
        value = getattr(config, field, None)
        if isinstance(value, (bool, int, float, str)):
            told[name] = value
    for name, field in _LISTS.items():
        value = getattr(config, field, None)
        if value:
            told[name] = value if isinstance(value, str) else ", ".join(sorted(str(one) for one in value))
    bits = _quantized_bits(model)
    return {**told, "base_bits": bits} if bits is not None else told


def base_of(model: Any) -> Any:
    """The model that an adapter sits on; the model itself where there is none."""
    inside = getattr(model, "get_base_model", None)
    return inside() if callable(inside) and _active_config(model) is not None else model


def parameter_counts(model: Any) -> Tuple[int, int]:
    """All weights, and those that are trained."""
    from transformers.trainer_pt_utils import get_model_param_count

    packed = sum(_unpacked(one) - one.numel() for one in model.parameters())
    return int(get_model_param_count(model)) + packed, int(get_model_param_count(model, trainable_only=True))


def _active_config(model: Any) -> Any:
    configs = getattr(model, "peft_config", None)
    if not isinstance(configs, dict) or not configs:
        return None
    active = getattr(model, "active_adapter", None)
    active = active[0] if isinstance(active, (list, tuple)) and active else active
    return configs.get(active) if isinstance(active, str) and active in configs else next(iter(configs.values()))


def _quantized_bits(model: Any) -> Any:
    """4 or 8 for a base that bitsandbytes holds so; None for whole numbers, and for what says nothing."""
    base = base_of(model)
    for flag, bits in (("is_loaded_in_4bit", 4), ("is_loaded_in_8bit", 8)):
        if getattr(base, flag, False) is True:
            return bits
    return None


def _unpacked(weight: Any) -> int:
    """How many numbers a tensor stands for: several are packed into one byte of a quantized one."""
    shape = getattr(getattr(weight, "quant_state", None), "shape", None)
    if shape is None:
        return int(weight.numel())
    count = 1
    for length in shape:
        count *= int(length)
    return count
