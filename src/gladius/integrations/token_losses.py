"""Read each token's loss from what a model's loss was computed of. Upstream: a forward pass. Downstream: router.

Nothing is computed twice, and nothing that the training computes changes: the log-probabilities are those that the loss
keeps for its own backward pass. Where they are not to be had (another loss, a fused kernel, labels that the model was not
given) there is no answer, and no guess.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

_DEPTH = 6


class TokenLosses(NamedTuple):
    """Negative log-likelihood of the next token at each place, [tokens]; 0 and not `told` where there is no label."""

    losses: Any
    told: Any


def of(output: Any, tokens: int) -> Optional[TokenLosses]:
    """The losses of a pass over so many places, padding included; None where they are not known."""
    log_probs, labelled = getattr(output, "log_probs", None), getattr(output, "label_mask", None)
    if log_probs is not None and labelled is not None:
        return _of_trl(log_probs.detach(), labelled, tokens)
    return _of_cross_entropy(getattr(output, "loss", None), tokens)


def _of_trl(log_probs: Any, labelled: Any, tokens: int) -> Optional[TokenLosses]:
    """TRL's head gives them for each place but the last, which has no next token."""
    import torch

    if log_probs.ndim == 2 and log_probs.shape[0] * (log_probs.shape[1] + 1) == tokens:
        log_probs, labelled = torch.nn.functional.pad(log_probs, (0, 1)), torch.nn.functional.pad(labelled, (0, 1))
    if log_probs.numel() != tokens:
        return None
    return TokenLosses(-log_probs.reshape(-1).float(), labelled.reshape(-1).ne(0))


def _of_cross_entropy(loss: Any, tokens: int) -> Optional[TokenLosses]:
    """transformers shifts the labels, not the logits: place by place as the routers see them."""
    node = _nll_node(getattr(loss, "grad_fn", None), _DEPTH)
    if node is None:
        return None
    log_probs, target = node._saved_self, node._saved_target
    if log_probs.ndim != 2 or target.numel() != tokens:
        return None
    told = target.ge(0)  # what is ignored is negative
    losses = -log_probs.detach().gather(1, target.clamp(min=0).unsqueeze(1)).squeeze(1).float()
    return TokenLosses(losses.masked_fill(~told, 0.0), told)


def _nll_node(node: Any, depth: int) -> Any:
    """The cross entropy in how a loss was made: divided by a number of tokens, maybe, and with a router's loss added."""
    if node is None or depth == 0:
        return None
    if node.name().startswith("NllLossBackward"):
        return node
    for parent, _ in node.next_functions:
        found = _nll_node(parent, depth - 1)
        if found is not None:
            return found
    return None
