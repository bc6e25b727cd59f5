"""Count right next tokens while a model is evaluated. Upstream: forward passes. Downstream: transformers."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

_IGNORED = -100


class NextTokenAccuracy:
    """Share of the labelled tokens of a causal language model that were its most likely ones, over evaluation passes."""

    def __init__(self, model: Any) -> None:
        self._hits: Any = 0
        self._counted: Any = 0
        config = getattr(model, "config", None)
        knows_order = hasattr(model, "generate") and not getattr(config, "is_encoder_decoder", False)
        self._hook = model.register_forward_hook(self._after, with_kwargs=True) if knows_order else None

    def share(self, gather: Callable[[Any], List[Any]]) -> Optional[float]:
        """Between 0 and 1, over all ranks (`Run.gather`); None where no pass had both labels and logits."""
        ranks = gather((int(self._hits), int(self._counted)))
        counted = sum(counted for _, counted in ranks)
        return sum(hits for hits, _ in ranks) / counted if counted else None

    def close(self) -> None:
        """Leave the model as it was."""
        if self._hook is not None:
            self._hook.remove()

    def _after(self, module: Any, _args: Tuple[Any, ...], kwargs: Dict[str, Any], output: Any) -> None:
        if module.training:
            return
        right, told = getattr(output, "is_top1", None), getattr(output, "label_mask", None)
        if right is not None and told is not None:  # TRL's head, which makes no logits
            self._hits = self._hits + right.sum()
            self._counted = self._counted + told.sum()
            return
        labels: Any = kwargs.get("labels")
        logits: Any = getattr(output, "logits", None)
        if labels is None or getattr(logits, "ndim", 0) != 3 or logits.shape[:2] != labels.shape:
            return
        wanted = labels[:, 1:]
        counted = wanted != _IGNORED
        self._hits = self._hits + ((logits[:, :-1].argmax(dim=-1) == wanted) & counted).sum()
        self._counted = self._counted + counted.sum()
