"""Measure how a mixture-of-experts router spreads tokens. Upstream: forward passes. Downstream: transformers.

The load of an expert is its share of a layer's routing decisions within one logging window; a layer's shares sum to 1.
Padding and evaluation passes do not count, nor what is computed again for a backward pass.

The loss of an expert is an attribution: the mean negative log-likelihood of the tokens that were routed to it, each
weighted as the router weighted that expert. No expert has a loss of its own. One without a labelled token has none.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from gladius.integrations import token_losses
from gladius.integrations.batches import BatchWatch
from gladius.integrations.token_losses import TokenLosses

_log = logging.getLogger("gladius.integrations")

ATTRIBUTION = {"moe/loss": "routing_weighted_nll"}
"""What `hello` says of these names: they are no measurement of a part, but a sum shared out among parts."""

_ROUTER_NAMES = ("gate", "router")
_EXPERT_FIELDS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_SOFTMAX_ROUTERS = ("mixtral", "qwen2_moe", "qwen3_moe")
_ACTIVE_FIELDS = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_k")


def expert_counts(config: Any) -> Tuple[Optional[int], Optional[int]]:
    """Experts per layer and per token as the model's configuration names them; None for what it does not say."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return _first_int(text, _EXPERT_FIELDS), _first_int(text, _ACTIVE_FIELDS)


class Routed(NamedTuple):
    """One layer's decisions in a pass, [tokens, active]: expert numbers, and their weights where they are known."""

    experts: Any
    weights: Optional[Any]


class RouterLoad:
    """Counts per layer and expert, from hooks on the real routers. Empty (falsy) for a dense or unknown model."""

    def __init__(self, model: Any, watch: BatchWatch) -> None:
        config = getattr(model, "config", None)
        experts, active = expert_counts(config) if config is not None else (None, None)
        self._watch = watch
        self._experts = experts or 0
        self._active = active or 0
        self._reader = _Reader(self._experts, self._active, config)
        self._counts: Dict[Tuple[int, ...], Any] = {}
        self._losses: Dict[Tuple[int, ...], Any] = {}
        self._pass: Dict[int, Routed] = {}
        self._mask: Optional[Any] = None
        self._hooks: List[Any] = []
        self._weighted: Tuple[Any, Any] = (None, None)
        if self._experts > 1 and self._active >= 1:
            for layer, router in _routers(model):
                self._hooks.append(router.register_forward_hook(self._counter(layer)))
        if self._hooks:
            self._hooks.append(model.register_forward_hook(self._end_pass))

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def take(self) -> Dict[str, float]:
        """`moe/load/<layer>/<expert>` and `moe/loss/<layer>/<expert>` over the tokens since the last call.

        Nothing for a layer that routed no token, and no loss for an expert that none with a label was routed to.
        """
        self._count_pass()
        values: Dict[str, float] = {}
        for layer, row in _rows(self._counts):
            total = sum(row)
            if total:
                values.update({"moe/load/{}/{}".format(layer, expert): hit / total for expert, hit in enumerate(row)})
        for layer, row in _rows(self._losses):
            for expert in range(self._experts):
                loss, weight = row[expert], row[self._experts + expert]
                if weight > 0:
                    values["moe/loss/{}/{}".format(layer, expert)] = loss / weight
        self._counts, self._losses = {}, {}
        return values

    def close(self) -> None:
        """Leave the model as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _counter(self, layer: int) -> Callable[[Any, Any, Any], None]:
        def count(module: Any, _inputs: Any, output: Any) -> None:
            if not module.training or self._watch.learning is False:
                return
            routed = self._reader.read(module, output)
            if routed is not None:
                self._add(layer, routed)

        return count

    def _add(self, layer: int, routed: Routed) -> None:
        """Put a layer's decisions by: those of a pass are counted together, which costs less than each by itself."""
        if layer in self._pass:
            self._count_pass()
        self._pass[layer] = routed
        self._mask = self._watch.mask

    def _end_pass(self, _model: Any, _inputs: Any, output: Any) -> None:
        """What the parts do from now on, in a backward pass, they have done already."""
        if not self._watch.learning:
            return
        self._watch.learning = False
        if not self._pass:
            return
        routed = next(iter(self._pass.values()))
        try:
            losses = token_losses.of(output, routed.experts.shape[0]) if routed.weights is not None else None
            self._count_pass(losses)
        except Exception:  # noqa: BLE001
            # A model of a kind that we do not know: what it does with its experts is no reason to end its training.
            _log.warning("the use of experts cannot be measured; training goes on", exc_info=True)
            self._pass = {}
            self.close()

    def _count_pass(self, losses: Optional[TokenLosses] = None) -> None:
        groups: Dict[Tuple[Any, ...], List[int]] = {}
        for layer, routed in self._pass.items():
            groups.setdefault((routed.experts.device, routed.experts.shape), []).append(layer)
        for layers in groups.values():
            self._count_layers(tuple(layers), [self._pass[layer] for layer in layers], losses)
        self._pass, self._mask = {}, None

    def _count_layers(self, layers: Tuple[int, ...], routed: List[Routed], losses: Optional[TokenLosses]) -> None:
        """Add up decisions of one shape, [tokens, active] each; unlike bincount this never waits for a GPU."""
        import torch

        first = routed[0].experts
        decisions = torch.stack([one.experts for one in routed]).reshape(len(layers), -1).to(torch.long)
        counts = self._counts.get(layers)
        if counts is None:
            counts = self._counts[layers] = decisions.new_zeros(len(layers), self._experts)
        counts.scatter_add_(1, decisions, self._weight_of(self._mask, first).expand(len(layers), -1))
        if losses is None or any(one.weights is None for one in routed):
            return
        sums = self._losses.get(layers)
        if sums is None:
            sums = self._losses[layers] = torch.zeros(len(layers), 2 * self._experts, device=first.device)
        told = losses.told.to(first.device).unsqueeze(-1)
        weights = torch.stack([one.weights for one in routed]).float() * told
        weighted = weights * losses.losses.to(first.device).unsqueeze(-1)
        sums.scatter_add_(1, decisions, weighted.reshape(len(layers), -1))
        sums.scatter_add_(1, decisions + self._experts, weights.reshape(len(layers), -1))

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


