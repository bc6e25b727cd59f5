"""Load much at once. Upstream: main, serve. Downstream: the interpreter's collector of garbage."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Import without looking for garbage: what is loaded stays, and looking through it takes a quarter of the time.

    Afterwards it is left out of every later look, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
