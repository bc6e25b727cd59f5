"""Leave every random generator as it was found. Upstream: saving, validating, sampling. Downstream: the training loop.

What happens between two steps must not change what the next steps draw. Only libraries that are loaded are looked at:
this module itself needs none of them.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Callable, Iterator, List


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Restore the states of `random`, numpy and torch (CPU, CUDA, MPS) when the block ends, however it ends."""
    restore = _restorers()
    try:
        yield
    finally:
        for put_back in restore:
            put_back()


def _restorers() -> List[Callable[[], Any]]:
    import random

    state = random.getstate()
    found: List[Callable[[], Any]] = [lambda: random.setstate(state)]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        arrays = numpy.random.get_state()
        found.append(lambda: numpy.random.set_state(arrays))
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        found += _torch_restorers(torch)
    return found


def _torch_restorers(torch: Any) -> List[Callable[[], Any]]:
    cpu = torch.get_rng_state()
    found: List[Callable[[], Any]] = [lambda: torch.set_rng_state(cpu)]
    # A device that was never used has no state yet, and asking for it would take its memory.
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        devices = torch.cuda.get_rng_state_all()
        found.append(lambda: torch.cuda.set_rng_state_all(devices))
    if hasattr(torch, "mps") and torch.backends.mps.is_available():
        mps = torch.mps.get_rng_state()
        found.append(lambda: torch.mps.set_rng_state(mps))
    return found
