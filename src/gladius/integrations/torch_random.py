"""Read and restore every random generator of a training process. Upstream: python, numpy, torch. Downstream: torch_state.

States are plain numbers and tensors, so that a checkpoint of them loads without unpickling code.
"""

from __future__ import annotations

import random
import sys
from typing import Any, Dict, List

import torch


def random_states() -> Dict[str, Any]:
    """Return the states of `random`, numpy (where it is loaded) and torch, on the CPU and the devices in use."""
    version, internal, gauss = random.getstate()
    states: Dict[str, Any] = {"python": [version, list(internal), gauss], "torch": torch.get_rng_state()}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        name, keys, position, has_gauss, cached = numpy.random.get_state()
        states["numpy"] = [name, keys.tolist(), int(position), int(has_gauss), float(cached)]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states: Dict[str, Any]) -> List[str]:
    """Put `random_states()` back; returns a sentence for each generator that could not be, none when all were."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(states["torch"])
    missed = []
    if "numpy" in states:
        try:
            import numpy as np
        except ImportError:
            missed.append("numpy's random state: there is no numpy here")
        else:
            name, keys, position, has_gauss, cached = states["numpy"]
            np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    missed += _restore_devices(states)
    return missed


def _restore_devices(states: Dict[str, Any]) -> List[str]:
    missed = []
    if "cuda" in states:
        saved, here = len(states["cuda"]), torch.cuda.device_count()
        if saved == here:
            torch.cuda.set_rng_state_all(states["cuda"])
        else:
            missed.append(f"the random states of {saved} CUDA devices: there are {here} here")
    if "mps" in states:
        if torch.backends.mps.is_available():
            torch.mps.set_rng_state(states["mps"])
        else:
            missed.append("the random state of the MPS device: there is none here")
    return missed
