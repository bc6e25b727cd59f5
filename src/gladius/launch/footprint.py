"""How much memory and disk a training will need, by its model's shape. Upstream: preflight. Downstream: nothing.

An estimate, and told as one. Its parts:

- Weights, gradients and AdamW's two moments: as ZeRO counts them (Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1),
  for what the built-in recipe does: weights that learn, their gradients and both moments in 32 bits, so 16 bytes for each.
  With LoRA only the adapter learns (rank x (rows + columns) of each matrix, Hu et al. 2021, arXiv:2106.09685); the frozen
  weights take 2 bytes each in bf16 on a GPU, else 4.
- Activations: Korthikanti et al. 2022, arXiv:2205.05198, equation 2, without the attention scores that flash and memory-efficient
  attention do not keep: 34 x tokens x width bytes a layer in 16 bits, twice that in 32; with gradient checkpointing 2 x tokens x
  width a layer and one layer in full.
- Logits: tokens x vocabulary in 32 bits, with their gradient and one copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gladius.launch.model_folder import ModelShape

_LEARNING = 16
_BASE_GPU = 600_000_000
_BASE_CPU = 500_000_000


@dataclass(frozen=True)
class Footprint:
    """Bytes: `memory` at the peak (RAM, or one GPU's memory), `checkpoint` of one, `kept` of all that lie there at once."""

    memory: int
    checkpoint: int
    kept: int


def footprint(shape: ModelShape, flat: Mapping[str, Any], gpu: bool) -> Footprint | None:
    """What the recipe will take; None where the model's files do not tell."""
    width = shape.size("hidden_size", "n_embd", "d_model")
    layers = shape.size("num_hidden_layers", "n_layer", "num_layers")
    vocabulary = shape.size("vocab_size")
    if not shape.parameters or not (width and layers and vocabulary):
        return None
    lora = flat.get("train.method") == "lora"
    half = gpu and flat.get("train.precision") in ("auto", "bf16", "fp16")
    rank = _whole(flat.get("lora.rank"), 16)
    learning = sum(rank * (rows + columns) for rows, columns in shape.linear) if lora else shape.parameters
    frozen = shape.parameters * (2 if half and flat.get("train.precision") != "fp16" else 4) if lora else 0
    tokens = _whole(flat.get("train.batch_size"), 8) * _whole(flat.get("data.max_length"), 512)
    layer = 34 * tokens * width * (1 if half else 2)
    stored = 2 * tokens * width * (1 if half else 2)
    activations = layers * stored + layer if flat.get("train.gradient_checkpointing") else layers * layer
    logits = 3 * 4 * tokens * vocabulary
    memory = frozen + _LEARNING * learning + activations + logits + (_BASE_GPU if gpu else _BASE_CPU)
    # Weights and both moments; the newest ones, the best one, and the one that is being written.
    checkpoint = 12 * learning
    kept = _whole(flat.get("train.keep_checkpoints"), 3) + 1 + bool(flat.get("train.keep_best"))
    return Footprint(memory, checkpoint, kept * checkpoint)


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default
