"""Measure how a mixture-of-experts router spreads tokens. Upstream: forward passes. Downstream: transformers.

The load of an expert is its share of a layer's routing decisions within one logging window; a layer's shares sum to 1.
Padding and evaluation passes do not count. Gradient checkpointing shows every decision twice, which no share feels.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from gladius.integrations.batches import BatchWatch

_ROUTER_NAMES = ("gate", "router")
_EXPERT_FIELDS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_ACTIVE_FIELDS = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_k")


def expert_counts(config: Any) -> Tuple[Optional[int], Optional[int]]:
    """Experts per layer and per token as the model's configuration names them; None for what it does not say."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return _first_int(text, _EXPERT_FIELDS), _first_int(text, _ACTIVE_FIELDS)


class RouterLoad:
    """Counts per layer and expert, from hooks on the real routers. Empty (falsy) for a dense or unknown model."""

    def __init__(self, model: Any, watch: BatchWatch) -> None:
        experts, active = expert_counts(model.config) if hasattr(model, "config") else (None, None)
        self._watch = watch
        self._experts = experts or 0
        self._active = active or 0
        self._counts: Dict[Tuple[int, ...], Any] = {}
        self._pass: Dict[int, Any] = {}
        self._mask: Optional[Any] = None
        self._hooks: List[Any] = []
        self._weighted: Tuple[Any, Any] = (None, None)
        if self._experts > 1 and self._active >= 1:
            for layer, router in _routers(model):
                self._hooks.append(router.register_forward_hook(self._counter(layer)))

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def take(self) -> Dict[str, float]:
        """`moe/load/<layer>/<expert>` over the tokens since the last call; nothing for a layer that routed none."""
        self._count_pass()
        hits: Dict[int, List[int]] = {}
        for layers, counts in self._counts.items():
            for layer, row in zip(layers, counts.tolist()):  # noqa: B905 (Python 3.9 knows no `strict`)
                hits[layer] = [sum(pair) for pair in zip(hits[layer], row)] if layer in hits else row  # noqa: B905
        shares: Dict[str, float] = {}
        for layer, row in sorted(hits.items()):
            total = sum(row)
            if total:
                shares.update({"moe/load/{}/{}".format(layer, expert): hit / total for expert, hit in enumerate(row)})
        self._counts = {}
        return shares

    def close(self) -> None:
        """Leave the model as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _counter(self, layer: int) -> Callable[[Any, Any, Any], None]:
        def count(module: Any, _inputs: Any, output: Any) -> None:
            if not module.training:
                return
            chosen = self._chosen(output)
            if chosen is not None:
                self._add(layer, chosen)

        return count

    def _chosen(self, output: Any) -> Optional[Any]:
        """Expert numbers, [tokens, active]: handed out by the router itself, or the largest of its logits."""
        parts = output if isinstance(output, (tuple, list)) else (output,)
        tensors = [part for part in parts if getattr(part, "ndim", 0) >= 2]
        for part in reversed(tensors):
            if not part.is_floating_point() and part.shape[-1] == self._active:
                return part.detach().reshape(-1, self._active)
        if len(parts) == 1 and tensors and tensors[0].shape[-1] == self._experts:
            return tensors[0].detach().reshape(-1, self._experts).topk(self._active, dim=-1).indices
        return None  # a router of another kind: better no load than a guessed one

    def _add(self, layer: int, chosen: Any) -> None:
        """Put a layer's decisions by: those of a pass are counted together, which costs less than each by itself."""
        if layer in self._pass:
            self._count_pass()
        self._pass[layer] = chosen
        self._mask = self._watch.mask

    def _count_pass(self) -> None:
        groups: Dict[Tuple[Any, ...], List[int]] = {}
        for layer, chosen in self._pass.items():
            groups.setdefault((chosen.device, chosen.shape), []).append(layer)
        for layers in groups.values():
            self._count_layers(tuple(layers), [self._pass[layer] for layer in layers])
        self._pass, self._mask = {}, None

    def _count_layers(self, layers: Tuple[int, ...], chosen: List[Any]) -> None:
        """Add up decisions of one shape, [tokens, active] each; unlike bincount this never waits for a GPU."""
        import torch

        decisions = torch.stack(chosen).reshape(len(layers), -1)
        counts = self._counts.get(layers)
        if counts is None:
            counts = self._counts[layers] = decisions.new_zeros(len(layers), self._experts, dtype=torch.long)
        weight = self._weight_of(self._mask, chosen[0]).expand(len(layers), -1)
        counts.scatter_add_(1, decisions.to(torch.long), weight)

    def _weight_of(self, mask: Optional[Any], chosen: Any) -> Any:
        """1 for each decision about a real token, 0 for padding; kept while the mask, or without one the shape, stays."""
        import torch

        told = mask if mask is not None and mask.numel() == chosen.shape[0] else None
        known, weight = self._weighted
        if weight is not None and known is told and weight.device == chosen.device and weight.numel() == chosen.numel():
            return weight
        if told is None:
            weight = chosen.new_ones(chosen.numel(), dtype=torch.long)
        else:
            real = told.to(chosen.device).ne(0).to(torch.long)
            weight = real.unsqueeze(-1).expand_as(chosen).reshape(-1)
        self._weighted = (told, weight)
        return weight


def _routers(model: Any) -> Iterator[Tuple[int, Any]]:
    """Layer number and router of every block that holds both a router and experts."""
    seen: Set[int] = set()
    for name, module in model.named_modules():
        parent_name, _, own_name = name.rpartition(".")
        if own_name not in _ROUTER_NAMES or not hasattr(model.get_submodule(parent_name), "experts"):
            continue
        numbers = re.findall(r"\.(\d+)(?=\.|$)", name)
        layer = int(numbers[0]) if numbers and int(numbers[0]) not in seen else len(seen)
        seen.add(layer)
        yield layer, module


def _first_int(config: Any, names: Tuple[str, ...]) -> Optional[int]:
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None
