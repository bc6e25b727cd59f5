"""Count the tokens that a model really trains on. Upstream: forward passes. Downstream: transformers, router."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple


class BatchWatch:
    """Looks at the inputs of every training forward pass.

    Passes in evaluation mode, and those from which nothing is learned (a reference model's), are not counted.

    `mask` is the attention mask of the pass under way, flattened to [batch * length], or None where there is none.
    `learning` says whether what the model's parts do now belongs to such a pass; None until the model itself was called.
    """

    def __init__(self, model: Any) -> None:
        self.mask: Optional[Any] = None
        self.learning: Optional[bool] = None
        self._tokens: Any = 0
        self._known = False
        self._hook = model.register_forward_pre_hook(self._before, with_kwargs=True)

    def take_tokens(self) -> Optional[int]:
        """Non-padding tokens since the last call; None where the passes did not tell."""
        tokens = int(self._tokens) if self._known else None  # the one moment that waits for the device
        self._tokens, self._known = 0, False
        return tokens

    def close(self) -> None:
        """Leave the model as it was."""
        self._hook.remove()

    def _before(self, module: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
        import torch

        self.learning = module.training and torch.is_grad_enabled()
        if not self.learning:
            return
        mask: Any = kwargs.get("attention_mask")
        ids: Any = kwargs.get("input_ids", args[0] if args else None)
        self.mask = None
        if getattr(mask, "ndim", 0) == 2:
            self.mask = mask.reshape(-1)
            self._count(mask.detach().ne(0).sum())
        elif mask is None and getattr(ids, "ndim", 0) == 2:
            self._count(ids.numel())

    def _count(self, tokens: Any) -> None:
        self._tokens = self._tokens + tokens
        self._known = True
