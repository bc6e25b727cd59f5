"""Every sentence of an alert, with the parameters that it takes from `data`. Upstream: the rules. Downstream: people, translators.

The key is the alert's code, or `code.kind` where `data["kind"]` tells several sentences of one code apart. A translation
takes the same parameters from the same `data`: they are numbers and names, never words of a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SENTENCES: dict[str, str] = {
    "gpu_temperature": "GPU {gpu} is at {celsius:.0f} °C, above the limit of {limit:.0f} °C",
    "thermal_throttling": "GPU {gpu} runs slower because it is too hot ({reasons})",
    "gpu_lost": "GPU {gpu} ({name}) is gone: it gives no readings any more",
    "memory_pressure": "{percent:.1f} % of the memory is in use, more than {limit:.0f} %",
    "gpu_memory": "{percent:.1f} % of the memory of GPU {gpu} is in use, more than {limit:.0f} %",
    "expert_imbalance": "Layer {layer} uses its experts unevenly: coefficient of variation {imbalance:.2f}, above {limit:.2f}",
    "dead_experts": "No tokens reach {count} of {experts} experts (layers {layers})",
    "slow_throughput": "{current:,.0f} {unit}/s, {percent:.0f} % under the average of the last four minutes ({average:,.0f})",
    "checkpoint_failed": "The checkpoint at step {step} failed: {reason}",
    "stalled": "No step for {seconds:.0f} s",
    "disk_nearly_full": "Only {percent:.1f} % of the disk is free; checkpoints and logs may fail",
    "console_log_large": "console.log has {gigabytes:.1f} GB; it is never cut",
    "non_finite_loss.nan": "The loss is NaN since step {step}",
    "non_finite_loss.infinite": "The loss is infinite since step {step}",
    "run_failed.error": "Training failed: {reason}",
    "run_failed.out_of_memory": "Training ran out of memory: {reason}",
    "run_failed.killed": "Training was killed: {reason}",
    "run_lost.lost": "The process is gone; how it ended is not known",
    "run_lost.unknown": "Training ended unobserved; how is not known",
    "damaged_lines": "Damaged lines of {file} are left out, the rest is used: {count} (line {lines})",
    "damaged_command": "Damaged commands are passed over: {files}",
    "checkpoint_verified": "Checkpoint at step {step} saved and verified",
    "validation_completed": "Validation at step {step} completed: {values}",
    "config_reloaded": "Configuration reloaded at step {step}",
    "epoch_milestone.of_total": "Epoch {epoch} of {total:g} completed",
    "epoch_milestone": "Epoch {epoch} completed",
}


def key_of(code: str, data: Mapping[str, Any]) -> str:
    """The name of the sentence."""
    kind = data.get("kind")
    return f"{code}.{kind}" if kind is not None else code


def sentence(code: str, data: Mapping[str, Any]) -> str:
    """The sentence in English; what is not known is a dash."""
    shown = {name: _shown(value) for name, value in data.items()}
    return SENTENCES[key_of(code, data)].format_map(shown)


class _Dash:
    """What is not known, in whatever format it is asked for."""

    def __format__(self, _: str) -> str:
        return "—"


def _shown(value: Any) -> Any:
    if value is None:
        return _Dash()
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_number(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return value


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