class _Reader:
    """Understands what a router hands out: its decisions themselves, or, before transformers 5, its logits alone."""

    def __init__(self, experts: int, active: int, config: Any) -> None:
        self._experts = experts
        self._active = active
        text = config.get_text_config() if hasattr(config, "get_text_config") else config
        self._of_logits = getattr(text, "model_type", None) in _SOFTMAX_ROUTERS
        self._normed = bool(getattr(text, "norm_topk_prob", True))  # Mixtral always does, and has no word for it

    def read(self, router: Any, output: Any) -> Optional[Routed]:
        """The decisions; None for a router of another kind: better no load than a guessed one."""
        parts = output if isinstance(output, (tuple, list)) else (output,)
        tensors = [part.detach() for part in parts if getattr(part, "ndim", 0) >= 2]
        for part in reversed(tensors):
            if not part.is_floating_point() and part.shape[-1] == self._active:
                return Routed(part.reshape(-1, self._active), self._given_weights(tensors, part))
        if len(parts) == 1 and tensors and tensors[0].shape[-1] == self._experts and not _chooses_otherwise(router):
            return self._from_logits(tensors[0].reshape(-1, self._experts))
        return None

    def _given_weights(self, tensors: List[Any], chosen: Any) -> Optional[Any]:
        for part in reversed(tensors):
            if part.is_floating_point() and part.shape == chosen.shape:
                return part.reshape(-1, self._active)
        return None

    def _from_logits(self, logits: Any) -> Routed:
        import torch

        if not self._of_logits:
            return Routed(logits.topk(self._active, dim=-1).indices, None)
        weights, experts = torch.softmax(logits.float(), dim=-1).topk(self._active, dim=-1)
        return Routed(experts, weights / weights.sum(dim=-1, keepdim=True) if self._normed else weights)


def _chooses_otherwise(router: Any) -> bool:
    """Whether the largest logits are not what is chosen: a correction, or groups that come first."""
    grouped = max((int(getattr(router, name, None) or 1) for name in ("n_group", "num_group")), default=1)
    return hasattr(router, "e_score_correction_bias") or grouped > 1


def _rows(sums: Dict[Tuple[int, ...], Any]) -> List[Tuple[int, List[float]]]:
    """Each layer's numbers, added up over the groups of layers that were counted together; in the order of layers."""
    rows: Dict[int, List[float]] = {}
    for layers, table in sums.items():
        for layer, row in zip(layers, table.tolist()):  # noqa: B905 (Python 3.9 knows no `strict`)
            rows[layer] = [one + other for one, other in zip(rows[layer], row)] if layer in rows else row  # noqa: B905
    return sorted(rows.items())


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
