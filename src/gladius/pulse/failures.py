"""What an exception in training means: its code, and whether another try can help. Upstream: reporter. Downstream: `state`."""

from __future__ import annotations

import errno
from typing import Any, Dict

NON_FINITE_LOSS = "non_finite_loss"
CUDA_OUT_OF_MEMORY = "cuda_out_of_memory"
OUT_OF_MEMORY = "out_of_memory"

_DEVICE_WORDS = (
    "CUDA out of memory",
    "HIP out of memory",
    "XPU out of memory",
    "MPS backend out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
)
_HOST_WORDS = ("can't allocate memory", "not enough memory: you tried to allocate", "Cannot allocate memory")


def describe(error: BaseException) -> Dict[str, Any]:
    """Return `{code, message, retryable, traceback}` of an exception that ended the training."""
    import traceback

    code = code_of(error)
    return {
        "code": code,
        "message": f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        "retryable": _is_retryable(error, code),
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def code_of(error: BaseException) -> str:
    """Recognise a lack of memory, of a device or of the host, however it is raised; else the exception's class name.

    torch raises `torch.OutOfMemoryError` for a device and a bare RuntimeError for the host, Python a MemoryError, the
    kernel ENOMEM; a library may have wrapped any of them.
    """
    seen = set()
    cause: Any = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        text = str(cause)
        if type(cause).__name__ == "OutOfMemoryError" or any(word in text for word in _DEVICE_WORDS):
            return CUDA_OUT_OF_MEMORY
        if isinstance(cause, MemoryError) or getattr(cause, "errno", None) == errno.ENOMEM:
            return OUT_OF_MEMORY
        if isinstance(cause, RuntimeError) and any(word in text for word in _HOST_WORDS):
            return OUT_OF_MEMORY
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return type(error).__name__


def _is_retryable(error: BaseException, code: str) -> bool:
    """Whether the same training may succeed: with less memory in use, or when a disk or a network is back."""
    return code in (CUDA_OUT_OF_MEMORY, OUT_OF_MEMORY) or isinstance(error, (OSError, TimeoutError))
